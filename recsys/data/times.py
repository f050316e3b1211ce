"""Times of a log, whatever their form, as microseconds since 1970 UTC."""

from typing import Literal

import ibis
import ibis.expr.types as ir

from recsys.data.engine import epoch_us, in_timezone, parse_naive, parse_zoned
from recsys.errors import InputError

TimeUnit = Literal["seconds", "milliseconds", "microseconds", "nanoseconds"]

MICROSECONDS: dict[TimeUnit, float] = {
    "seconds": 1e6,
    "milliseconds": 1e3,
    "microseconds": 1.0,
    "nanoseconds": 1e-3,
}
# The years 1 to 9999, which a calendar date can write.
EARLIEST = -62_135_596_800_000_000
LATEST = 253_402_300_799_999_999
# A zone follows a time of day, so that the end of 2010-12-01 is none.
ZONED = (
    r":[0-9]{2}(\.[0-9]+)?\s*([zZ]|[A-Z]{3,4}|[A-Za-z_]+/[A-Za-z_/]+|[+-][0-9]{2}(:?[0-9]{2})?)$"
)


def microseconds(
    column: ir.Column,
    unit: TimeUnit | None,
    format: str | None,
    timezone: str,
) -> ir.IntegerValue:
    """Times as int64 microseconds since 1970 UTC; null where a value is no time.

    Args:
        column: timestamps, dates, epoch numbers, or text that holds either.
        unit: of epoch numbers; None only where there are none (see :func:`guess_unit`).
        format: strptime format of text, when it is not ISO 8601.
        timezone: of timestamps and text without a zone.
    """
    kind = column.type()
    if kind.is_timestamp() or kind.is_date():
        moment = _from_timestamp(column, timezone)
    elif kind.is_numeric():
        moment = _from_number(column, unit or "seconds")
    elif format is not None:
        moment = _from_format(column.cast("string").strip(), format, timezone)
    else:
        moment = _from_text(column.cast("string").strip(), unit, timezone)
    return ibis.ifelse(moment.between(EARLIEST, LATEST), moment, ibis.null("int64"))


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


def guess_unit(column: ir.Column, role: str) -> TimeUnit | None:
    """The unit of epoch numbers by their magnitude; None if the column holds none.

    Seconds of the years 1970 to 5138 lie below 1e11, and each finer unit is a
    thousand times larger.

    Raises:
        InputError: the numbers look like calendar dates (20240131).
    """
    kind = column.type()
    if not (kind.is_numeric() or kind.is_string() or kind.is_json()):
        return None
    number = column.cast("string").strip().try_cast("float64") if not kind.is_numeric() else column
    number = number.cast("float64")
    number = ibis.ifelse(number.isnan(), ibis.null("float64"), number)
    seen = number.as_table().aggregate(
        middle=number.abs().approx_median(), low=number.min(), high=number.max()
    )
    middle, low, high = seen.to_pyarrow().to_pylist()[0].values()
    if middle is None:
        return None
    if low >= 19_000_101 and high <= 21_001_231:
        raise InputError(
            f"the {role} column holds numbers such as {int(low)}: if they are calendar dates, set "
            '`time_format: "%Y%m%d"`; if they are epoch numbers, set `time_unit`'
        )
    units: tuple[TimeUnit, ...] = ("seconds", "milliseconds", "microseconds", "nanoseconds")
    return units[sum(middle >= bound for bound in (1e11, 1e14, 1e17))]
