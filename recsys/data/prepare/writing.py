"""Writes sorted events as flat arrays, batch by batch."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from ibis.backends.duckdb import Backend
from numpy.typing import DTypeLike

from recsys.data.feature import Feature
from recsys.data.prepare.features.feature import feature_column
from recsys.data.prepare.filters import group_keys
from recsys.data.sources.engine import stream

COLUMNS: dict[str, type[np.generic]] = {
    "event_items": np.int32,
    "event_weights": np.float32,
    "history_ends": np.int64,
    "event_times": np.int64,
    "event_values": np.float32,
    "event_sessions": np.int64,
    "event_channels": np.int32,
    "event_campaigns": np.int32,
}
BY_ROLE = {
    "event_weights": "weight",
    "event_times": "time",
    "event_values": "value",
    "event_sessions": "session",
    "event_channels": "channel",
    "event_campaigns": "campaign",
}


class ArrayFile:
    """A ``.npy`` file written in pieces, row after row.

    Plain writes rather than a memory map: on a full disk they fail with an
    exception, where a map kills the process.
    """

    def __init__(
        self,
        path: Path,
        dtype: DTypeLike,
        length: int,
        row_shape: tuple[int, ...] = (),
    ) -> None:
        self._dtype = np.dtype(dtype)
        self._file = open(path, "wb")  # noqa: SIM115, closed by __exit__
        header = {"descr": self._dtype.str, "fortran_order": False, "shape": (length, *row_shape)}
        np.lib.format.write_array_header_1_0(self._file, header)

    def write(self, values: np.ndarray) -> None:
        """Appends values, cast to the file's type."""
        self._file.write(np.ascontiguousarray(values, dtype=self._dtype).data)

    def __enter__(self) -> "ArrayFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


@dataclass
class TimestampGroupTracker:
    """Finds the first event of each timestamp group in a stream of sorted batches.

    Attributes:
        keys: columns that the events of one timestamp group share.
        seen: rows so far.
    """

    keys: tuple[str, ...]
    seen: int = 0
    _previous: dict[str, object] | None = None
    _begin: int = 0

    def begins(self, batch: pa.RecordBatch) -> np.ndarray:
        """int64 [rows]: index in the stream of the first event of each row's group."""
        index = np.arange(self.seen, self.seen + len(batch), dtype=np.int64)
        self.seen += len(batch)
        if not len(batch):
            return index
        new = np.zeros(len(batch), dtype=bool)
        for key in self.keys:
            values = as_numpy(batch[key])
            new[1:] |= values[1:] != values[:-1]
            if self._previous is None or self._previous[key] != values[0]:
                new[0] = True
        self._previous = {key: batch[key][-1].as_py() for key in self.keys}
        begins = np.maximum.accumulate(np.where(new, index, self._begin))
        self._begin = int(begins[-1])
        return begins


def write_offsets(user_parts: np.ndarray, folder: Path) -> None:
    """Writes ``user_offsets`` and ``part_ends``.

    Args:
        user_parts: int64 [users, 3], events of each user in each part.
        folder: where the arrays go.
    """
    offsets = np.concatenate(([0], np.cumsum(user_parts.sum(axis=1)))).astype(np.int64)
    np.save(folder / "user_offsets.npy", offsets)
    ends = offsets[:-1, None] + np.cumsum(user_parts, axis=1)[:, :2]
    np.save(folder / "part_ends.npy", ends)


def write_events(
    con: Backend,
    events: ir.Table,
    item_numbers: np.ndarray,
    size: int,
    folder: Path,
    features: Sequence[Feature] = (),
) -> None:
    """Writes the ``event_*`` arrays, ``history_ends`` and the features of events.

    All are sorted by (user, part, time, order).

    Events of a user that share part, time and order are one timestamp group.

    Args:
        con: the engine.
        events: integer columns ``user``, ``item``, ``part``, ``row``, the
            ``weight``, and by role mapped ``time``, ``order``, ``value``,
            ``session``, ``channel``, ``campaign``, and of each feature the numbers of its array.
        item_numbers: int32, the index of each item by its code in ``events``.
        size: number of events.
        folder: where the arrays go.
        features: of the events.
    """
    keys = ["user", "part", *group_keys(events)]
    tracker = TimestampGroupTracker(tuple(keys))
    by_feature = {f"features/event.{each.name}": feature_column(each.name) for each in features}
    sources = BY_ROLE | by_feature
    names = [name for name in COLUMNS if BY_ROLE.get(name, "item") in events.columns]
    wanted = [*keys, "item", *sources.values()]
    columns = [name for name in dict.fromkeys(wanted) if name in events.columns]
    dtypes = {name: COLUMNS[name] for name in names}
    dtypes |= {name: events[column].type().to_numpy() for name, column in by_feature.items()}
    ordered = events.order_by(*keys, "row").select(*columns)
    with ExitStack() as stack:
        files = {
            name: stack.enter_context(ArrayFile(folder / f"{name}.npy", dtype, size))
            for name, dtype in dtypes.items()
        }
        for batch in stream(con, ordered):
            values = {
                "event_items": item_numbers[batch["item"].to_numpy()],
                "history_ends": tracker.begins(batch),
            }
            for name, file in files.items():
                column = sources.get(name)
                file.write(values[name] if column is None else as_numpy(batch[column]))
    assert tracker.seen == size


def as_numpy(column: pa.Array) -> np.ndarray:
    """An Arrow column as an array; missing floats as NaN."""
    return column.to_numpy(zero_copy_only=False)
