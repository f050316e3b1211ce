"""Which role a column may play, by its values."""

import re
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir

from recsys.data.sources.numbers import NumberFormat, as_number, guess_number_format
from recsys.data.sources.time_faults import explain_times, fitting_formats
from recsys.data.sources.times import (
    MICROSECONDS,
    TimeConfig,
    looks_like,
    microseconds,
    plausible,
    read_times,
)
from recsys.errors import InputError

MOST_EVENT_TYPES = 30
# Share of the values that must be numbers, and of those that must be usable as times: rows whose
# time is not are left out.
NUMBERS, USABLE_TIMES = 0.9, 0.6
# Share of the times that are of one unit, for it to be taken where a person names the column.
LEAST_OF_UNIT = 0.5
# Formats that read a sample equally well and are tried on all values.
MOST_ALIKE = 4
# A number grows within users if it counts from 0 or 1 without gaps for so many of the users that
# have several of it, and reaches more than any scale of ratings.
COUNTING, LONGEST_SCALE = 0.9, 10


def share(condition: ir.BooleanValue, values: ir.Column) -> float:
    """Share of the values that are there for which a condition holds."""
    there = values.cast("string").strip().nullif("").notnull()
    holds = (condition.fill_null(False) & there).sum() / there.sum().nullif(0)
    return float(holds.fill_null(0.0).execute())


def number_format(values: ir.Column) -> dict[str, str]:
    """The settings by which values are numbers; empty for the usual ones."""
    return guess_number_format(values)


def is_numeric(values: ir.Column) -> bool:
    """Whether nearly all values are numbers, however they are written."""
    if values.type().is_numeric():
        return True
    if not values.type().is_string():
        return False
    number = as_number(values, NumberFormat(**number_format(values)))  # type: ignore[arg-type]
    return share(number.notnull(), values) > NUMBERS


def event_types(values: ir.Column) -> list[str]:
    """The different values, the most frequent first; at most thirty."""
    text = values.cast("string").strip().nullif("").name("type").as_table()
    counted = text.filter(text.type.notnull()).group_by("type").aggregate(n=lambda t: t.count())
    ordered = counted.order_by(ibis.desc("n"), "type").limit(MOST_EVENT_TYPES)
    return ordered.to_pyarrow()["type"].to_pylist()


@dataclass(frozen=True)
class TimeReading:
    """How a column is read as times, or why it cannot be.

    Attributes:
        settings: of the log; None: too few values are times.
        note: what a person should check; empty if every value is a time that can be.
        counts: the numbers are times of no unit, but may show what came first.
    """

    settings: dict[str, Any] | None
    note: str = ""
    counts: bool = False


def time_reading(values: ir.Column, sample: ir.Column) -> TimeReading:
    """Tries a column as times.

    Args:
        values: the column.
        sample: its first values, which rule out most columns at once.
    """
    candidates = _time_settings(sample)
    if not candidates:
        return TimeReading(None, explain_times(sample) or "", _only_counts(sample))
    try:
        found = [(share(_usable(values, each), values), each) for each in candidates]
    except InputError as error:
        return TimeReading(None, str(error))
    best, settings = max(found, key=lambda each: each[0])
    if best < USABLE_TIMES:
        return TimeReading(None, explain_times(values, TimeConfig(**settings)) or "")
    alike = [each["time_format"] for part, each in found if part == best and "time_format" in each]
    if _month_first(alike) and len(alike) > _month_first(alike):
        return TimeReading(
            settings, f"the day and the month could be either way round: {' or '.join(alike)}"
        )
    if best == 1:
        return TimeReading(settings)
    why = explain_times(values, TimeConfig(**settings))
    return TimeReading(settings, f"rows whose time cannot be used are left out: {why}")


def named_time_reading(values: ir.Column, sample: ir.Column) -> TimeReading:
    """Reads a column that a person named as times: of mixed units, those of the likeliest.

    Args:
        values: the column.
        sample: its first values.
    """
    reading = time_reading(values, sample)
    if reading.settings is not None or not is_numeric(sample):
        return reading
    shares = {unit: share(_usable(values, {"time_unit": unit}), values) for unit in MICROSECONDS}
    unit = max(shares, key=lambda each: shares[each])
    if shares[unit] < LEAST_OF_UNIT:
        return reading
    settings = {"time_unit": unit}
    why = explain_times(values, TimeConfig(**settings))
    return TimeReading(settings, f"rows whose time cannot be used are left out: {why}")


def may_be_time(sample: ir.Column) -> bool:
    """Whether values look like times whatever their column is called: all, and not just digits.

    Numbers may be seconds or finer units of the years 1990 to 2050, but neither years nor dates.
    """
    candidates = _time_settings(sample)
    if not candidates or not re.search(r"[-/.:年]", candidates[0].get("time_format", "-")):
        return False
    return share(_usable(sample, candidates[0]), sample) == 1


def _time_settings(sample: ir.Column) -> list[dict[str, Any]]:
    """Settings by which most values are times; several where they are as good."""
    if sample.type().is_timestamp() or sample.type().is_date():
        return [{}]
    if not (sample.type().is_numeric() or sample.type().is_string()):
        return []
    try:
        if share(_usable(sample, {}), sample) > USABLE_TIMES:
            return [{}]
    except InputError:  # calendar dates as numbers, which a format reads, or units that are mixed
        pass
    formats = fitting_formats(sample, TimeConfig(), USABLE_TIMES)
    best = max(formats.values(), default=0.0)
    return [{"time_format": each} for each in formats if formats[each] == best][:MOST_ALIKE]


def _usable(values: ir.Column, settings: dict[str, Any]) -> ir.BooleanValue:
    config = TimeConfig(**settings)
    if config.time_format is not None:
        return plausible(microseconds(values, None, config.time_format, "UTC"), config)
    return plausible(read_times(values, config), config)


def _month_first(formats: list[str]) -> int:
    return sum(format.startswith("%m") for format in formats)


def _only_counts(values: ir.Column) -> bool:
    """Whether all are numbers from 0 on that are times of no unit, such as days of a study."""
    if not is_numeric(values):
        return False
    number = as_number(values, NumberFormat())
    is_time = ibis.or_(*(looks_like(number, unit) for unit in MICROSECONDS))
    return share((number >= 0) & ~is_time, values) == 1


def counts_up(log: ir.Table, user: str, name: str, least_longest: int = 0) -> bool:
    """Whether a column numbers what each user did: 0 or 1, 2, 3 and so on.

    Args:
        log: as read.
        user, name: columns of it.
        least_longest: some user must get as far.
    """
    if not is_numeric(log[name].name("n").as_table().limit(10_000).n):
        return False
    number = as_number(log[name], NumberFormat())
    rows = log.select(user=log[user], number=number).filter(lambda t: t.number.notnull())
    each = rows.group_by("user").aggregate(
        low=rows.number.min(), high=rows.number.max(), different=rows.number.nunique()
    )
    several = each.filter(each.different >= 3)
    without_gaps = several.low.isin([0, 1]) & (several.high - several.low + 1 == several.different)
    found = several.aggregate(
        users=several.count(), counting=without_gaps.sum(), longest=several.high.max()
    )
    counted = found.to_pyarrow().to_pylist()[0]
    if not counted["users"] or counted["longest"] <= least_longest:
        return False
    return counted["counting"] >= COUNTING * counted["users"]
