"""Packs what a machine with a GPU needs to measure, into one folder of less than 64 MiB.

    python scripts/benchmark/gpu/pack.py FOLDER --data DATA

DATA (or RECSYS_DATA) holds the folders that the experiments read. FOLDER, which must not be there,
gets the prepared datasets, the experiments that are trained, the code with its commit, and the
packages that a machine with JAX and PyTorch may lack, for its Python and Linux on x86-64. There,
without network or installation:

    python FOLDER/scripts/benchmark/gpu/run.py --results results.jsonl
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

from origin import COMMIT_FILE, REPOSITORY, commit
from rows import DATASETS, EXPERIMENTS

sys.path.append(str(REPOSITORY))

from environments import REQUIREMENTS

from recsys.data.prepare.prepare import prepare
from recsys.experiment.schema import Experiment, load_experiment

MOST_MIB = 64
# Of what the training core imports, all but JAX and what JAX needs itself.
PACKAGES = (
    "absl-py", "annotated-types", "h5py", "keras", "markdown-it-py", "mdurl", "namex", "optree",
    "packaging", "psutil", "pydantic", "pydantic-core", "pygments", "rich", "typing-extensions",
    "typing-inspection",
)  # fmt: skip
# What wheels of that machine's kind may be called, the newest first.
PLATFORMS = (
    "manylinux_2_28",
    "manylinux_2_27",
    "manylinux_2_24",
    "manylinux_2_17",
    "manylinux2014",
)
PLATFORMS += ("manylinux_2_12", "manylinux2010", "manylinux_2_5", "manylinux1")


def pack(folder: Path, python: str) -> None:
    """Fills a new folder."""
    for name in ("recsys", "scripts/benchmark"):
        shutil.copytree(
            REPOSITORY / name,
            folder / name,
            ignore=shutil.ignore_patterns("__pycache__", "marketing"),
        )
    (folder / COMMIT_FILE.name).write_text(f"{commit()}\n")
    experiments = {name: _experiment(name) for name in (*DATASETS.values(), *EXPERIMENTS)}
    called = {experiment: data for data, experiment in DATASETS.items()}
    # By the folder of each dataset, its name: experiments prepare one log alike.
    names: dict[Path, str] = {}
    read = {}
    with tempfile.TemporaryDirectory() as temporary:
        for name, experiment in experiments.items():
            path = prepare(experiment.data, Path(temporary)).path
            read[name] = names.setdefault(path, called.get(name, name))
        for path, name in names.items():
            with tarfile.open(folder / f"{name}.tar.gz", "w:gz") as archive:
                archive.add(path, arcname=".")
    told = {name: _sections(experiments[name]) | {"data": read[name]} for name in EXPERIMENTS}
    (folder / "experiments.json").write_text(json.dumps(told, indent=2))
    _bring(folder / "site", python)


def _experiment(name: str) -> Experiment:
    return load_experiment(REPOSITORY / "experiments" / f"{name}.yaml")


def _sections(experiment: Experiment) -> dict[str, object]:
    """What a training reads of an experiment."""
    evaluation = experiment.evaluation
    return {
        "model": experiment.model.model_dump(mode="json"),
        "training": experiment.training.model_dump(mode="json"),
        "evaluation": evaluation.model_dump(mode="json", include={"metric", "k", "block_size"}),
        "seen": experiment.seen,
    }


def _bring(folder: Path, python: str) -> None:
    """Installs the packages into a folder, for another Python."""
    (rectools,) = (each for each in REQUIREMENTS["rectools"] if each.startswith("rectools"))
    wanted = [f"{name}=={version(name)}" for name in PACKAGES]
    wanted.append(rectools.replace("[torch]", ""))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    command += [str(folder), "--only-binary=:all:", "--no-compile", "--python-version", python]
    command += ["--implementation", "cp"]
    for platform in PLATFORMS:
        command += ["--platform", f"{platform}_x86_64"]
    subprocess.run([*command, *wanted], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--data", default=os.environ.get("RECSYS_DATA"), metavar="DATA")
    parser.add_argument("--python", default="3.12", help="version of that machine's Python")
    arguments = parser.parse_args()
    if not arguments.data:
        parser.error("--data FOLDER is needed, or RECSYS_DATA")
    if arguments.folder.exists():
        parser.error(f"{arguments.folder} is there already: remove it, or name another folder")
    os.environ["RECSYS_DATA"] = arguments.data
    arguments.folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(dir=arguments.folder.parent, prefix="packing-"))
    try:
        pack(new, arguments.python)
        mib = sum(each.stat().st_size for each in new.rglob("*") if each.is_file()) / 2**20
        if mib > MOST_MIB:
            print(f"{mib:.0f} MiB are more than {MOST_MIB}: pack fewer datasets", file=sys.stderr)
            return 1
        new.chmod(0o755)
        new.rename(arguments.folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    print(f"{arguments.folder}: {mib:.1f} MiB of {MOST_MIB}, commit {commit()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
