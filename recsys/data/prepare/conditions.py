"""Conditions in SQL that a user gives: what they may hold, and for how long they may compute.

A condition is a yes or no about one row. Its result is the same each time, it reads nothing
but the row, and takes time and memory in proportion to it: so the functions are a fixed list,
none of which draws at random, asks for the time, opens a file, or makes a text or list longer
than what it was given.
"""

import json
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

from recsys.data.sources.engine import REFUSED
from recsys.errors import InputError


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LONGEST = 4_000
# Expressions within expressions: far fewer than Python's own stack holds.
DEEPEST = 100
# Characters of a condition that a message repeats.
SHOWN = 300
SECONDS = 60.0
OPERATORS = _words(
    "+ - * / // % ** ^ || ~~ !~~ ~~* !~~* ~~~ like_escape not_like_escape ilike_escape "
    "not_ilike_escape"
)
FUNCTIONS = _words(
    # numbers
    "abs sign round floor ceil ceiling trunc sqrt exp ln log log2 log10 pow power mod greatest "
    "least isnan isinf isfinite nullif if "
    # text
    "lower upper trim ltrim rtrim length char_length character_length len strlen contains "
    "starts_with ends_with prefix suffix left right substring substr position instr strpos "
    "split_part concat regexp_matches regexp_full_match regexp_extract md5 sha256 "
    # times
    "date_part datepart date_trunc datetrunc date_diff datediff make_date year quarter month week "
    "weekofyear day dayofyear dayofmonth dayofweek isodow weekday hour minute second epoch "
    "epoch_ms to_timestamp strptime try_strptime timezone to_years to_months to_weeks to_days "
    "to_hours to_minutes to_seconds "
    # lists
    "list_contains list_has array_contains array_has list_has_any list_has_all array_length "
    "list_position list_value row struct_extract"
)
NOT_REPRODUCIBLE = _words(
    "random rand setseed uuid gen_random_uuid uuidv4 uuidv7 now today current_date current_time "
    "current_timestamp get_current_time get_current_timestamp transaction_timestamp localtime "
    "localtimestamp current_localtime current_localtimestamp age nextval currval txid_current "
    "current_setting getenv getvariable version pg_backend_pid user current_user session_user "
    "current_database current_schema"
)
EXPRESSIONS = _words(
    "COLUMN_REF CONSTANT COMPARISON CONJUNCTION OPERATOR BETWEEN CASE CAST TYPE FUNCTION"
)
KINDS_OF_OPERATOR = _words(
    "OPERATOR_NOT OPERATOR_IS_NULL OPERATOR_IS_NOT_NULL OPERATOR_COALESCE OPERATOR_NULLIF "
    "COMPARE_IN COMPARE_NOT_IN ARRAY_EXTRACT STRUCT_EXTRACT"
)
TYPES = _words(
    "boolean bool tinyint smallint integer int bigint hugeint utinyint usmallint uinteger ubigint "
    "float real double decimal numeric varchar text string date time timestamp timestamptz "
    "interval"
) | {"timestamp with time zone"}
TEXT_HINT = (
    "Columns of text files are text: compare numbers as in `TRY_CAST(quantity AS DOUBLE) > 0`"
)
# Of a connection that is asked for nothing but conditions.
BOUNDS = {"memory_limit": "1GiB", "enable_external_access": "false"}


def check_condition(condition: str, columns: Collection[str], origin: str) -> str:
    """Refuses what is not a condition on a row, or would not always give the same answer.

    Args:
        condition: an SQL expression, such as ``segment = 'lost' and value > 100``.
        columns: the names that it may use, in any case.
        origin: where it stands, for messages, such as ``data.log.where``.

    Returns:
        The same condition as DuckDB writes it: one expression, without comments or a semicolon,
        that may stand between brackets in a query. Whether it is a yes or no is not yet
        checked: that depends on the types of the columns.

    Raises:
        InputError: it is longer than 4,000 characters or not a single expression, names a
            column that does not exist, or holds a subquery, a window, a lambda, a parameter, a type
            that is made of others, or a function outside :data:`FUNCTIONS`.
    """
    if len(condition) > LONGEST:
        raise InputError(
            f"{origin}: a condition of {len(condition):,} characters is too long, at most "
            f"{LONGEST:,} are allowed: put a long list of values into a column of its own"
        )
    if _deepest_bracket(condition) > DEEPEST:
        raise InputError(f"{origin}: brackets are nested too deeply, {DEEPEST} at most")
    refused = not_a_condition(condition, columns, origin)
    with duckdb.connect(config=BOUNDS) as con:
        try:
            # Parsed by itself: what closes a bracket and goes on is not an expression.
            spelled = str(duckdb.SQLExpression(condition))
            con.execute(f"SET max_expression_depth TO {DEEPEST}")
            query = "SELECT json_serialize_sql(?)"
            answer = con.execute(query, [f"SELECT {spelled}"]).fetchone()
        except duckdb.Error as error:
            raise InputError(f"{refused}: {_reason(str(error))}") from error
    assert answer is not None
    parsed = json.loads(answer[0])
    if parsed["error"]:
        raise InputError(f"{refused}: {_reason(parsed['error_message'])}")
    (expression,) = parsed["statements"][0]["node"]["select_list"]
    folded = {str(name).casefold() for name in columns}
    for part in _expressions(expression):
        if reason := _objection(part, folded):
            raise InputError(f"{refused}: {reason}")
    return spelled


