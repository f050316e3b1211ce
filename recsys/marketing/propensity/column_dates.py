"""A column of text as dates, where there is one way only to read them."""

from datetime import UTC, date, datetime

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from ibis.backends.duckdb import Backend

from recsys.data.sources.time_faults import fitting_formats
from recsys.data.sources.times import TimeConfig, microseconds, plausible
from recsys.errors import InputError
from recsys.marketing.propensity.column_texts import LOOKS, MOST, DifferentTexts, ReadColumn

DAY = 86_400e6  # microseconds
CENTURY = 36_525 * DAY  # from any day of 1901 to 1999 to the same one of the next century
# What can be a date about a user: from births to `9999-12-31`, which means never.
SPAN = TimeConfig(earliest_time=date(1850, 1, 1), latest_time=date(9999, 12, 31))
# Texts of which the ways to read them are compared.
COMPARED = 10_000
CLOCK = r"([0-9]{1,3}):([0-5][0-9])(?::([0-5][0-9](?:\.[0-9]+)?))?"
# Calendar dates as numbers.
COMPACT = r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"


def dates_of(
    con: Backend,
    texts: pd.Series,
    config: TimeConfig,
    format: str | None = None,
    now: float | None = None,
) -> ReadColumn:
    """Reads a column as dates, in ISO 8601, in the format given, or in the one that fits.

    Formats are tried on the values; one is taken only if it is the only one that reads the most
    of them, or if all that do agree: ``01/02/2024`` is the first of February or the second of
    January until another value is the 13th of something.

    Years of two digits are 1969 to 2068 by strptime, so that a birth in 1935 would be to come.
    Dates after ``now`` are taken a century back where this brings them all closer together, as it
    does births but not the ends of contracts; otherwise they are in doubt, unless the format was
    given.

    Args:
        con: an engine.
        texts: [rows], None where a value is missing.
        config: the table's ``time_format`` decides where several fit; and its ``timezone``.
        format: strptime format, if somebody stated it.
        now: microseconds since 1970 of the table's latest row; by default the time of reading.

    Returns:
        Days since 1970 in UTC, with fractions for times of day; an example is said, and years
        that were taken a century back.

    Raises:
        InputError: fewer than :data:`MOST` of the values are dates in the format given.
    """
    different = DifferentTexts.of(texts)
    asked = pd.Index(different.texts, dtype=object)
    likeliest, doubt, years = format, "", ""
    if format is not None:
        times = _times(con, asked, format, config.timezone)
    else:
        times, likeliest, doubt = _by_likeliest(con, asked, config)
    if likeliest is not None and "%y" in likeliest:
        times, years, to_come = _centuries(times, now)
        if to_come and format is None:
            doubt = doubt or f'{to_come}, or set "{likeliest}" in table.times if they are to come'
    is_date = ~np.isnan(times)
    there, read = different.there, different.rows(is_date)
    if read < MOST * there:
        doubt = ""  # no format would help
    odd, said = asked[~is_date].tolist(), ""
    if is_date.any():
        shown = int(is_date.argmax())
        day = _day(times[shown])
        said = f"{asked[shown]!r}" + ("" if asked[shown].startswith(day) else f" is {day}")
        said += years
    days = different.spread(times / DAY)
    found = ReadColumn(days, there, read, odd, different.missing, said, doubt)
    if format is not None and not found.holds:
        raise InputError(
            f"{there - read:,} of {there:,} values, such as {odd[0] if odd else None!r}, are not "
            f'dates in the format "{format}"'
        )
    return found


def hours_of(texts: pd.Series) -> np.ndarray | None:
    """Times of day and durations such as ``08:30`` or ``1:05:30``, in hours.

    Returns:
        float64 [rows], NaN where one is missing; None if one of them is something else, or some
        have seconds and others have not, so that ``1:05`` may be minutes.
    """
    parts = texts.str.extract(f"^{CLOCK}$")
    there = texts.notnull()
    seconds = parts[2].notnull()
    if not there.any() or parts[0].isnull()[there].any() or seconds[there].nunique() > 1:
        return None
    numbers = parts.astype(float).fillna({2: 0.0})
    return (numbers[0] + numbers[1] / 60 + numbers[2] / 3600).to_numpy()


