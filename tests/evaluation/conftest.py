"""A hand-written dataset folder, small enough to work every number out by hand."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.data.dataset import Dataset
from recsys.data.manifest import PARTS, Manifest, Part

DAY = 86_400_000_000  # microseconds
Event = tuple[int, int, Part, int]  # user, item, part, day

WriteDataset = Callable[..., Dataset]


@pytest.fixture
def write_dataset(tmp_path: Path) -> WriteDataset:
    """A function that writes ``(user, item, part, day)`` events as a dataset folder.

    Item numbers are used as they are, so the caller numbers items as the
    dataset does: those with training events first.
    """

    def write(
        events: Sequence[Event],
        users: int,
        items: int,
        has_time: bool = True,
        has_order: bool = True,
        name: str = "dataset",
    ) -> Dataset:
        folder = tmp_path / name
        folder.mkdir()
        rows = sorted(events, key=lambda row: (row[0], PARTS.index(row[2]), row[3]))
        owners, event_items, days = (np.array([row[i] for row in rows]) for i in (0, 1, 3))
        parts = np.array([PARTS.index(row[2]) for row in rows])
        offsets = np.searchsorted(owners, np.arange(users + 1))
        part_ends = np.stack(
            [
                [offsets[user] + np.sum(parts[owners == user] <= part) for user in range(users)]
                for part in (0, 1)
            ],
            axis=1,
        )
        same_group = [
            next(j for j, other in enumerate(rows) if (other[0], *other[2:]) == (row[0], *row[2:]))
            for row in rows
        ]
        counts = np.stack(
            [np.bincount(event_items[parts == part], minlength=items) for part in range(3)], axis=1
        )
        arrays = {
            "user_offsets": offsets.astype(np.int64),
            "part_ends": part_ends.astype(np.int64),
            "event_items": event_items.astype(np.int32),
            "event_weights": np.ones(len(rows), np.float32),
            "history_ends": np.array(same_group, np.int64),
            "event_times": days.astype(np.int64) * DAY,
            "item_counts": counts.astype(np.int64),
        }
        for array_name, array in arrays.items():
            np.save(folder / f"{array_name}.npy", array)
        pq.write_table(
            pa.table({"user_id": [f"u{i}" for i in range(users)]}), folder / "users.parquet"
        )
        pq.write_table(
            pa.table(
                {
                    "item_id": [f"i{i}" for i in range(items)],
                    "title": [f"Item {i}" for i in range(items)],
                }
            ),
            folder / "items.parquet",
        )
        known = {
            part: int(np.max(np.flatnonzero(counts[:, : i + 1].sum(axis=1)), initial=-1)) + 1
            for i, part in enumerate(PARTS)
        }
        manifest = Manifest(
            fingerprint="hand-written",
            users=users,
            items=items,
            events=len(rows),
            part_events={part: int(np.sum(parts == i)) for i, part in enumerate(PARTS)},
            known_items=known,
            has_order=has_order,
            has_time=has_time,
            settings={},
            quality={},
            split={},
        )
        manifest.write(folder)
        return Dataset(folder)

    return write


@pytest.fixture
def checkerboard(write_dataset: WriteDataset) -> Dataset:
    """Even users meet even items, odd users odd ones; one of their own is withheld."""
    log = []
    for user in range(16):
        own = list(range(user % 2, 8, 2))
        withheld, validated = own.pop(user // 2 % 4), own.pop(user // 8 % 3)
        log += [(user, item, "train", day) for day, item in enumerate(own)]
        log += [(user, validated, "validation", 20), (user, withheld, "test", 30)]
    return write_dataset(log, users=16, items=8)
