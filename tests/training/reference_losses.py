"""The losses of the first twenty steps of every encoder and loss, as they were.

They stand in ``reference_losses.json``, by backend, with what their last bits depend on: the
processor and the versions of the libraries. Where these are the same, losses must be the same to
the bit; on another processor or version, within ``BAND``. A change that alters them on purpose
writes them anew, and says so in its commit::

    python -m tests.training.reference_losses
"""

import json
import os
import re
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from recsys.system.processor import instructions, processor_name
from tests.datasets import checkerboard
from tests.models import zoo
from tests.processes import BACKENDS, run_python

FILE = Path(__file__).with_suffix(".json")
PAIRS = [(query, "cross_entropy") for query in zoo.QUERIES] + [
    ("two-tower", loss) for loss in zoo.LOSSES if loss != "cross_entropy"
]
# How the names of instructions begin that sums may be computed with.
VECTORS = ("avx", "fma", "amx")
# Relative. Without oneDNN, TensorFlow's were off by 1.4e-6 at most (2026-11-28), and by 1.9e-3 for
# HSTU, where Adam takes whole steps along gradients that are nothing but rounding; JAX's were the
# same with AVX2 alone.
BAND = 1e-4
BANDS = {"hstu cross_entropy": 2e-2}
LIBRARIES = {
    "tensorflow": ["keras", "numpy", "tensorflow"],
    "jax": ["jax", "jaxlib", "keras", "numpy"],
}


def kind_of_machine(backend: str) -> dict[str, Any]:
    """What the last bits of sums depend on: in which instructions, and in which order."""
    cpu = Path("/sys/devices/system/cpu/cpu0/cache")
    return {
        "processor": processor_name(),
        "instructions": sorted(each for each in instructions() if each.startswith(VECTORS)),
        "caches": [path.read_text().strip() for path in sorted(cpu.glob("index*/size"))],
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", ""),
        "flags": os.environ.get("XLA_FLAGS", ""),
        "versions": {name: version(name) for name in LIBRARIES[backend]},
    }


def train(backend: str, folder: Path, pairs=PAIRS, precision="float32", *epochs: str, **variables):
    """By model what :mod:`tests.training.checkerboard_check` prints."""
    if not (folder / "dataset").is_dir():
        checkerboard(folder / "dataset", users=100, items=16)
    command = ("-m", "tests.training.checkerboard_check", str(folder), json.dumps(pairs), precision)
    done = run_python(backend, *command, *epochs, **variables)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def band(backend: str, model: str, machine: dict[str, Any]) -> float:
    """How far the losses of a model may be from those that such a machine had, relatively."""
    if kind_of_machine(backend) == machine:
        return 0.0
    return BANDS.get(model, BAND)


def main(*backends: str) -> None:
    reference = json.loads(FILE.read_text()) if FILE.is_file() else {}
    for backend in backends or BACKENDS:
        with tempfile.TemporaryDirectory() as folder:
            found = train(backend, Path(folder), PAIRS, "float32", "2")
        reference[backend] = {
            "machine": kind_of_machine(backend),
            "losses": {name: each["losses"] for name, each in found.items()},
        }
    # A list a line.
    text = re.sub(
        r"\[[^][{}]*\]",
        lambda found: json.dumps(json.loads(found[0])),
        json.dumps(reference, indent=1),
    )
    FILE.write_text(text + "\n")


if __name__ == "__main__":
    import tests.conftest  # noqa: F401 — the environment that the tests run in

    main(*sys.argv[1:])
