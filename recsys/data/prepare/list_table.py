"""Recommendations that another system made, read from a table with a row per user and item."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys.data.prepare.ids import identifier
from recsys.data.sources.config import FileConfig
from recsys.data.sources.engine import blaming_input, connect
from recsys.data.sources.frames import open_frame, write_frame
from recsys.data.sources.read import column, locate, read_table
from recsys.data.sources.readers.columns import find_column
from recsys.errors import InputError
from recsys.system.display import counted

WHAT = "the lists"
Order = Literal["rank", "score"]


@dataclass(frozen=True)
class ListTable:
    """What another system recommended.

    Attributes:
        users: the ids of the users, in the order in which they first appear.
        items: the ids of the items, likewise.
        user_codes: int64 [rows], the number of each row's user.
        item_codes: int64 [rows], the number of each row's item.
        places: float64 [rows], by which a user's rows are in order, the best one lowest: the rank,
            or the negated score.
        notes: what was left out, a sentence each.
    """

    users: list[str]
    items: list[str]
    user_codes: np.ndarray
    item_codes: np.ndarray
    places: np.ndarray
    notes: list[str]


def read_list_table(given: Any, columns: Mapping[str, str], scratch: Path) -> ListTable:
    """Reads lists: a row per user and recommended item, with its rank or its score.

    Args:
        given: a path of files (CSV, JSON, Parquet), or a frame.
        columns: names of the columns by role: ``user``, ``item``, and ``rank`` (1 is best) or
            ``score`` (more is better); roles that are left out are columns of that name. Of a table
            that has both, the rank counts.
        scratch: an empty folder, removed by the caller.

    Raises:
        InputError: the table cannot be read, lacks a column, or a rank or a score is not a number.
    """
    if unknown := set(columns) - {"user", "item", "rank", "score"}:
        raise InputError(
            f"{WHAT}: {min(unknown)!r} is not a role; the roles are user, item, rank and score"
        )
    folders = {name: scratch / name for name in ("files", "work")}
    for folder in folders.values():
        folder.mkdir()
    source = _source(given, columns, scratch)
    files = locate(source, "items", folders["files"])
    con = connect(folders["work"], memory_gib=3.0)
    try:
        with blaming_input(str(files)):
            read = read_table(con, files, source, "raw_lists")
            order, roles = _roles(columns, read.table.columns, files)
            value = column(read.table, roles[order], order, files)
            number = value.cast("string").strip().try_cast("float64")
            found = read.table.select(
                user=identifier(column(read.table, roles["user"], "user", files)),
                item=identifier(column(read.table, roles["item"], "item", files)),
                place=number,
                text=value.cast("string"),
            ).to_pyarrow()
            unread = read.note(files)
    finally:
        con.disconnect()
    _refuse_words(found, roles[order], order, files)
    table, notes = _whole_rows(found, roles, order)
    if not len(table):
        raise InputError(f"{files} has no row with a user, an item and a {order}")
    users, user_codes = _coded(table["user"])
    items, item_codes = _coded(table["item"])
    places = table["place"].to_numpy()
    return ListTable(
        users,
        items,
        user_codes,
        item_codes,
        places if order == "rank" else -places,
        [*notes, *([unread] if unread else [])],
    )


def _source(given: Any, columns: Mapping[str, str], scratch: Path) -> FileConfig:
    """Where the table lies; of a frame, what is read of it is written there first."""
    if isinstance(given, str | Path):
        return FileConfig(path=str(given))  # may be an address, which is not a path
    frame = open_frame(given, WHAT)
    _, roles = _roles(columns, frame.names, WHAT)
    read = [frame.column(name, role) for role, name in roles.items()]
    written = write_frame(frame.read(list(dict.fromkeys(read))), WHAT, scratch / "given" / "frames")
    return FileConfig(path=str(written), format="parquet")


def _roles(
    named: Mapping[str, str], there: tuple[str, ...], files: object
) -> tuple[Order, dict[str, str]]:
    """By what the rows are in order, and the column of each role."""
    order: Order
    if "rank" in named or ("score" not in named and "rank" in there):
        order = "rank"
    elif "score" in named or "score" in there:
        order = "score"
    else:
        raise InputError(
            f"{files} says neither which item was recommended first nor how each was scored: name "
            "the column that does, such as rank=position or score=probability. Its columns: "
            f"{', '.join(there)}"
        )
    roles = {role: named.get(role, role) for role in ("user", "item", order)}
    return order, {role: find_column(name, role, there, files) for role, name in roles.items()}


def _refuse_words(table: pa.Table, name: str, order: Order, files: object) -> None:
    """Refuses what stands for a number and is none."""
    given = pc.not_equal(pc.utf8_trim_whitespace(table["text"].fill_null("")), "")
    words = table.filter(pc.and_(given, pc.is_null(table["place"])))
    if len(words):
        text = words["text"][0].as_py()
        raise InputError(
            f"{files}: {counted(len(words), 'row')} of {len(table):,} have no number in {name!r} "
            f"({order}), such as {text!r}"
        )


def _whole_rows(
    table: pa.Table, roles: Mapping[str, str], order: Order
) -> tuple[pa.Table, list[str]]:
    """The rows that say everything, and how many do not."""
    notes = []
    for role, name in (("user", "user"), ("item", "item"), (order, "place")):
        there = pc.is_valid(table[name])
        if name == "place":
            there = pc.and_(there, pc.invert(pc.is_nan(table[name]).fill_null(True)))
        if missing := len(table) - (pc.sum(there).as_py() or 0):
            notes.append(
                f"left out: {counted(missing, 'row')} of the lists without {roles[role]} ({role})"
            )
            table = table.filter(there)
    return table, notes


def _coded(ids: pa.ChunkedArray) -> tuple[list[str], np.ndarray]:
    """Ids, and the number of each row's."""
    coded = ids.combine_chunks().dictionary_encode()
    return coded.dictionary.to_pylist(), coded.indices.to_numpy().astype(np.int64)
