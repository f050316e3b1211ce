"""A flipped byte in any file that a run reads is noticed, by the file's name."""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from recsys.data.dataset import Dataset
from recsys.errors import Damaged
from recsys.export.manifest import verified_manifest
from recsys.runs.folder import RunFolder
from recsys.system.manifests import files_in
from recsys.tracking import record
from recsys.training.checkpoint import load_checkpoint
from tests.faults.results import dataset_of

# Bytes a kill that `--faults` asks for.
BYTES = 10
# What a run writes for people and for other programs, and does not read again.
NOT_READ = {"report.html", "model_card.md", "probes.npz"}


def readers(work) -> dict[Path, Callable[[], object]]:
    """Every file, and what reads it."""
    run, found = RunFolder(work.run), {}
    dataset = dataset_of(work)
    for path in files_in(dataset):
        found[path] = lambda: Dataset(dataset).verify()
    for path in files_in(run.path):
        if path.is_relative_to(run.model):
            found[path] = lambda: verified_manifest(run.model / "1")
        elif path.is_relative_to(run.checkpoints / "train"):
            found[path] = lambda path=path: load_checkpoint(path)
        elif path.name == record.FILE:
            found[path] = lambda: record.read(run.path)
        elif path.name not in NOT_READ:
            found[path] = lambda path=path: run.files.checked(path)
    return found


def names(path: Path) -> list[str]:
    """What a message calls the file: of a manifest, also what it is the manifest of."""
    if path.name != "manifest.json":
        return [path.name]
    owner = path.parents[1] if path.parent.name == "assets.extra" else path.parent
    return [path.name, f"{owner} "]


def kind(path: Path) -> str:
    return "checkpoint" if path.suffix == ".npz" else path.name


def test_every_flipped_byte_is_noticed(request, undisturbed):
    work, _ = undisturbed()
    files, generator = readers(work), random.Random(0)
    assert {kind(path) for path in files} >= {
        *("event_items.npy", "users.parquet", "manifest.json", "checkpoint", "retriever.keras"),
        *("saved_model.pb", "fingerprint.pb", "variables.index", "experiment.yaml", "dataset.json"),
        *("metrics.json", "ranks.parquet", "history.json", "mlflow.json", "provenance.json"),
    }
    for read in files.values():
        read()
    by_kind: dict[str, list[Path]] = {}
    for path in files:
        by_kind.setdefault(kind(path), []).append(path)
    noticed: Counter[str] = Counter()
    for number in range(BYTES * request.config.getoption("--faults")):
        # Each kind in turn, however large its files are.
        name = sorted(by_kind)[number % len(by_kind)]
        path = generator.choice(by_kind[name])
        content = path.read_bytes()
        place = generator.randrange(len(content))
        changed = bytes([content[place] ^ generator.randint(1, 255)])
        path.write_bytes(content[:place] + changed + content[place + 1 :])
        try:
            with pytest.raises(Damaged) as raised:
                files[path]()
            assert any(name in raised.value.what for name in names(path)), (path, place)
        finally:
            path.write_bytes(content)
        noticed[name] += 1
    assert noticed.total() == BYTES * request.config.getoption("--faults")
