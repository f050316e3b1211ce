"""The columns of a table as features: numbers, dates as numbers, and all others as categories."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import ibis.expr.types as ir
import numpy as np
import pandas as pd
from ibis.backends.duckdb import Backend

from recsys.data.prepare.ids import plain_text
from recsys.data.sources.cells import trimmed
from recsys.data.sources.numbers import LARGEST, NumberFormat
from recsys.data.sources.text import WHOLE
from recsys.data.sources.times import TimeConfig, microseconds
from recsys.errors import InputError
from recsys.marketing.propensity.column_dates import DAY, dates_of, hours_of, is_compact
from recsys.marketing.propensity.column_numbers import numbers_of
from recsys.marketing.propensity.column_texts import LOOKS, ReadColumn
from recsys.marketing.users.encoding import RARE
from recsys.system.display import counted

# Calendar dates as numbers are between these.
FIRST_COMPACT, LAST_COMPACT = 19_000_101, 20_991_231
# Columns that one note names.
NAMED = 10


@dataclass(frozen=True)
class Reading:
    """How the columns of a table are read.

    Attributes:
        numbers: the format of numbers in text.
        stated: somebody set the separators of that format.
        times: how times without a zone are read, and text where several formats fit.
        formats: strptime formats of columns whose dates are in text.
    """

    numbers: NumberFormat
    stated: bool
    times: TimeConfig
    formats: Mapping[str, str]


@dataclass(frozen=True)
class Features:
    """The columns of a table as features.

    Attributes:
        table: a row per row; numbers, and categories as text.
        dates: columns that were dates.
        notes: what is to be said of the columns.
    """

    table: pd.DataFrame
    dates: frozenset[str]
    notes: list[str]


@dataclass
class _Notes:
    """What is said of columns, those of which the same is said together."""

    dates: set[str] = field(default_factory=set)
    columns: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def say(self, column: str, what: str) -> None:
        self.columns[what].append(column)

    def sentences(self) -> list[str]:
        return [f"{named(columns)}: {what}" for what, columns in self.columns.items()]


def named(columns: list[str]) -> str:
    """Columns for a note; of many the first."""
    shown = ", ".join(map(repr, columns[:NAMED]))
    return shown + (f" and {len(columns) - NAMED} more" if len(columns) > NAMED else "")


def read_features(
    con: Backend, table: ir.Table, columns: list[str], reading: Reading, times: pd.Series | None
) -> Features:
    """Reads columns as features.

    Numbers are what they are, in text too
    (:func:`recsys.marketing.propensity.column_numbers.numbers_of`). Dates become days
    (:func:`recsys.marketing.propensity.column_dates.dates_of`): before the row's own time where
    it has one, since 1970 otherwise, and nothing else: a month or a weekday that counts wants a
    column of its own. Times of day become hours. Everything else is a category. Lists and records
    are left out.

    Args:
        con: an engine.
        table: in it, of whatever types.
        columns: those that are read.
        reading: how.
        times: float [rows], microseconds since 1970, to which dates are held; None: there are
            none.

    Raises:
        InputError: a column is not of the dates that ``reading.formats`` says.
    """
    found: dict[str, np.ndarray] = {}
    notes = _Notes()
    now = None if times is None else times.to_numpy(dtype=float) / DAY
    for name in columns:
        column = table[name]
        kind = column.type()
        if kind.is_nested() or kind.is_json():
            notes.say(
                name,
                "left out, as lists and records are not features: write what counts into columns "
                "of its own",
            )
        elif kind.is_timestamp() or kind.is_date():
            time = microseconds(column, None, None, reading.times.timezone)
            found[name] = _days(values(con, time).to_numpy(dtype=float) / DAY, now)
            notes.dates.add(name)
            notes.say(name, f"read as dates, in {_unit(now)}")
        elif kind.is_numeric() and name not in reading.formats and not _may_be_dates(con, column):
            numbers = values(con, column.cast("float64")).to_numpy(dtype=float)
            found[name] = np.where(np.abs(numbers) <= LARGEST, numbers, np.nan)
            if odd := int((np.isnan(found[name]) & ~np.isnan(numbers)).sum()):
                notes.say(name, f"{odd:,} values are infinite or too large, and count as missing")
        else:
            found[name] = _of_text(con, name, texts_of(con, column), reading, now, notes)
    rows = pd.RangeIndex(con.to_pandas(table.count()))
    return Features(pd.DataFrame(found, index=rows), frozenset(notes.dates), notes.sentences())


def values(con: Backend, column: ir.Column) -> pd.Series:
    """A column by the number of its row."""
    return con.to_pandas(column.name("value").as_table())["value"]


def texts_of(con: Backend, column: ir.Column) -> pd.Series:
    """A column as text without invisible edges, None where it is empty; 1.0 is 1 if it is typed."""
    texts = values(con, trimmed(column) if column.type().is_string() else plain_text(column))
    texts = texts.astype(object)
    return texts.where(texts.notnull(), None)


def _may_be_dates(con: Backend, column: ir.NumericColumn) -> bool:
    """Whether all are whole numbers of the size of 20240131; a gap makes them floats."""
    number = column.cast("float64")
    odd = ~number.between(FIRST_COMPACT, LAST_COMPACT) | (number % 1 != 0)
    return not con.to_pandas(odd.any(where=~number.isnan()).fill_null(True))


def _of_text(
    con: Backend,
    name: str,
    texts: pd.Series,
    reading: Reading,
    now: np.ndarray | None,
    notes: _Notes,
) -> np.ndarray:
    # `1.0` is `1`, as it is in ids.
    whole = texts.str.replace(WHOLE, r"\1", regex=True)
    if dated := is_compact(whole):
        texts = whole
    latest = None if now is None or np.isnan(now).all() else float(np.nanmax(now)) * DAY
    if (format := reading.formats.get(name)) is not None:
        try:
            dates = dates_of(con, texts, reading.times, format, latest)
        except InputError as error:
            raise InputError(f"the column {name!r} (table.times): {error}") from error
        return _of_dates(name, dates, now, notes)
    numbers = numbers_of(texts, reading.numbers, reading.stated)
    if numbers.holds and not dated:
        if numbers.said:
            notes.say(name, numbers.said)
        _tell_odd(name, numbers, notes)
        return numbers.values
    dates = dates_of(con, texts, reading.times, now=latest)
    if dates.holds:
        return _of_dates(name, dates, now, notes)
    if (hours := hours_of(texts)) is not None:
        notes.say(name, "read as times of day or durations, in hours")
        return hours
    kind, best = max(("numbers", numbers), ("dates", dates), key=lambda each: each[1].read)
    if doubt := numbers.doubt or dates.doubt:
        notes.say(name, f"taken as categories, not as numbers or dates: {doubt}")
    elif best.read and best.read >= LOOKS * best.there:
        notes.say(
            name,
            f"{best.there - best.read:,} of {best.there:,} values are not {kind}, such as "
            f"{best.odd[0]!r}, and make the column one of categories",
        )
    return whole.fillna("").to_numpy(dtype=object)


def _of_dates(name: str, dates: ReadColumn, now: np.ndarray | None, notes: _Notes) -> np.ndarray:
    notes.say(name, f"read as dates, in {_unit(now)}, such as {dates.said}")
    notes.dates.add(name)
    _tell_odd(name, dates, notes)
    return _days(dates.values, now)


def _tell_odd(name: str, column: ReadColumn, notes: _Notes) -> None:
    if column.odd:
        notes.say(
            name,
            f"{column.there - column.read:,} of {column.there:,} values cannot be read, such as "
            f"{column.odd[0]!r}, and count as missing",
        )
    for word, rows in column.missing.items():
        notes.say(name, f"{word!r} counts as missing ({counted(rows, 'row')})")


def _days(days: np.ndarray, now: np.ndarray | None) -> np.ndarray:
    return days if now is None else now - days


def _unit(now: np.ndarray | None) -> str:
    return "days since 1970" if now is None else "days before the row's own time"


def rare_texts(features: pd.DataFrame) -> tuple[list[str], list[str]]:
    """What is lost where rare categories are taken together.

    Args:
        features: of the rows that are learned from.

    Returns:
        Columns of which nothing is left, such as names; and others in which half of the texts that
        are there are lost.
    """
    nothing, half = [], []
    for name, texts in features.select_dtypes(exclude="number").items():
        counts = texts.value_counts()
        there = counts.drop("", errors="ignore")
        if counts.max() < RARE:
            nothing.append(str(name))
        elif there[there < RARE].sum() > there.sum() / 2:
            half.append(str(name))
    return nothing, half


def row_numbers(numbers: pd.DataFrame) -> list[str]:
    """Columns that count the rows of the table, up or down."""
    steps = {str(name): np.diff(numbers[name]) for name in numbers}
    return [name for name, each in steps.items() if (each == 1).all() or (each == -1).all()]


def ids_perhaps(numbers: pd.DataFrame) -> list[str]:
    """Columns with another whole number in each row."""
    return [
        str(name) for name in numbers if numbers[name].is_unique and (numbers[name] % 1 == 0).all()
    ]
