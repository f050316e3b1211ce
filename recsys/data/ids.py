"""One form for every id, so that `17850`, `17850.0` and ` 17850 ` are one user."""

import ibis
import ibis.expr.types as ir

from recsys.data.cells import trimmed
from recsys.data.engine import refuse
from recsys.data.text import WHOLE
from recsys.errors import InputError

# From here on a floating-point number stands for several whole ones.
EXACT = {"float32": 2**24, "float64": 2**53}


def identifier(column: ir.Column, what: str | None = None) -> ir.StringValue:
    """An id as text: without invisible edges, never case-folded, exact; null if empty.

    Whole numbers are written without a fraction (``17850`` of ``17850.0`` and of ``17850.00``);
    the interior of text is left alone. :func:`recsys.data.text.normal_id` is its twin for a
    single id.

    Args:
        column: of any type that holds single values.
        what: the column in messages; its name by default.

    Raises:
        InputError: the column holds lists or records. Floating-point numbers too large to be
            exact fail when the column is read, inside
            :func:`recsys.data.engine.blaming_input` as an :class:`InputError`.
    """
    what = what or f"the column {column.get_name()!r}"
    kind = column.type()
    if kind.is_nested() or kind.is_json():
        raise InputError(
            f"{what} holds lists or records, where a single value is needed: write what "
            "identifies the row into a column of its own"
        )
    if kind.is_floating():
        return _of_float(column, what)
    text = trimmed(column)
    if kind.is_string() or kind.is_decimal():
        is_whole = text.contains(".") & text.re_search(WHOLE)
        text = ibis.ifelse(is_whole, text.re_replace(WHOLE, r"\1"), text)
    return text.nullif("")


def _of_float(column: ir.FloatingColumn, what: str) -> ir.StringValue:
    reason = (
        f"{what} holds ids as floating-point numbers, such as "
        + column.cast("string")
        + ", which are too large to be exact: several ids would be one. Write them as text, whole "
        "numbers (int64) or decimals."
    )
    kind = str(column.type().copy(nullable=True))
    is_exact = column.abs() < EXACT.get(kind, EXACT["float32"])
    # Bounded before the cast: the engine stops at an overflow.
    whole = ibis.ifelse(is_exact & (column % 1 == 0), column, ibis.null(column.type()))
    text = ibis.coalesce(whole.cast("int64").cast("string"), column.cast("string"))
    missing = column.isnull() | column.isnan() | column.isinf()
    return ibis.cases((missing, ibis.null("string")), (is_exact, text), else_=refuse(reason))
