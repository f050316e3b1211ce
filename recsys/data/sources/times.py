"""Times of a table, whatever their form, as microseconds since 1970 UTC.

A number can always be read as some time, so what is read is checked against what
is possible: a log has no events of 1970 (zeros, days read as seconds, seconds read as
milliseconds) and none of the year 20 or 2100. Such rows are set aside with a
reason, and :mod:`recsys.data.sources.time_faults` names the likely cause.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

import ibis
import ibis.expr.types as ir
from pydantic import AwareDatetime, BeforeValidator, Field, model_validator

from recsys.config import StrictConfig
from recsys.data.sources.engine import epoch_us, in_timezone, parse_naive, parse_zoned
from recsys.errors import InputError

TimeUnit = Literal["days", "seconds", "milliseconds", "microseconds", "nanoseconds"]

MICROSECONDS: dict[TimeUnit, float] = {
    "days": 86_400e6,
    "seconds": 1e6,
    "milliseconds": 1e3,
    "microseconds": 1.0,
    "nanoseconds": 1e-3,
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The years 1 to 9999, which a calendar date can express.
EARLIEST = -62_135_596_800_000_000
LATEST = 253_402_300_799_999_999
# 1990 to 2050, where the numbers of one unit are not those of another.
USUAL = (631_152_000_000_000, 2_524_608_000_000_000)
# 2000 to 2050 in ticks of .NET, which in nanoseconds since 1970 is the beginning of 1990.
TICKS = (630_822_816_000_000_000, 646_602_048_000_000_000)
# The share of the numbers above which a second unit is not an accident of a few rows.
MIXED = 0.01
# A zone follows a time of day, so that the end of 2010-12-01 is not taken for one.
ZONED = (
    r":[0-9]{2}(\.[0-9]+)?\s*([zZ]|[A-Z]{3,4}|[A-Za-z_]+/[A-Za-z_/]+|[+-][0-9]{2}(:?[0-9]{2})?)$"
)


def _day(given: Any) -> Any:
    """An ISO 8601 date, which YAML may have read already."""
    if not isinstance(given, str):
        return given
    try:
        return date.fromisoformat(given.strip())
    except ValueError as error:
        raise ValueError("not a date: write it as 2026-01-31") from error


Day = Annotated[date, BeforeValidator(_day)]


def _time(given: Any) -> Any:
    """ISO 8601 text as a time; a date stands for its beginning, in UTC."""
    if not isinstance(given, str):
        return given
    try:
        time = datetime.fromisoformat(given.strip())
    except ValueError as error:
        raise ValueError("neither a date nor a time in ISO 8601") from error
    is_date = len(given.strip()) <= len("2025-01-25")
    return time.replace(tzinfo=UTC) if is_date else time


DateOrTime = Annotated[
    AwareDatetime, BeforeValidator(_time, json_schema_input_type=date | AwareDatetime)
]


class TimeConfig(StrictConfig):
    """How the times of a table are read, and which of them are possible."""

    time_unit: TimeUnit | None = Field(
        None,
        description="of numbers since 1970; by default guessed from their size (never days)",
    )
    time_format: str | None = Field(
        None, description='strptime format of text that is not ISO 8601, e.g. "%d/%m/%Y %H:%M"'
    )
    timezone: str = Field("UTC", description="of times that do not state their zone")
    earliest_time: Day = Field(
        date(1990, 1, 1),
        description="first possible day (in UTC); earlier rows are set aside. 1970-01-01 for "
        "times that count from an origin of their own",
    )
    latest_time: Day | None = Field(
        None,
        description="last possible day (in UTC), likewise; by default the day after reading",
    )

    @model_validator(mode="after")
    def _span(self) -> "TimeConfig":
        if self.latest_time is not None and self.latest_time < self.earliest_time:
            raise ValueError("`latest_time` must not be before `earliest_time`")
        return self


def read_times(
    column: ir.Column, config: TimeConfig, where: str = "the time column"
) -> ir.IntegerValue:
    """Times as int64 microseconds since 1970 UTC; null where a value is not a time.

    Args:
        column: timestamps, dates, epoch numbers, or text that holds either.
        config: how they are read.
        where: what messages call the column.

    Raises:
        InputError: the numbers are of two units, or look like calendar dates.
    """
    needs_unit = config.time_unit is None and config.time_format is None
    unit = guess_unit(column, where) if needs_unit else config.time_unit
    return microseconds(column, unit, config.time_format, config.timezone)


def time_reasons(config: TimeConfig) -> tuple[str, str, str]:
    """Why a time cannot be used: it cannot be read, is too early, or too late."""
    day = config.earliest_time
    early = day.year if (day.month, day.day) == (1, 1) else day.isoformat()
    late = "in the future" if config.latest_time is None else f"after {config.latest_time}"
    return "unparseable time", f"time before {early}", f"time {late}"


def unusable_times(time: ir.IntegerValue, config: TimeConfig) -> list[tuple[ir.BooleanValue, str]]:
    """Conditions under which a time cannot be used, each with its reason.

    Args:
        time: of :func:`read_times`.
        config: which times are possible.
    """
    first, end = _span(config)
    conditions = (time.isnull(), time < first, time >= end)
    return list(zip(conditions, time_reasons(config), strict=True))


def plausible(time: ir.IntegerValue, config: TimeConfig) -> ir.BooleanValue:
    """Whether a time is there and is possible."""
    first, end = _span(config)
    return ((time >= first) & (time < end)).fill_null(False)


def _span(config: TimeConfig) -> tuple[int, int]:
    """The first possible microsecond, and the first after the last possible one."""
    if config.latest_time is None:
        # A day after now, for clocks in zones ahead of UTC.
        end = since_epoch(datetime.now(UTC) + timedelta(days=1))
    else:
        end = _midnight(config.latest_time) + int(MICROSECONDS["days"])
    return _midnight(config.earliest_time), end


def _midnight(day: date) -> int:
    return since_epoch(datetime(day.year, day.month, day.day, tzinfo=UTC))


def since_epoch(time: datetime) -> int:
    """A time in microseconds since 1970 UTC."""
    return (time - EPOCH) // timedelta(microseconds=1)


def microseconds(
    column: ir.Column,
    unit: TimeUnit | None,
    format: str | None,
    timezone: str,
) -> ir.IntegerValue:
    """Times as int64 microseconds since 1970 UTC; null where a value is not a time.

    Args:
        column: timestamps, dates, epoch numbers, or text that holds either.
        unit: of epoch numbers; None only where there are none (see :func:`guess_unit`).
        format: strptime format of text and of numbers such as 20240131.
        timezone: of timestamps and text without a zone.
    """
    kind = column.type()
    if kind.is_timestamp() or kind.is_date():
        time = _from_timestamp(column, timezone)
    elif format is not None:
        time = _from_format(as_text(column), format, timezone)
    elif kind.is_numeric():
        time = _from_number(column, unit or "seconds")
    else:
        time = _from_text(as_text(column), unit, timezone)
    return ibis.ifelse(time.between(EARLIEST, LATEST), time, ibis.null("int64"))


def as_text(column: ir.Column) -> ir.StringValue:
    """Times as they are written, without blanks around them; 20240131.0 is 20240131."""
    text = column.cast("string").strip()
    return text.re_replace(r"\.0+$", "") if column.type().is_floating() else text


def _from_timestamp(column: ir.Column, timezone: str) -> ir.IntegerValue:
    if column.type().is_timestamp() and column.type().timezone is not None:
        return epoch_us(column)
    return epoch_us(in_timezone(timezone, column.cast("timestamp(6)")))


def _from_number(column: ir.Column, unit: TimeUnit) -> ir.IntegerValue:
    # Bounded before the cast: the engine stops at an overflow and at NaN.
    bound = min(int(LATEST / MICROSECONDS[unit]), 2**63 - 1)
    bounded = ibis.ifelse(column.between(-bound, bound), column, ibis.null(column.type()))
    if column.type().is_integer() and unit != "nanoseconds":
        return bounded.cast("int64") * int(MICROSECONDS[unit])
    return (bounded.cast("float64") * MICROSECONDS[unit]).round()


def _from_format(text: ir.StringValue, format: str, timezone: str) -> ir.IntegerValue:
    if "%z" in format or "%Z" in format:
        return epoch_us(parse_zoned(text, format))
    return epoch_us(in_timezone(timezone, parse_naive(text, format)))


def _from_text(text: ir.StringValue, unit: TimeUnit | None, timezone: str) -> ir.IntegerValue:
    zoned = epoch_us(text.try_cast("timestamp('UTC')"))
    naive = epoch_us(in_timezone(timezone, text.try_cast("timestamp(6)")))
    written = ibis.ifelse(text.re_search(ZONED), zoned, naive)
    if unit is None:
        return written
    number = text.try_cast("float64")
    return ibis.ifelse(number.notnull(), _from_number(number, unit), written)


def zone_notes(column: ir.Column, config: TimeConfig) -> list[str]:
    """A note when some times of a text column name a zone and others do not.

    Args:
        column: as read.
        config: how it is read.
    """
    if not column.type().is_string() or config.time_format is not None:
        return []
    text = as_text(column).nullif("")
    has_clock = text.contains(":")
    counted = text.as_table().aggregate(
        zoned=(has_clock & text.re_search(ZONED)).sum(), clocks=has_clock.sum()
    )
    zoned, clocks = (each or 0 for each in counted.to_pyarrow().to_pylist()[0].values())
    if zoned in (0, clocks):
        return []
    return [
        f"{zoned} of {clocks} times name a zone; the others were taken as {config.timezone} "
        "(`timezone`)"
    ]


def as_number(column: ir.Column) -> ir.FloatingValue:
    """Epoch numbers as float64; null where a value is not a number."""
    kind = column.type()
    number = column if kind.is_numeric() else as_text(column).try_cast("float64")
    number = number.cast("float64")
    return ibis.ifelse(number.isnan(), ibis.null("float64"), number)


def looks_like(number: ir.NumericValue, unit: TimeUnit) -> ir.BooleanValue:
    """Whether a number of that unit is of the years 1990 to 2050."""
    return number.between(USUAL[0] / MICROSECONDS[unit], USUAL[1] / MICROSECONDS[unit])


def guess_unit(column: ir.Column, where: str) -> TimeUnit | None:
    """The unit of epoch numbers by their magnitude; None if the column holds none.

    Days are never guessed: they may as well be ordinal numbers.

    Raises:
        InputError: the numbers are of two units, or look like calendar dates (20240131).
    """
    kind = column.type()
    if not (kind.is_numeric() or kind.is_string() or kind.is_json()):
        return None
    number = as_number(column)
    wanted: dict[str, Any] = {
        "middle": number.abs().approx_median(),
        "low": number.min(),
        "high": number.max(),
        "numbers": number.count(),
    }
    for each in MICROSECONDS:
        wanted[each] = looks_like(number, each).sum()
        wanted[f"example of {each}"] = number.min(where=looks_like(number, each))
    seen = number.as_table().aggregate(**wanted).to_pyarrow().to_pylist()[0]
    if seen["middle"] is None:
        return None
    if seen["low"] >= 19_000_101 and seen["high"] <= 21_001_231:
        raise InputError(
            f"{where} holds numbers such as {int(seen['low'])}: if they are calendar "
            'dates, set `time_format: "%Y%m%d"`; if they are epoch numbers, set `time_unit`'
        )
    if seen["low"] >= TICKS[0] and seen["high"] <= TICKS[1]:
        raise InputError(
            f"{where} holds numbers such as {int(seen['low'])}, which look like ticks of "
            ".NET (100 nanoseconds since the year 1): write them as 2026-01-31T09:00:00Z; if they "
            "are epoch numbers, set `time_unit`"
        )
    votes = {unit: seen[unit] / seen["numbers"] for unit in MICROSECONDS}
    alike = sorted((unit for unit in votes if votes[unit] >= MIXED), key=lambda u: -votes[u])
    if len(alike) > 1:
        parts = [
            f"{percent(votes[u])} look like {u} ({seen[f'example of {u}']:.0f})" for u in alike
        ]
        raise InputError(
            f"{where} mixes units: {', '.join(parts)}. Write all in one unit; or set "
            f"`time_unit: {alike[0]}`, and the others are set aside"
        )
    if alike and alike != ["days"]:
        _refuse_spread(number, alike[0], seen, where)
        return alike[0]
    # Seconds of the years 1970 to 5138 lie below 1e11, and each finer unit is a
    # thousand times larger.
    units: tuple[TimeUnit, ...] = ("seconds", "milliseconds", "microseconds", "nanoseconds")
    return units[sum(seen["middle"] >= bound for bound in (1e11, 1e14, 1e17))]


def _refuse_spread(
    number: ir.FloatingValue, unit: TimeUnit, seen: dict[str, Any], where: str
) -> None:
    """Refuses numbers that count from 0 and only happen to reach the years of a log."""
    early = (number > 0) & (number < USUAL[0] / MICROSECONDS[unit])
    share = (early.sum().execute() or 0) / seen["numbers"]
    if share >= MIXED:
        raise InputError(
            f"{where} holds numbers from {seen['low']:.0f} to {seen['high']:.0f}, and "
            f"{percent(share)} of them are before 1990 if they are {unit} since 1970. If they "
            "count from an origin of their own, set `time_unit` and `earliest_time: 1970-01-01`; "
            f"if those rows are wrong, set `time_unit: {unit}`, and they are set aside"
        )


def percent(share: float) -> str:
    """A share for a message, such as 40 %."""
    return f"{share:.0%}".replace("%", " %") if share >= 0.01 else "under 1 %"
