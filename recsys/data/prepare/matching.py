"""How well a side table fits the ids of the log, and what keeps them apart where it does not."""

from collections.abc import Callable
from dataclasses import dataclass

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from recsys.data.feature import Side
from recsys.data.prepare.side_table import TableConfig
from recsys.data.prepare.variants import visible_form

# What the same id may differ in from one file to another, the likeliest first.
FORMS: dict[str, Callable[[pa.ChunkedArray], pa.ChunkedArray]] = {
    "leading zeros": lambda ids: pc.replace_substring_regex(ids, r"^0+(.)", r"\1"),
    "case": pc.utf8_lower,
    "Unicode form": visible_form,
    "blanks": lambda ids: pc.replace_substring_regex(ids, r"[\s\p{Z}]+", ""),
    "case, Unicode form or blanks": lambda ids: pc.replace_substring_regex(
        pc.utf8_lower(visible_form(ids)), r"[\s\p{Z}]+", ""
    ),
    "punctuation": lambda ids: pc.replace_substring_regex(ids, r"[^\p{L}\p{N}]+", ""),
    "what stands before the number": lambda ids: pc.replace_substring_regex(ids, r"^[^1-9]*", ""),
}
# Share of the ids without a row that a form must explain.
EXPLAINED = 0.1
EXAMPLES = 2


@dataclass(frozen=True)
class Match:
    """How a side table fits the log.

    Attributes:
        ids: of the log.
        matched: those that have a row in the table.
        rows: of the table.
        notes: what a person should know, a sentence each.
    """

    ids: int
    matched: int
    rows: int
    notes: tuple[str, ...]

    def as_document(self) -> dict[str, int]:
        """The counts, as they stand in the manifest."""
        return {"ids": self.ids, "matched": self.matched, "rows": self.rows}


def match(index: ir.Table, size: int, table: ir.Table, side: Side, config: TableConfig) -> Match:
    """Counts the ids of the log that a side table holds, and looks for why it lacks others.

    Args:
        index: columns ``id`` and ``index`` of all users or items.
        size: the first so many of them are of the log.
        table: the side table, a row per ``id``.
        side: whose.
        config: the experiment's section of the table.
    """
    ids = index.filter(index["index"] < size).select("id")
    unmatched = ids.anti_join(table, "id").order_by("id").to_pyarrow()["id"]
    missing, notes = len(unmatched), []
    if missing:
        unused = table.anti_join(ids, "id").select("id").order_by("id").to_pyarrow()["id"]
        why = difference(unmatched, unused, ("log", "table")) or _examples(unmatched, unused)
        notes.append(_unmatched_note(side, size, missing, why))
    notes += _values_note(ids, size, missing, table, side, config)
    return Match(size, size - missing, table.count().execute(), tuple(notes))


def _unmatched_note(side: Side, size: int, missing: int, why: str) -> str:
    if missing == size:
        return (
            f"the {side} table has a row for none of the {size:,} {side}s of the log, so that its "
            f"features are all missing{why}"
        )
    share = f"{missing / size:.1%}"
    return f"{missing:,} of {size:,} {side}s of the log ({share}) have no row in their table{why}"


def difference(ids: pa.ChunkedArray, others: pa.ChunkedArray, names: tuple[str, str]) -> str:
    """The form in which most of ``ids`` would be among ``others``, with an example; "" if none.

    Args:
        ids: text, of one place.
        others: text, of another; none of ``ids`` is among them.
        names: what the two places are called.
    """
    places = {
        name: pc.index_in(_there(form(ids)), value_set=_there(form(others)), skip_nulls=True)
        for name, form in FORMS.items()
    }
    best = max(places, key=lambda name: len(ids) - places[name].null_count)
    found = len(ids) - places[best].null_count
    if found < max(1, EXPLAINED * len(ids)):
        return ""
    first = pc.index(pc.is_valid(places[best]), True).as_py()
    one, other = ids[first].as_py(), others[places[best][first].as_py()].as_py()
    # Forms of Unicode look alike.
    shown = ascii if "Unicode" in best else repr
    return (
        f"; {found:,} of them differ in {best} only ({names[0]} {shown(one)}, {names[1]} "
        f"{shown(other)}): write the ids alike in both files, as text"
    )


def _there(forms: pa.ChunkedArray) -> pa.ChunkedArray:
    """Null where nothing is left of an id."""
    return pc.if_else(pc.equal(forms, ""), pa.scalar(None, pa.string()), forms)


def _examples(unmatched: pa.ChunkedArray, unused: pa.ChunkedArray) -> str:
    sides = {"log": unmatched, "table": unused}
    shown = [
        f"{name} {', '.join(map(repr, ids[:EXAMPLES].to_pylist()))}"
        for name, ids in sides.items()
        if len(ids)
    ]
    return f" ({'; '.join(shown)})"


def _values_note(
    ids: ir.Table, size: int, missing: int, table: ir.Table, side: Side, config: TableConfig
) -> list[str]:
    """Features that are missing more often than rows; files are counted where they are read."""
    names = [name for name, feature in config.features.items() if not feature.names_files]
    if not names or missing == size:
        return []
    joined = ids.inner_join(table, "id")
    counts = joined.aggregate(**{name: joined[f"feature.{name}"].count() for name in names})
    there = counts.to_pyarrow().to_pylist()[0]
    lacking = {name: size - there[name] for name in names if size - there[name] > missing}
    if not lacking:
        return []
    shown = ", ".join(f"{name} {count:,}" for name, count in lacking.items())
    return [f"{side}s of the log without a value, of {size:,}: {shown}"]
