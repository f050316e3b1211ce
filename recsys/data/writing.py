"""Writes sorted events as flat arrays, batch by batch."""

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from ibis.backends.duckdb import Backend

from recsys.data.engine import stream
from recsys.data.filters import in_order

COLUMNS = {
    "event_items": np.int32,
    "event_weights": np.float32,
    "history_ends": np.int64,
    "event_times": np.int64,
    "event_values": np.float32,
    "event_sessions": np.int64,
}
BY_ROLE = {"event_times": "time", "event_values": "value", "event_sessions": "session"}


class ArrayFile:
    """A one-dimensional ``.npy`` file written in pieces.

    Plain writes rather than a memory map: on a full disk they fail with an
    exception, where a map kills the process.
    """

    def __init__(self, path: Path, dtype: np.dtype, length: int) -> None:
        self._dtype = np.dtype(dtype)
        self._file = open(path, "wb")  # noqa: SIM115, closed by __exit__
        header = {"descr": self._dtype.str, "fortran_order": False, "shape": (length,)}
        np.lib.format.write_array_header_1_0(self._file, header)

    def write(self, values: np.ndarray) -> None:
        self._file.write(memoryview(np.ascontiguousarray(values, dtype=self._dtype)))

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
class MomentTracker:
    """Finds the first event of each moment in a stream of sorted batches.

    Attributes:
        keys: columns that events of one moment share; none = each event is a
            moment of its own.
    """

    keys: tuple[str, ...]
    _previous: dict[str, object] | None = None
    _begin: int = 0
    _seen: int = 0

    def begins(self, batch: pa.RecordBatch) -> np.ndarray:
        """int64 [rows]: index in the stream of the first event of each row's moment."""
        index = np.arange(self._seen, self._seen + len(batch), dtype=np.int64)
        self._seen += len(batch)
        if not self.keys:
            return index
        new = np.zeros(len(batch), dtype=bool)
        for key in self.keys:
            values = batch[key].to_numpy(zero_copy_only=False)
            new[1:] |= values[1:] != values[:-1]
            if self._previous is None or self._previous[key] != values[0]:
                new[0] = True
        self._previous = {key: batch[key][-1].as_py() for key in self.keys}
        begins = np.maximum.accumulate(np.where(new, index, self._begin))
        self._begin = int(begins[-1])
        return begins


def write_events(
    con: Backend,
    events: ir.Table,
    item_numbers: np.ndarray,
    size: int,
    each_alone: bool,
    folder: Path,
) -> None:
    """Writes the ``event_*`` arrays and ``history_ends``, sorted by (user, part, time, order).

    Args:
        con: the engine.
        events: integer columns ``user``, ``item``, ``part``, ``row``, the
            ``weight``, and by role mapped ``time``, ``order``, ``value``,
            ``session``.
        item_numbers: int32, the index of each item by its code in ``events``.
        size: number of events.
        each_alone: every event is a moment of its own (leave-one-out); else
            events of a user that share part, time and order are one moment.
        folder: where the arrays go.
    """
    keys = ["user", "part", *(key for key in in_order(events) if key != "row")]
    tracker = MomentTracker(() if each_alone else tuple(keys))
    names = [name for name in COLUMNS if BY_ROLE.get(name, "item") in events.columns]
    files = {name: ArrayFile(folder / f"{name}.npy", COLUMNS[name], size) for name in names}
    wanted = [*keys, "item", "weight", *(role for role in BY_ROLE.values() if role != "time")]
    columns = [name for name in dict.fromkeys(wanted) if name in events.columns]
    ordered = events.order_by(*keys, "row").select(*columns)
    try:
        for batch in stream(con, ordered):
            if not len(batch):
                continue
            values = {
                "event_items": item_numbers[batch["item"].to_numpy()],
                "event_weights": batch["weight"].to_numpy(zero_copy_only=False),
                "history_ends": tracker.begins(batch),
            }
            for name, role in BY_ROLE.items():
                if name in files:
                    values[name] = batch[role].to_numpy(zero_copy_only=False)
            for name, file in files.items():
                file.write(values[name])
    finally:
        for file in files.values():
            file.__exit__(None, None, None)
