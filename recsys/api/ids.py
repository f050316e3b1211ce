"""Ids as callers have them, in lists, Series and frames, as the text that they are in a log."""

import datetime
import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys.data.sources.text import normal_id
from recsys.errors import InputError
from recsys.protection.keys import key_of_text
from recsys.protection.pseudonyms import Pseudonyms
from recsys.system.display import HALVES, counted

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class GivenHistories:
    """Histories that somebody asks about.

    Attributes:
        users: whose they are: ids, or their number from 0.
        items: of each, ids, oldest first.
        times: of each, int64 seconds since 1970 of its events; None where no timestamps were
            given.
        features: by the name of an event feature, of each the values of its events, as they were
            given.
    """

    users: list[Any]
    items: list[list[str]]
    times: list[np.ndarray] | None = None
    features: dict[str, list[list[Any]]] = field(default_factory=dict)


def id_of(value: Any, where: str) -> str:
    """An id as it stands in a dataset: ``17850``, ``17850.0`` and ``" 17850 "`` are one.

    Args:
        value: text or a number.
        where: for messages.

    Raises:
        InputError: it is missing, or neither.

    >>> id_of(17850.0, "users"), id_of(" 17850 ", "users")
    ('17850', '17850')
    """
    if isinstance(value, str) and not HALVES.search(value):
        return normal_id(value)
    if isinstance(value, numbers.Integral) and not isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return str(int(value))
    # Beyond, neighbouring whole numbers are one float.
    number = float(value) if isinstance(value, float | np.floating) else math.nan
    if number.is_integer() and abs(number) <= 2**53:
        return str(int(number))
    shown = ascii(value) if isinstance(value, str) else repr(str(value)[:80])
    raise InputError(f"{where}: {shown:.80} is not an id; give text or whole numbers")


def pseudonym(user: Any, key: str) -> str:
    """The pseudonym of a user's id, by which a model that reads user ids knows the user.

    It is HMAC-SHA-256 in hexadecimal digits, of the UTF-8 bytes of the key's text and of the id's.
    Other languages make it of an id in the same form: no blanks around it, whole numbers without a
    fraction.

    Args:
        user: an id, text or a whole number.
        key: the text of the key, as the variable, file or command of ``RECSYS_KEY_…`` has it.

    Raises:
        InputError: it is not an id, or is empty; or the key is too short.

    Example:
        >>> key = "0123456789abcdef0123456789abcdef"
        >>> recsys.pseudonym("u1", key)
        '39536bc0c20e6efcd22ec30bb96eec5aff9be6a37fe8e9db166b4cc950c94e7e'
        >>> recsys.pseudonym(17850.0, key) == recsys.pseudonym(" 17850 ", key)
        True
    """
    found = id_of(user, "pseudonym")
    if not found:
        raise InputError("pseudonym: the id is empty")
    return Pseudonyms(key_of_text("given", key, "key")).of(found)


def category_of(value: Any, where: str) -> str:
    """A category as it stands in a dataset, as :func:`id_of` has ids; "" where there is none.

    >>> category_of("view ", "what"), category_of(None, "what"), category_of(True, "what")
    ('view', '', 'true')
    """
    if value is None or (isinstance(value, float | np.floating) and math.isnan(value)):
        return ""
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, datetime.date):  # a date, or a moment
        return str(value)
    if isinstance(value, Decimal | float | np.floating) and value % 1:
        # The shortest text that is this number in its own precision.
        return str(value)
    return id_of(value, where)


def number_of(value: Any, where: str) -> float:
    """A number; NaN where there is none.

    Raises:
        InputError: it is something else.

    >>> number_of(2, "price"), number_of(None, "price")
    (2.0, nan)
    """
    if value is None:
        return math.nan
    if isinstance(value, numbers.Real | Decimal | np.bool_):
        return float(value)
    raise InputError(f"{where}: {_short(value)} is not a number")


