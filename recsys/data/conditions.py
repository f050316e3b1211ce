"""Conditions that users write in SQL, read by the engine's own parser before any is asked."""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

from recsys.errors import InputError

# Of a row's own columns, and the same at every time and place.
PARTS_OF_CONDITIONS = frozenset(
    ("BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT",
     "FUNCTION", "OPERATOR", "TYPE")
)  # fmt: skip
LONGEST_SHOWN = 200
TEXT_HINT = (
    "Columns of text files are text: compare numbers as in `TRY_CAST(quantity AS DOUBLE) > 0`"
)


def condition(
    con: duckdb.DuckDBPyConnection, text: str, columns: Collection[str], origin: str
) -> duckdb.Expression:
    """A condition on a row's own columns.

    No subquery, no file, no window over other rows, and no function that answers otherwise
    the next time (``random()``, ``now()``): the same rows fulfil it whenever it is asked.

    Args:
        con: the engine.
        text: an SQL expression, such as ``country = 'DE' and event <> 'test'``.
        columns: that it may name.
        origin: where it stands, for messages.

    Raises:
        InputError: it is no such expression, or names a column that is not there.
    """
    shown = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
    refused = f"{origin}: {shown!r} is not a condition on a row"
    try:
        asked = duckdb.SQLExpression(text)
    except duckdb.Error as error:
        raise InputError(f"{refused}: {_first_line(error)}") from error
    known = {name.casefold() for name in columns}
    for node in _parts(con, text, refused):
        kind = node["class"]
        if kind == "COLUMN_REF":
            name = node["column_names"][0]
            if name.casefold() not in known:
                raise InputError(
                    f"{refused}: there is no column {name!r}. The columns: "
                    f"{', '.join(list(columns)[:30])}. Text stands in single quotes."
                )
        elif kind == "FUNCTION":
            _refuse_fickle(con, node["function_name"], refused)
        elif kind not in PARTS_OF_CONDITIONS:
            raise InputError(
                f"{refused}: it holds a {kind.lower()}. It may compare the row's own columns, and "
                "nothing else."
            )
    return asked


def check_yes_or_no(table: duckdb.DuckDBPyRelation, asked: duckdb.Expression, origin: str) -> None:
    """Refuses what is not a yes or no of every row: the engine would take any number but 0 for yes.

    Raises:
        InputError: likewise; or types are compared that do not fit.
    """
    try:
        kinds = [str(kind) for kind in table.select(asked).types]
    except duckdb.Error as error:
        raise InputError(f"{origin}: {_first_line(error)}. {TEXT_HINT}.") from error
    if kinds != ["BOOLEAN"]:
        raise InputError(
            f"{origin} gives {', '.join(kinds)}, not yes or no; compare it, as in `quantity > 0`"
        )


@contextmanager
def explaining(text: str | None, origin: str) -> Iterator[None]:
    """Says that a value does not suit a condition where the engine stops for it.

    Args:
        text: the condition; None: there is none.
        origin: where it stands.

    Raises:
        InputError: instead of what the engine raised.
    """
    try:
        yield
    except (
        duckdb.ConversionException,
        duckdb.InvalidInputException,
        duckdb.OutOfRangeException,
    ) as error:
        if text is None or "CSV Error" in str(error):
            raise
        raise InputError(
            f"{origin} cannot be computed of every row: {_first_line(error)}. Take `TRY_CAST` "
            "instead of `CAST` (and `TRY_STRPTIME`): values that do not fit are missing then, and "
            "count as no."
        ) from error


def _parts(con: duckdb.DuckDBPyConnection, text: str, refused: str) -> Iterator[dict[str, Any]]:
    """The nodes of the expression, as the engine parses it."""
    # On lines of its own: a comment does not hide what follows.
    statement = f"SELECT (\n{text}\n)"
    (answer,) = con.execute("SELECT json_serialize_sql(?)", [statement]).fetchall()[0]
    try:
        parsed = json.loads(answer)
    except RecursionError as error:
        raise InputError(f"{refused}: it is too deep") from error
    if parsed["error"]:  # two expressions in one, or other than what was parsed before
        raise InputError(f"{refused}: {parsed['error_message']}")
    pending: list[Any] = [parsed["statements"][0]["node"]["select_list"]]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            if "class" in node:
                yield node
            pending += node.values()
        elif isinstance(node, list):
            pending += node


def _refuse_fickle(con: duckdb.DuckDBPyConnection, name: str, refused: str) -> None:
    """Refuses functions of several rows, and those that do not always answer the same."""
    found = con.execute(
        "SELECT DISTINCT function_type, stability FROM duckdb_functions() WHERE function_name = ?",
        [name.lower()],
    ).fetchall()
    if not found:
        raise InputError(f"{refused}: there is no function {name!r}")
    if found != [("scalar", "CONSISTENT")] and name.lower() != "nullif":
        raise InputError(
            f"{refused}: the function {name!r} does not depend on the row alone, or not always in "
            "the same way"
        )


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")
