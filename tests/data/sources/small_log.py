"""The small log in several forms, and what is read of it."""

import io

import pyarrow as pa
import pyarrow.parquet as pq

from tests.data.conftest import SMALL_LOG

ROWS = [dict(zip(("user", "item", "time"), line.split(","), strict=True))
        for line in SMALL_LOG.splitlines()[1:]]  # fmt: skip


def parquet(compression="zstd", **columns):
    table = pa.Table.from_pylist(ROWS)
    for name, kind in columns.items():
        index = table.schema.get_field_index(name)
        table = table.set_column(index, name, table[name].cast(kind))
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression=compression)
    return buffer.getvalue()


EXPECTED = {"a": ["x", "y", "z", "w", "x"], "b": ["x", "z", "y", "w", "x"]}


def histories(dataset):
    ids = dataset.item_ids
    bounds = zip(dataset.user_offsets[:-1], dataset.user_offsets[1:], strict=True)
    events = [[ids[i] for i in dataset.event_items[begin:end]] for begin, end in bounds]
    return dict(zip(dataset.user_ids, events, strict=True))