def ids_of(given: Any, where: str) -> list[str]:
    """A list of ids; a single text is one id.

    Args:
        given: a list, array, Series, or any iterable of ids.
        where: for messages.

    Raises:
        InputError: it is not, or one of them is not an id.

    >>> ids_of(["a", 7], "users"), ids_of("a", "users")
    (['a', '7'], ['a'])
    """
    if isinstance(given, str):
        return [id_of(given, where)]
    if _is_frame(given):
        raise InputError(f"{where}: expected a list of ids, received a frame; give its column")
    if isinstance(given, bytes | Mapping) or not isinstance(given, Iterable):
        raise InputError(f"{where}: expected a list of ids, received {_short(given)}")
    return [id_of(value, where) for value in given]


def histories_of(
    given: Any, columns: Mapping[str, str], features: Mapping[str, str] | None = None
) -> GivenHistories:
    """Histories, however they are held.

    Args:
        given: a list of lists of ids, a mapping of users to such lists or a pandas Series of them
            by user, or a frame (pandas, Polars, Arrow) with a row per event.
        columns: of the log by role, ``user``, ``item`` and perhaps ``time``; a frame has these, or
            columns that are called as the roles are.
        features: columns of the log by event feature; a frame may have these, or columns that are
            called as the features are.

    Raises:
        InputError: it is nothing of that kind, or lacks a column.
    """
    if isinstance(given, Mapping):
        users = _users_of(given, "histories")
        return GivenHistories(users, [ids_of(ids, "histories") for ids in given.values()])
    if _is_frame(given):
        return _from_frame(given, columns, features or {})
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InputError(
            "histories: expected a list of histories, each a list of item ids, oldest first; "
            f"received {_short(given)}"
        )
    rows = list(given)
    users = _labels(given, len(rows))
    for row in rows:
        if isinstance(row, str | Mapping) or not isinstance(row, Iterable):
            raise InputError(
                "histories: expected a list of histories, each a list of item ids, such as "
                f"[['a', 'b']]; received {_short(row)} as one of them"
            )
    return GivenHistories(users, [ids_of(row, "histories") for row in rows])


def _labels(given: Any, count: int) -> list[Any]:
    """Whose the histories of a list are: the index of a pandas Series, else their numbers."""
    index = getattr(given, "index", None)
    if index is None or callable(index) or list(index) == list(range(count)):
        return list(range(count))
    return _users_of(index, "histories")


def _users_of(keys: Iterable[Any], where: str) -> list[str]:
    """The ids of users, each of whom has one entry in what was given.

    Raises:
        InputError: several entries are of one user, such as of ``1`` and ``"1"``.
    """
    found: dict[str, Any] = {}
    for key in keys:
        user = id_of(key, where)
        if user in found:
            raise InputError(
                f"{where}: {found[user]!r} and {key!r} are one user, {user!r}: join them into one "
                "entry"
            )
        found[user] = key
    return list(found)


def excluded_of(given: Any, users: Sequence[Any]) -> list[list[str]] | None:
    """What is not to be recommended, of each query.

    Args:
        given: None, a list of ids for all, a list of lists of ids, one per query, or a mapping of
            users to such lists.
        users: whom the caller asks about, in order.

    Raises:
        InputError: it is something else, or has a user that is not asked about.

    >>> excluded_of({"b": ["i1"]}, ["a", "b"])
    [[], ['i1']]
    """
    queries = len(users)
    if given is None:
        return None
    if isinstance(given, Mapping):
        rows_of = [ids_of(row, "exclude") for row in given.values()]
        of_users = dict(zip(_users_of(given, "exclude"), rows_of, strict=True))
        asked = [str(user) for user in users]
        if others := [user for user in of_users if user not in set(asked)]:
            told = first(list(map(repr, others)))
            raise InputError(f"exclude: has users that are not asked about: {told}")
        return [of_users.get(user, []) for user in asked]
    if isinstance(given, bytes) or not isinstance(given, Iterable) or _is_frame(given):
        raise InputError(
            "exclude: expected a list of item ids for everybody, a list of such lists, or a "
            f"mapping of users to them; received {_short(given)}"
        )
    rows = [given] if isinstance(given, str) else list(given)
    if not any(isinstance(row, Iterable) and not isinstance(row, str) for row in rows):
        return [ids_of(rows, "exclude")] * queries
    if len(rows) != queries:
        raise InputError(
            f"exclude: expected a list of ids for everybody, or {queries:,} lists, one for each "
            f"that is asked about; received {len(rows):,}"
        )
    return [ids_of(row, "exclude") for row in rows]


