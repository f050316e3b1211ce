"""The numbering of items and the tables of ids."""

from dataclasses import dataclass
from pathlib import Path

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from recsys.data.manifest import PARTS, Part
from recsys.protection.encryption import Encryption, write_table


@dataclass(frozen=True)
class Catalogue:
    """All items, in the order in which the dataset numbers them.

    Attributes:
        ids: of every item.
        numbers: int32, index of an item by its code in the encoded log; -1 = removed.
        counts: int64 [items, 3], events of an item in each part.
        targets: int64 [items, 3], those of them of a weight above 0.
        known: length of the prefix of items that have events up to and including a part.
    """

    ids: pa.ChunkedArray
    numbers: np.ndarray
    counts: np.ndarray
    targets: np.ndarray
    known: dict[Part, int]

    @property
    def has_context(self) -> bool:
        """Whether there are events of weight 0."""
        return not np.array_equal(self.counts, self.targets)

    @property
    def context_items(self) -> int:
        """Items whose events all weigh 0."""
        return int((self.counts.any(axis=1) & ~self.targets.any(axis=1)).sum())

    def notes(self) -> list[str]:
        """What a person should know."""
        if not self.context_items:
            return []
        return [
            "items that occur as context only (events of weight 0) and are never recommended: "
            f"{self.context_items:,}"
        ]


def build_catalogue(
    con: Backend,
    ids: pa.ChunkedArray,
    item_parts: np.ndarray,
    item_targets: np.ndarray,
    table: ir.Table | None,
) -> Catalogue:
    """Numbers the items of the log, then those that only the item table has, by id.

    Items that were removed from the log stay out, also when the table has them.

    Args:
        con: the engine, with a table ``items`` of all ids of the log.
        ids: item ids by code.
        item_parts: int64 [codes, 3], events of an item in each part.
        item_targets: int64 [codes, 3], those of them of a weight above 0.
        table: the item table, with a column ``id``.
    """
    order, known = _order(item_parts)
    numbers = np.full(len(item_parts), -1, dtype=np.int32)
    numbers[order] = np.arange(len(order), dtype=np.int32)
    chunks = ids.take(pa.array(order)).chunks
    if table is not None:
        extra = table.anti_join(con.table("items"), "id").select("id").order_by("id")
        chunks += extra.to_pyarrow()["id"].chunks
    all_ids = pa.chunked_array(chunks, pa.string())
    extra_rows = ((0, len(all_ids) - len(order)), (0, 0))
    counts, targets = (np.pad(each[order], extra_rows) for each in (item_parts, item_targets))
    return Catalogue(all_ids, numbers, counts, targets, known)


def _order(item_parts: np.ndarray) -> tuple[np.ndarray, dict[Part, int]]:
    """Codes of the items that have events, in catalogue order.

    Items with training events come first, then those that appear first in
    validation, then in test; within a group the most frequent there first. Codes
    follow the ids, so that ties are by id.
    """
    first = np.argmax(item_parts > 0, axis=1)
    there = np.flatnonzero(item_parts.any(axis=1))
    frequency = item_parts[np.arange(len(item_parts)), first]
    order = there[np.lexsort((there, -frequency[there], first[there]))]
    sizes = np.cumsum(np.bincount(first[there], minlength=len(PARTS)))
    return order, {part: int(n) for part, n in zip(PARTS, sizes, strict=True)}


def index_table(con: Backend, ids: pa.ChunkedArray, name: str) -> ir.Table:
    """Puts ids into the engine as ``id`` and ``index``."""
    numbers = pa.array(np.arange(len(ids), dtype=np.int64))
    con.create_table(name, pa.table({"id": ids, "index": numbers}))
    return con.table(name)


def write_users(ids: pa.ChunkedArray, folder: Path, encryption: Encryption | None = None) -> None:
    """Writes ``users.parquet``."""
    write_table(pa.table({"user_id": ids}), folder / "users.parquet", encryption)


def write_items(catalogue: Catalogue, titles: pa.ChunkedArray, folder: Path) -> None:
    """Writes ``items.parquet``, ``item_counts.npy`` and, with context, ``item_targets.npy``."""
    columns = {"item_id": catalogue.ids, "title": titles}
    pq.write_table(pa.table(columns), folder / "items.parquet")
    np.save(folder / "item_counts.npy", catalogue.counts)
    if catalogue.has_context:
        np.save(folder / "item_targets.npy", catalogue.targets)


def read_titles(index: ir.Table, table: ir.Table) -> pa.ChunkedArray:
    """Titles in index order; the id where the item table has none."""
    named = table.select(key=table.id, title=table.title)
    rows = index.left_join(named, index.id == named.key)
    titled = rows.select("index", title=rows.title.fill_null(rows.id)).order_by("index")
    return titled.to_pyarrow()["title"]
