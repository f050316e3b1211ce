"""The datasets that rows read: those that were packed, and generated ones."""

import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from recsys.data.batches.sequences import cut_sequences
from recsys.data.dataset import Dataset
from recsys.data.manifest import Manifest


def dataset_of(data: str | Mapping[str, int], packed: Path, scratch: Path) -> Dataset:
    """Opens a dataset, which it unpacks or generates where no process has yet.

    Args:
        data: its name, or what a generated one has.
        packed: where ``pack.py`` has put the others.
        scratch: where unpacked and generated ones are kept.
    """
    if isinstance(data, str):
        name = data
    else:
        name = "generated-" + "-".join(str(data[each]) for each in ("users", "items", "per_user"))
    folder = scratch / name
    if not folder.exists():
        scratch.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=scratch))
        if isinstance(data, str):
            with tarfile.open(packed / f"{data}.tar.gz") as archive:
                archive.extractall(new, filter="data")
        else:
            generate(new, **data)
        try:
            os.rename(new, folder)
        except OSError:  # another process was quicker
            shutil.rmtree(new)
    return Dataset(folder)


def generate(folder: Path, users: int, items: int, per_user: int) -> None:
    """Writes a log in which every user has as many events, popular items more often than others.

    Args:
        folder: which is there.
        users, items: how many.
        per_user: events of a user; the last but one is for validation, the last for the test.
    """
    generator = np.random.default_rng(0)
    events = users * per_user
    chosen = (items * generator.random(events) ** 2).astype(np.int32)
    trained = chosen.reshape(users, per_user)[:, :-2]
    if trained.size < items:
        raise ValueError(f"{trained.size} training events cannot hold each of {items} items")
    trained.flat[:items] = np.arange(items)
    offsets = np.arange(users + 1, dtype=np.int64) * per_user
    ends = offsets[1:, None] - (2, 1)
    parts = np.full((users, per_user), 0)
    parts[:, -2:] = 1, 2
    counts = np.zeros((items, 3), dtype=np.int64)
    np.add.at(counts, (chosen, parts.ravel()), 1)
    arrays = {
        "user_offsets": offsets,
        "part_ends": ends,
        "event_items": chosen,
        "event_weights": np.ones(events, dtype=np.float32),
        "history_ends": np.arange(events, dtype=np.int64),
        "item_counts": counts,
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    Manifest(
        fingerprint=f"generated-{users}-{items}-{per_user}",
        users=users,
        items=items,
        events=events,
        part_events={"train": events - 2 * users, "validation": users, "test": users},
        known_items={"train": items, "validation": items, "test": items},
        has_order=True,
        has_time=False,
        settings={},
        quality={},
        split={},
    ).write(folder)


def training_sequences(dataset: Dataset, max_events: int) -> tuple[np.ndarray, np.ndarray]:
    """The training events as sequences of ``max_events`` + 1 at most, as ours are cut.

    Returns:
        Where each begins and ends in ``event_items``; those of one event are left out.
    """
    begins = np.asarray(dataset.user_offsets[:-1])
    ends = dataset.part_range("train")[1]
    cut = cut_sequences(begins, ends, np.arange(dataset.events), max_events, max_events)
    kept = cut.ends - cut.begins > 1
    return cut.begins[kept], cut.ends[kept]


def experiment_of(name: str, packed: Path) -> dict[str, Any]:
    """The sections of an experiment that a training reads, as ``pack.py`` wrote them."""
    return json.loads((packed / "experiments.json").read_text())[name]
