"""One form for every id, so that `17850`, `17850.0` and ` 17850 ` are one user."""

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pyarrow as pa

from recsys.data.sources.cells import trimmed
from recsys.data.sources.engine import refuse
from recsys.data.sources.text import WHOLE
from recsys.errors import InputError
from recsys.protection.forgotten import ForgottenUsers
from recsys.protection.pseudonyms import Pseudonyms

# From here on a floating-point number stands for several whole ones.
EXACT = {"float32": 2**24, "float64": 2**53}


def plain_text(column: ir.Column) -> ir.StringValue:
    """A value as text: without invisible edges, whole numbers without a fraction; null if empty.

    ``1.0`` is ``1``, in text, as a decimal and as a floating-point number, of which NaN and
    infinities are null.
    """
    kind = column.type()
    if kind.is_floating():
        # Bounded before the cast: the engine stops at an overflow.
        is_whole = (column % 1 == 0) & (column.abs() < EXACT["float64"])
        whole = ibis.ifelse(is_whole, column, ibis.null(kind)).cast("int64").cast("string")
        text = ibis.coalesce(whole, column.cast("string"))
        return ibis.ifelse(column.isnan() | column.isinf(), ibis.null("string"), text)
    text = trimmed(column)
    if kind.is_string() or kind.is_decimal():
        has_point = column.cast("string").contains(".")
        text = ibis.ifelse(has_point, text.re_replace(WHOLE, r"\1"), text)
    return text


def identifier(column: ir.Column, what: str | None = None) -> ir.StringValue:
    """An id as text: without invisible edges, never case-folded, exact; null if empty.

    Whole numbers are written without a fraction (``17850`` of ``17850.0`` and of ``17850.00``);
    the interior of text is left alone. :func:`recsys.data.sources.text.normal_id` is its twin for a
    single id.

    Args:
        column: of any type that holds single values.
        what: the column in messages; its name by default.

    Raises:
        InputError: the column holds lists or records. Floating-point numbers too large to be
            exact fail when the column is read, inside
            :func:`recsys.data.sources.engine.blaming_input` as an :class:`InputError`.
    """
    what = what or f"the column {column.get_name()!r}"
    kind = column.type()
    if kind.is_nested() or kind.is_json():
        raise InputError(
            f"{what} holds lists or records, where a single value is needed: write what "
            "identifies the row into a column of its own"
        )
    text = plain_text(column)
    if kind.is_floating():
        first = EXACT["float32" if kind.is_float32() else "float64"]
        reason = (
            f"{what} holds ids as floating-point numbers, such as "
            + text
            + ", which are too large to be exact: several ids would be one. Write them as text, "
            "whole numbers (int64) or decimals."
        )
        text = ibis.ifelse(text.notnull() & (column.abs() >= first), refuse(reason), text)
    return text


def pseudonymous(ids: ir.Value, pseudonyms: Pseudonyms) -> ir.StringValue:
    """The pseudonyms of ids; null where there is none.

    The engine has no HMAC: each id is hashed once, outside it, and looked up from then on.

    Args:
        ids: of :func:`identifier`.
        pseudonyms: of a key.
    """
    known: dict[str | None, str | None] = {None: None}

    @ibis.udf.scalar.pyarrow(
        name=f"pseudonym_{pseudonyms.key.id}", signature=((dt.string,), dt.string)
    )
    def replaced(given: pa.Array) -> pa.Array:
        users = given.to_pylist()
        for user in set(users) - known.keys():
            known[user] = pseudonyms.of(user)
        return pa.array([known[user] for user in users], pa.string())

    return replaced(ids)


def forgotten_among(
    ids: ir.Value, forgotten: ForgottenUsers, pseudonyms: Pseudonyms | None
) -> ir.BooleanValue:
    """Whether a user, by the id or by its pseudonym, is to be forgotten.

    Args:
        ids: of :func:`identifier`.
        forgotten: the list.
        pseudonyms: those that replace the ids; None: they stay.
    """
    known: dict[str | None, bool] = {None: False}

    @ibis.udf.scalar.pyarrow(
        name=f"forgotten_{forgotten.digest}", signature=((dt.string,), dt.boolean)
    )
    def asked(given: pa.Array) -> pa.Array:
        users = given.to_pylist()
        for user in set(users) - known.keys():
            by_pseudonym = pseudonyms is not None and forgotten.holds(pseudonyms.of(user))
            known[user] = by_pseudonym or forgotten.holds(user)
        return pa.array([known[user] for user in users], pa.bool_())

    return asked(ids).fill_null(False)


def other_spelling(given: ir.Column, clean: ir.Value) -> ir.StringValue | None:
    """How an id stands in a column, where that is not the id itself; null elsewhere.

    Args:
        given: as it was read.
        clean: of it, :func:`identifier`.

    Returns:
        None where one id has one spelling: only text is written in several ways.
    """
    if not given.type().is_string():
        return None
    return ibis.ifelse(given != clean, given, ibis.null("string"))


def unusable_ids(
    role: str, given: ir.Column | None, clean: ir.Value
) -> list[tuple[ir.BooleanValue, str]]:
    """Conditions under which an id cannot be used, each with its name; the first that holds counts.

    Args:
        role: of the column.
        given: as it was read; None where the log has no such column.
        clean: of it, :func:`identifier`.
    """
    empty = (clean.isnull(), f"empty {role}")
    if given is None or not given.type().is_floating():
        return [empty]
    return [(given.isinf(), f"infinite {role}"), empty]
