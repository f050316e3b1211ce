"""The losses of five experiments on both backends, to the last bit.

A change that should not alter results writes them before and compares after:

    python scripts/reference_losses.py before.json
    python scripts/reference_losses.py after.json --against before.json

Bits differ between CPUs, so both are written on the same machine. Takes about five
minutes on two cores; the exit status is 1 where a loss or a metric differs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Of an epoch, what no two runs have alike.
TIMES = ("train_seconds", "validation_seconds", "input_wait_share")
BACKENDS = ("tensorflow", "jax")
EPOCHS = 2
DATA = {
    "log": {
        "path": "log/interactions.parquet",
        "columns": {"user": "user", "item": "item", "time": "time"},
    },
    "items": {
        "path": "log/items.parquet",
        "key": "item",
        "features": {
            "title": {"kind": "text", "column": "title"},
            "category": {"kind": "categorical", "column": "category"},
            "price": {"kind": "numeric", "column": "price"},
        },
    },
    "users": {
        "path": "log/users.parquet",
        "key": "user",
        "features": {"country": {"kind": "categorical", "column": "country"}},
    },
}
MODELS = {
    "two-tower": {
        "query": {"encoder": {"kind": "average"}, "user_features": ["country"], "user_id": True},
        "item": {"features": ["title", "category", "price"]},
        "loss": {"kind": "sampled_softmax", "negatives": {"kind": "mixed"}},
    },
    "lstm": {"query": {"encoder": {"kind": "lstm"}}, "loss": {"kind": "cross_entropy"}},
    "gru": {"query": {"encoder": {"kind": "gru"}}, "loss": {"kind": "bpr_max"}},
    "convolution": {"query": {"encoder": {"kind": "cnn"}}},
    "attention": {
        "query": {"encoder": {"kind": "attention", "times": True}, "user_features": ["country"]},
        "loss": {"kind": "gbce"},
    },
}


def losses(name: str, backend: str, folder: Path) -> list[dict[str, str]]:
    """What each epoch of an experiment gave, as hexadecimal floats; times are left out."""
    experiment = {
        "name": name,
        "data": DATA,
        "model": MODELS[name],
        "training": {"epochs": EPOCHS},
        "evaluation": {"baselines": ["popular"]},
        "tracking": {"enabled": False},
    }
    file = folder / f"{name}.yaml"
    file.write_text(json.dumps(experiment))  # JSON is YAML
    runs = folder / backend
    subprocess.run(
        [sys.executable, "-m", "recsys.cli", "train", file.name, "--runs-dir", str(runs)],
        cwd=folder,
        env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    history = json.loads((runs / name / "1" / "history.json").read_text())
    return [
        {key: float(value).hex() for key, value in epoch.items() if key not in TIMES}
        for epoch in history
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--against", type=Path, help="an output of before")
    arguments = parser.parse_args()
    found: dict[str, list[dict[str, str]]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        generate = ["data", "generate", "log", "--events", "30000", "--users", "1500"]
        generate += ["--items", "500"]
        subprocess.run(
            [sys.executable, "-m", "recsys.cli", *generate],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=True,
        )
        for backend in BACKENDS:
            for name in MODELS:
                print(f"{name} on {backend}", file=sys.stderr)
                found[f"{name} on {backend}"] = losses(name, backend, folder)
    arguments.output.write_text(json.dumps(found, indent=2))
    if arguments.against is None:
        return 0
    before = json.loads(arguments.against.read_text())
    different = [name for name in before if before[name] != found.get(name)]
    print("equal to the last bit" if not different else f"different: {', '.join(different)}")
    return bool(different)


if __name__ == "__main__":
    sys.exit(main())
