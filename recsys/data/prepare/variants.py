"""Ids that people may read otherwise: kept apart though alike, taken for one, words for nothing."""

from collections.abc import Callable

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
from ibis.backends.duckdb import Backend

from recsys.data.prepare.quality import ID_ROLES
from recsys.data.sources.cells import NULL_WORDS
from recsys.data.sources.config import LogConfig
from recsys.data.sources.text import ZERO_WIDTH
from recsys.system.display import counted

EXAMPLES = 5
LIST_SEPARATORS = ("|", ";", ",")
# Share of the ids.
MOST = 0.9
# Some of these are also names: such ids are kept, and noted.
WORDS = (*NULL_WORDS, "NA", "na", "none", "nil", "undefined", "unknown", "#NA")


def variant_notes(ids: pa.ChunkedArray | pa.Array, side: str) -> list[str]:
    """Notes when ids differ in case only, or in their Unicode form only, which nobody can see.

    Such forms are composed and decomposed letters, full-width letters and ligatures, and
    invisible characters within an id.

    Args:
        ids: each once.
        side: whose ids they are.
    """
    notes = _alike(ids, pc.utf8_lower(ids), repr, f"{side} ids that differ only in case")
    if pc.any(pc.match_substring_regex(ids, "[^ -~]")).as_py():
        notes += _alike(
            ids, visible_form(ids), ascii, f"{side} ids that differ only in Unicode form"
        )
    return notes


def _alike(
    ids: pa.ChunkedArray | pa.Array,
    folded: pa.ChunkedArray | pa.Array,
    shown: Callable[[object], str],
    what: str,
) -> list[str]:
    """A note on the groups of ids that are one when they are folded."""
    table = pa.table({"id": ids, "folded": folded})
    grouped = table.group_by("folded").aggregate([("id", "count"), ("id", "min"), ("id", "max")])
    groups = grouped.filter(pc.greater(grouped["id_count"], 1)).sort_by("folded")
    if not len(groups):
        return []
    examples = ", ".join(
        f"{shown(one['id_min'])} and {shown(one['id_max'])}"
        for one in groups.slice(0, EXAMPLES).to_pylist()
    )
    return [f"{what} were kept apart, {counted(len(groups), 'group')}: {examples}"]


def spelling_notes(log: ir.Table) -> list[str]:
    """Notes where several spellings of a log are one id, such as ``1`` and ``1.0``.

    Args:
        log: by role, see :func:`recsys.data.prepare.quality.clean_log`.
    """
    notes: list[str] = []
    usable = log.filter(log.reason.isnull())
    for role in log.spelled.names if "spelled" in log.columns else ():
        one = usable.select(id=usable[role], other=usable.spelled[role])
        odd = one.filter(one.other.notnull())
        if not odd.limit(1).count().execute():
            continue
        one = one.semi_join(odd.select("id").distinct(), "id")
        forms = one.group_by(id=one.id, form=ibis.coalesce(one.other, one.id)).agg()
        merged = forms.group_by("id").agg(forms=forms.form.collect(), count=forms.count())
        merged = merged.filter(merged["count"] > 1)
        if many := int(merged.count().execute()):
            first = merged.order_by("id").limit(EXAMPLES).to_pyarrow().to_pylist()
            shown = "; ".join(
                " and ".join(map(repr, sorted(row["forms"])[:EXAMPLES])) for row in first
            )
            notes.append(
                f"{role} ids that differ only in blanks around them or in `.0` behind them were "
                f"taken for one, {counted(many, 'group')}: {shown}"
            )
    return notes


def visible_form(ids: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """What is seen of ids: compatibility forms composed (NFKC), without invisible characters.

    Blanks within an id are seen, and stay.
    """
    composed = pc.utf8_normalize(ids, form="NFKC")
    return pc.replace_substring_regex(composed, ZERO_WIDTH, "")


def list_notes(ids: pa.ChunkedArray | pa.Array) -> list[str]:
    """A note when nearly all ids of items look like lists of several.

    Args:
        ids: each once.
    """
    for separator in LIST_SEPARATORS:
        holding = ids.filter(pc.match_substring(ids, separator))
        if len(holding) >= MOST * max(len(ids), 1):
            return [
                f"{len(holding):,} of {len(ids):,} item ids hold {separator!r}, such as "
                f"{holding[0].as_py()!r}: if they are lists, write a row for each of their items"
            ]
    return []


def word_notes(con: Backend, log: ir.Table, config: LogConfig) -> list[str]:
    """Notes on ids that are words for a missing value, such as ``nan``.

    There are none if the config names the text that stands for a missing value.

    Args:
        con: the engine, with what :func:`recsys.data.prepare.encode.encode_ids` wrote.
        log: by role, see :func:`recsys.data.prepare.quality.clean_log`.
        config: of the log.
    """
    notes: list[str] = []
    usable = log.filter(log.reason.isnull())
    roles = [role for role in ID_ROLES if getattr(config.columns, role) is not None]
    for role in roles if config.null_values is None else ():
        ids = con.table(f"{role}s")
        words = ids.filter(ids.id.isin(WORDS)).to_pyarrow()["id"].to_pylist()
        if words:
            named = usable.filter(usable[role].isin(words)).group_by(role)
            by_word = named.aggregate(rows=ibis._.count()).order_by(ibis.desc("rows"), role)
            rows = by_word.to_pyarrow().to_pylist()
            shown = ", ".join(f"{row[role]!r} ({counted(row['rows'], 'row')})" for row in rows)
            notes.append(
                f"{role} ids that may mean a missing value, and were taken for ids: {shown}; list "
                "in `null_values` the text that stands for a missing value"
            )
    return notes