def is_compact(texts: pd.Series) -> bool:
    """Whether all values are calendar dates such as 20240131."""
    there = texts.dropna()
    if there.empty or not there.str.fullmatch(COMPACT).all():
        return False
    return bool(pd.to_datetime(there, format="%Y%m%d", errors="coerce").notnull().all())


def _by_likeliest(
    con: Backend, texts: pd.Index, config: TimeConfig
) -> tuple[np.ndarray, str | None, str]:
    """Microseconds since 1970, the format if not ISO 8601, and why they are in doubt."""
    if texts.str.contains(r"[0-9]").sum() < MOST * len(texts):
        return np.full(len(texts), np.nan), None, ""
    iso = _times(con, texts, None, config.timezone)
    if not len(texts) or (~np.isnan(iso)).mean() >= MOST:
        return iso, None, ""
    sample = texts[:COMPARED]
    span = SPAN.model_copy(update={"timezone": config.timezone})
    formats = fitting_formats(_column(con, sample), span, least=LOOKS)
    most = max(formats.values(), default=0.0)
    best = [each for each in formats if formats[each] == most]
    if not best:
        return iso, None, ""
    if config.time_format in best:
        best = [config.time_format]
    readings = {each: _times(con, sample, each, config.timezone) for each in best}
    first = readings[best[0]]
    for other in best[1:]:
        differ = ~np.isclose(first, readings[other], rtol=0, atol=0, equal_nan=True)
        if differ.any():
            place = int(differ.argmax())
            one, two = _day(first[place]), _day(readings[other][place])
            doubt = f'{sample[place]!r} may be {one} ("{best[0]}") or {two} ("{other}")'
            doubt += ": set the right one in table.times"
            return _times(con, texts, best[0], config.timezone), best[0], doubt
    return _times(con, texts, best[0], config.timezone), best[0], ""


def _centuries(times: np.ndarray, now: float | None) -> tuple[np.ndarray, str, str]:
    """Dates whose years have two digits; which years were taken back; or those in doubt."""
    latest = datetime.now(UTC).timestamp() * 1e6 if now is None else now
    to_come = times > latest + DAY  # clocks of zones ahead
    if not to_come.any():
        return times, "", ""
    back = np.where(to_come, times - CENTURY, times)
    first, last = (_day(each(times[to_come]))[2:4] for each in (np.min, np.max))
    years = f"years {first} to {last}" if first != last else f"the year {first}"
    past = (times <= latest).any() and not (back > latest + DAY).any()
    if past and np.ptp(back[~np.isnan(back)]) < np.ptp(times[~np.isnan(times)]):
        return back, f"; {years} {'is' if first == last else 'are'} read as 19..", ""
    return times, "", f"{years} may be of 19.. or 20..: write years with four digits"


def _times(con: Backend, texts: pd.Index, format: str | None, zone: str) -> np.ndarray:
    """Microseconds since 1970 as float64 [texts]; NaN where one is not a date that can be."""
    if not len(texts):
        return np.empty(0)
    column = _column(con, texts)
    time = microseconds(column, None, format, zone)
    usable = ibis.ifelse(plausible(time, SPAN), time, ibis.null("int64"))
    found = con.to_pandas(column.name("text").as_table().mutate(time=usable))
    return found.set_index("text")["time"].reindex(texts).to_numpy(dtype=float)


def _column(con: Backend, texts: pd.Index) -> ir.StringColumn:
    table = con.create_table(
        ibis.util.gen_name("dates"), pd.DataFrame({"text": texts.astype(str)}), temp=True
    )
    return table.text


def _day(time: float) -> str:
    return str(np.datetime64(int(time), "us").astype("datetime64[D]"))
