"""Datasets small enough to know the answer, written without the data pipeline."""

from pathlib import Path

import numpy as np
import pandas as pd

from recsys.data.dataset import Dataset
from recsys.data.feature import Feature
from recsys.data.manifest import PARTS, Manifest, Part


def write_dataset(
    folder: Path,
    users: list[list[list[int]]],
    items: int,
    user_features: dict[str, tuple[Feature, np.ndarray]] | None = None,
    item_features: dict[str, tuple[Feature, np.ndarray]] | None = None,
    event_features: dict[str, tuple[Feature, np.ndarray]] | None = None,
    has_order: bool = True,
) -> Dataset:
    """Writes the events of each user: three lists of items, one per part.

    Each event is a timestamp group of its own; item ``i`` has the id ``i<i>``.
    """
    folder.mkdir(parents=True)
    (folder / "features").mkdir()
    events = np.array([i for user in users for part in user for i in part], dtype=np.int32)
    counts = np.array([[len(part) for part in user] for user in users], dtype=np.int64)
    offsets = np.concatenate(([0], np.cumsum(counts.sum(axis=1))))
    item_counts = np.zeros((items, 3), dtype=np.int64)
    for user in users:
        for index, part in enumerate(user):
            np.add.at(item_counts[:, index], part, 1)
    arrays = {
        "user_offsets": offsets,
        "part_ends": offsets[:-1, None] + np.cumsum(counts, axis=1)[:, :2],
        "event_items": events,
        "event_weights": np.ones(len(events), dtype=np.float32),
        "event_times": np.arange(len(events), dtype=np.int64) * 10**6,
        "history_ends": np.arange(len(events), dtype=np.int64),
        "item_counts": item_counts,
    }
    described = {"user": user_features, "item": item_features, "event": event_features}
    for side, features in described.items():
        for name, (_, values) in (features or {}).items():
            arrays[f"features/{side}.{name}"] = values
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    pd.DataFrame({"user_id": [f"u{i}" for i in range(len(users))]}).to_parquet(
        folder / "users.parquet"
    )
    pd.DataFrame(
        {"item_id": [f"i{i}" for i in range(items)], "title": [f"Item {i}" for i in range(items)]}
    ).to_parquet(folder / "items.parquet")
    seen = np.cumsum(item_counts, axis=1) > 0
    manifest = Manifest(
        fingerprint="test",
        users=len(users),
        items=items,
        events=len(events),
        part_events=dict(zip(PARTS, counts.sum(axis=0).tolist(), strict=True)),
        known_items={
            part: int(np.flatnonzero(seen[:, index]).max(initial=-1) + 1)
            for index, part in enumerate(PARTS)
        },
        has_order=has_order,
        has_time=True,
        **{
            f"{side}_features": tuple(feature for feature, _ in (features or {}).values())
            for side, features in described.items()
        },
        settings={},
        quality={},
        split={},
    )
    manifest.write(folder)
    return Dataset(folder)


def with_context(dataset: Dataset, items: list[int], part: Part = "test") -> Dataset:
    """The same log, in which events of some items weigh nothing up to and including a part."""
    weights, targets = np.array(dataset.event_weights), np.array(dataset.item_targets)
    for begin, end in zip(dataset.user_offsets, dataset.part_range(part)[1], strict=False):
        weights[begin:end][np.isin(dataset.event_items[begin:end], items)] = 0.0
    targets[items, : PARTS.index(part) + 1] = 0
    np.save(dataset.path / "event_weights.npy", weights)
    np.save(dataset.path / "item_targets.npy", targets)
    manifest = dataset.manifest.model_copy(update={"has_context": True})
    manifest.write(dataset.path)
    return Dataset(dataset.path)


def checkerboard(folder: Path, users: int = 24, items: int = 12, has_order: bool = True) -> Dataset:
    """Even users like even items, odd users odd ones.

    Each user has had all but two items of their colour, in an order of their
    own; one is the validation event, the other the test event, so there is one
    right recommendation per user and part.
    """
    generator = np.random.default_rng(0)
    rows = []
    for user in range(users):
        liked = generator.permutation(np.arange(user % 2, items, 2)).tolist()
        rows.append([liked[:-2], liked[-2:-1], liked[-1:]])
    return write_dataset(folder, rows, items, has_order=has_order)
