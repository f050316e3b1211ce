"""Cells of a table before they have a role: text without invisible edges, and what is missing."""

import re
from collections.abc import Sequence
from functools import partial

import ibis
import ibis.expr.types as ir

from recsys.data.sources.engine import refuse
from recsys.data.sources.text import EDGES, INVISIBLE, INVISIBLES

# What programs write for a missing value. Not `NA`, which is also Namibia and North America, nor
# `Null`, which is also a surname.
NULL_WORDS = (
    "\\N", "-", "NULL", "null", "None", "NaN", "nan", "NAN", "N/A", "n/a", "#N/A", "<NA>",
    "NaT",
)  # fmt: skip


def trimmed(column: ir.Column) -> ir.StringValue:
    """A column as text, without white space and invisible characters at the edges; null if empty.

    An expression that uses the result several times evaluates it that many times.
    """
    text = column.cast("string")
    # Text that begins and ends with a visible ASCII character, as most does, is left as it is,
    # which takes half the time.
    is_plain = (text >= "!") & (text < "\x7f") & text.right(1).between("!", "~")
    return ibis.ifelse(is_plain, text, text.re_replace(EDGES, "").nullif(""))


def present(value: ir.Column) -> ir.Value:
    """A value; blank text is a missing one."""
    return trimmed(value) if value.type().is_string() else value


def readable(table: ir.Table, null_values: Sequence[str]) -> ir.Table:
    """Reads bytes as UTF-8 text, and words for a missing value as missing.

    Reading a column of bytes that are not UTF-8 fails, inside
    :func:`recsys.data.sources.engine.blaming_input` as an :class:`InputError`.

    Args:
        table: as read.
        null_values: text that means that there is no value; blanks around it make no difference.
    """
    words = [re.escape(word.strip(INVISIBLE)) for word in null_values]
    # A pattern: of a long list the engine would make a join.
    is_word = f"^{INVISIBLES}(?:{'|'.join(words)}){INVISIBLES}$"
    changed: dict[str, ir.Value] = {}
    for name, kind in table.schema().items():
        value: ir.Value = table[name]
        if kind.is_binary():
            value = _decoded(table[name], name)
        elif kind.is_array() and kind.value_type.is_binary():
            value = table[name].map(partial(_decoded, name=name))
        if words and (kind.is_string() or kind.is_binary()):
            value = ibis.ifelse(value.re_search(is_word), ibis.null("string"), value)
        if value is not table[name]:
            changed[name] = value
    return table.mutate(**changed) if changed else table


def _decoded(given: ir.BinaryValue, name: str) -> ir.StringValue:
    reason = (
        f"the column {name!r} holds bytes that are not UTF-8 text, such as "
        + given.cast("string")
        + ". Write it as text (a STRING column), or leave it out."
    )
    text = ibis.coalesce(_or_null(_utf8(given)), refuse(reason))
    return ibis.ifelse(given.isnull(), ibis.null("string"), text)


@ibis.udf.scalar.builtin(name="decode")
def _utf8(given: bytes) -> str:  # type: ignore[empty-body]
    """Bytes as UTF-8 text; fails where they are not."""


@ibis.udf.scalar.builtin(name="try")
def _or_null(text: str) -> str:  # type: ignore[empty-body]
    """Null where the expression fails."""
