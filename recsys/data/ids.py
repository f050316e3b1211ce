"""One form for every id, so that `17850`, `17850.0` and ` 17850 ` are one user."""

import ibis
import ibis.expr.types as ir


def identifier(column: ir.Column) -> ir.StringValue:
    """An id as text: trimmed, never case-folded, integral floats as integers; null if empty."""
    if column.type().is_floating() or column.type().is_decimal():
        column = column.cast("float64")
        integral = (column % 1 == 0) & (column.abs() < 2**53)
        # Bounded before the cast: the engine stops at an overflow.
        whole = ibis.ifelse(integral, column, ibis.null("float64")).cast("int64")
        text = ibis.ifelse(integral, whole.cast("string"), column.cast("string"))
        return ibis.ifelse(column.isnan(), ibis.null("string"), text)
    text = column.cast("string").strip()
    if column.type().is_string() or column.type().is_json():
        integral = text.contains(".") & text.re_search(r"^-?[0-9]+\.0+$")
        text = ibis.ifelse(integral, text.re_replace(r"\.0+$", ""), text)
    return text.nullif("")