def not_a_condition(condition: str, columns: Collection[str], origin: str) -> str:
    """The beginning of a message that refuses one; the reason follows."""
    shown = condition if len(condition) <= SHOWN else f"{condition[:SHOWN]}…"
    known = ", ".join(map(str, columns))
    return f"{origin}: {shown!r} is not a condition on the columns {known}"


@contextmanager
def time_limit(
    con: duckdb.DuckDBPyConnection, origin: str, seconds: float = SECONDS
) -> Iterator[None]:
    """Interrupts what a connection computes within the block after so many seconds.

    Args:
        con: DuckDB's own connection (of an Ibis backend, ``backend.con``).
        origin: where the condition stands, for messages.
        seconds: how long it may take.

    Raises:
        InputError: it took longer.
    """
    late = threading.Event()

    def interrupt() -> None:
        late.set()
        con.interrupt()

    timer = threading.Timer(seconds, interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    except duckdb.Error as error:
        if not late.is_set():
            raise
        raise InputError(
            f"{origin}: the condition was not answered within {seconds:g} seconds and was given "
            "up: make it simpler"
        ) from error
    finally:
        timer.cancel()


def check_yes_or_no(table: duckdb.DuckDBPyRelation, spelled: str, origin: str) -> None:
    """Refuses what is not a yes or no for each row: the engine takes any number but 0 for yes.

    Args:
        table: whose rows are asked.
        spelled: what :func:`check_condition` returned.
        origin: where the condition stands, for messages.

    Raises:
        InputError: it is not; or it compares types that do not fit.
    """
    try:
        (kind,) = table.select(duckdb.SQLExpression(spelled)).types
    except duckdb.Error as error:
        raise InputError(f"{origin}: {_reason(str(error)).rstrip('.')}. {TEXT_HINT}.") from error
    if str(kind) != "BOOLEAN":
        raise InputError(f"{origin} gives {kind}, not yes or no; compare it, as in `quantity > 0`")


@contextmanager
def explaining(condition: str | None, origin: str) -> Iterator[None]:
    """Names the condition where the engine stops at a value that does not suit it.

    Args:
        condition: as given; None: there is none.
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
        if condition is None or REFUSED in str(error):
            raise
        raise InputError(
            f"{origin} cannot be computed for every row: {_reason(str(error)).rstrip('.')}. Use "
            "`TRY_CAST` instead of `CAST` (and `TRY_STRPTIME`): values that do not fit are then "
            "missing, and count as no."
        ) from error


def _reason(said: str) -> str:
    """The message of DuckDB's parser, without its advice."""
    if "expression depth" in said:
        return f"it is nested too deeply, {DEEPEST} expressions within each other at most"
    return said.splitlines()[0][:SHOWN]


def _deepest_bracket(condition: str) -> int:
    """How many brackets are open at once: DuckDB's parser takes the cube of that many steps."""
    depth = deepest = 0
    for letter in condition:
        depth += (letter in "([{") - (letter in ")]}")
        deepest = max(deepest, depth)
    return deepest


def _expressions(tree: Any) -> Iterator[dict[str, Any]]:
    """Every expression of a parsed one, and that itself."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if "class" in part:
                yield part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _objection(part: dict[str, Any], columns: Collection[str]) -> str | None:
    """What is wrong with one expression, without those within it."""
    kind = part["class"]
    if kind == "COLUMN_REF":
        name = part["column_names"][0]
        if name.casefold() in columns:
            return None
        if name.casefold() in NOT_REPRODUCIBLE:
            return _changing(name)
        return f"there is no column {name!r}. Put text in single quotes"
    if kind == "FUNCTION":
        return _objection_to_function(part)
    if kind == "TYPE":
        name = part["type_name"].casefold()
        return None if name in TYPES else f"{part['type_name']} is not a plain type"
    if kind == "OPERATOR" and part["type"] not in KINDS_OF_OPERATOR:
        return f"{part['type'].casefold()} may not be used"
    if kind not in EXPRESSIONS:
        return (
            f"a condition is about one row, by itself, and may hold no {kind.casefold()}: compare "
            "columns and values"
        )
    return None


def _objection_to_function(part: dict[str, Any]) -> str | None:
    name = part["function_name"].casefold()
    if name in (OPERATORS if part["is_operator"] else FUNCTIONS):
        return None
    if name in NOT_REPRODUCIBLE:
        return _changing(name)
    what = f"{name}()" if name.isidentifier() else name
    return f"{what} may not be used; there are {', '.join(sorted(FUNCTIONS))}"


def _changing(name: str) -> str:
    return (
        f"{name} differs each time or on each machine, so the result could not be "
        "repeated: write the date down, and for a random half take md5 of an id, as in "
        "`md5(user) < '8'`"
    )