def _is_frame(given: Any) -> bool:
    return hasattr(given, "columns") or hasattr(given, "column_names")


def frame_of(given: Any) -> "pa.Table":
    """A frame of histories (pandas, Polars, Arrow) as Arrow has it.

    Raises:
        InputError: it is not a frame, or holds what a column cannot.
    """
    import pyarrow as pa

    if not _is_frame(given):
        raise InputError(f"histories: expected a frame or a path, received {_short(given)}")
    try:
        return given if isinstance(given, pa.Table) else pa.table(given)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, ValueError) as error:
        raise InputError(f"histories: the frame cannot be read: {error}") from error


def _from_frame(
    frame: Any, columns: Mapping[str, str], features: Mapping[str, str]
) -> GivenHistories:
    import pyarrow as pa

    table = frame_of(frame)
    there = table.column_names

    def named(role: str, of_the_log: str) -> str | None:
        return next((each for each in (of_the_log, role) if each in there), None)

    def values(role: str) -> list[Any]:
        name = named(role, columns.get(role, role))
        if name is None:
            raise InputError(
                f"histories: the frame has no column {columns.get(role, role)!r} ({role}s); it "
                f"has {', '.join(map(repr, there))}"
            )
        return table[name].to_pylist()

    users = [id_of(user, "histories, users") for user in values("user")]
    items = [id_of(item, "histories, items") for item in values("item")]
    time = named("time", columns.get("time", "time"))
    keys, seconds = (None, None) if time is None else _in_time(table[time])
    order = range(len(users)) if keys is None else np.argsort(keys, kind="stable").tolist()
    found: dict[str, list[int]] = {user: [] for user in users}  # as they come in the frame
    for row in order:
        found[users[row]].append(row)
    times = None if seconds is None else [seconds[rows] for rows in found.values()]
    of_events = {}
    for feature, of_the_log in features.items():
        if (name := named(feature, of_the_log)) is not None:
            column = table[name]
            # Python's floats would spell out what a smaller float rounds to: 0.10000000149.
            is_small = pa.types.is_float32(column.type) or pa.types.is_float16(column.type)
            column = list(column.to_numpy()) if is_small else column.to_pylist()
            of_events[feature] = [[column[row] for row in rows] for rows in found.values()]
    histories = [[items[row] for row in rows] for rows in found.values()]
    return GivenHistories(list(found), histories, times, of_events)


def _in_time(column: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """By what events are put in order, and their seconds since 1970 where the unit is known.

    Raises:
        InputError: it is not a column of times, or some are missing.
    """
    import pyarrow as pa

    if column.null_count:
        raise InputError(
            f"histories: the frame has {counted(column.null_count, 'event')} without a time"
        )
    if pa.types.is_integer(column.type):  # of seconds, milliseconds, …: enough for the order
        return column.to_numpy(), None
    if not (pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)):
        raise InputError(
            f"histories: the times are of type {column.type}; give timestamps, such as those of "
            "pandas.to_datetime"
        )
    timestamps = column.cast(pa.timestamp("us", getattr(column.type, "tz", None)))
    times = timestamps.to_numpy().astype("datetime64[us]").astype(np.int64)
    return times, times // 10**6


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def first(values: Sequence[Any], most: int = 5) -> str:
    """The first of some values, for a message.

    >>> first(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    more = f" and {len(values) - most:,} more" if len(values) > most else ""
    return ", ".join(map(str, values[:most])) + more
