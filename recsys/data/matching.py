"""How well a side table fits the ids of the log, and what keeps them apart where it does not."""

from collections.abc import Callable
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from recsys.data.dataset import Side
from recsys.data.sources import ImageFeature, TableConfig


@ibis.udf.scalar.builtin(name="nfc_normalize")
def _composed(text: str) -> str:  # type: ignore[empty-body]
    """Unicode in its composed form (NFC)."""


# What the same id may differ in from one file to another, the likeliest first.
FORMS: dict[str, Callable[[ir.StringValue], ir.StringValue]] = {
    "leading zeros": lambda text: text.re_replace(r"^0+(.)", r"\1"),
    "case": lambda text: text.lower(),
    "blanks and invisible characters": lambda text: text.re_replace(r"[\s\p{Z}\p{Cf}]+", ""),
    "the Unicode form of letters": _composed,
    "punctuation": lambda text: text.re_replace(r"[^\p{L}\p{N}]+", ""),
    "what stands before the number": lambda text: text.re_replace(r"^[^1-9]*", "").nullif(""),
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


def match(
    con: Backend, index: ir.Table, size: int, table: ir.Table, side: Side, config: TableConfig
) -> Match:
    """Counts the ids of the log that a side table knows, and looks for why it misses others.

    Args:
        con: the engine.
        index: columns ``id`` and ``index`` of all users or items.
        size: the first so many of them are of the log.
        table: the side table, a row per ``id``.
        side: whose.
        config: what the experiment says of the table.
    """
    ids = index.filter(index["index"] < size).select("id")
    con.create_table(f"{side}_unmatched", ids.anti_join(table, "id"))
    unmatched = con.table(f"{side}_unmatched")
    missing = unmatched.count().execute()
    notes = []
    if missing:
        con.create_table(f"{side}_unused", table.anti_join(ids, "id").select("id"))
        why = _why(unmatched, con.table(f"{side}_unused"), missing)
        notes.append(_unmatched_note(side, size, missing, why))
    notes += _values_note(ids, size, missing, table, side, config)
    return Match(size, size - missing, table.count().execute(), tuple(notes))


def _unmatched_note(side: Side, size: int, missing: int, why: str) -> str:
    if missing == size:
        return (
            f"the {side} table has a row for none of the {size:,} {side}s of the log, so that its "
            f"features say nothing{why}"
        )
    share = f"{missing / size:.1%}"
    return f"{missing:,} of {size:,} {side}s of the log ({share}) have no row in their table{why}"


def _why(unmatched: ir.Table, unused: ir.Table, missing: int) -> str:
    """The form in which most of the unmatched ids would match, with an example."""
    best, found = "", 0
    for name, form in FORMS.items():
        left = unmatched.mutate(form=form(unmatched.id)).filter(lambda t: t.form.notnull())
        right = unused.mutate(form=form(unused.id))
        count = left.semi_join(right, "form").count().execute()
        if count > found:
            best, found = name, count
    if found < max(1, EXPLAINED * missing):
        return _examples(unmatched, unused)
    form = FORMS[best]
    left = unmatched.select(log=unmatched.id, form=form(unmatched.id))
    right = unused.select(table=unused.id, form=form(unused.id))
    pair = left.inner_join(right, "form").order_by("log", "table").limit(1).to_pyarrow().to_pylist()
    shown = f"log {pair[0]['log']!r}, table {pair[0]['table']!r}"
    return (
        f"; {found:,} of them differ in {best} only ({shown}): write the ids alike in both files, "
        "as text"
    )


def _examples(unmatched: ir.Table, unused: ir.Table) -> str:
    sides = {"log": unmatched, "table": unused}
    found = {
        name: table.order_by("id").limit(EXAMPLES).to_pyarrow()["id"].to_pylist()
        for name, table in sides.items()
    }
    shown = [f"{name} {', '.join(map(repr, ids))}" for name, ids in found.items() if ids]
    return f" ({'; '.join(shown)})"


def _values_note(
    ids: ir.Table, size: int, missing: int, table: ir.Table, side: Side, config: TableConfig
) -> list[str]:
    """Features that more lack than have no row; pictures are counted where they are read."""
    names = [n for n, feature in config.features.items() if not isinstance(feature, ImageFeature)]
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
