"""Why values cannot be taken as times, and the setting that mends it."""

from datetime import datetime

import ibis
import ibis.expr.types as ir

from recsys.data.sources.times import (
    MICROSECONDS,
    TimeConfig,
    as_number,
    as_text,
    looks_like,
    microseconds,
    percent,
    plausible,
    read_times,
    unusable_times,
)
from recsys.errors import InputError

# Formats that text is tried with; where day and month could be either, the month first.
FORMATS = (
    "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%m/%d/%Y",
    "%m/%d/%y %H:%M:%S", "%m/%d/%y %H:%M", "%m/%d/%y %I:%M %p", "%m/%d/%y",
    "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y %I:%M:%S %p", "%d/%m/%Y %I:%M %p", "%d/%m/%Y",
    "%d/%m/%y %H:%M:%S", "%d/%m/%y %H:%M", "%d/%m/%y",
    "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d.%m.%y %H:%M", "%d.%m.%y",
    "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d-%m-%Y",
    "%y-%m-%d %H:%M:%S", "%y-%m-%d %H:%M", "%y-%m-%d", "%d-%m-%y",
    "%Y%m%d%H%M%S", "%Y%m%d", "%y%m%d", "%Y-%m", "%Y", "%Y-%m-%d-%H:%M:%S",
    "%m %d, %Y", "%b %d, %Y", "%b %d, %Y %I:%M:%S %p", "%d %b %Y", "%d %b %Y %H:%M:%S", "%d-%b-%Y",
    "%d-%b-%y", "%b %d %Y %I:%M%p", "%B %d, %Y", "%d %B %Y", "%d.%m.%y %H:%M:%S",
    "%m/%d/%y %I:%M:%S %p", "%Y.%m.%d %H:%M:%S", "%Y.%m.%d %H:%M", "%Y.%m.%d",
    "%d/%b/%Y:%H:%M:%S %z", "%a %b %d %H:%M:%S %z %Y", "%a, %d %b %Y %H:%M:%S %z",
    "%Y年%m月%d日 %H:%M:%S", "%Y年%m月%d日 %H:%M", "%Y年%m月%d日 %H时%M分%S秒",
    "%Y年%m月%d日 %H时%M分", "%Y年%m月%d日%H时%M分%S秒", "%Y年%m月%d日",
)  # fmt: skip
# Rows that the formats are tried on.
SAMPLE = 10_000
# Distinct values, at least one of which must fit a format before it is tried on the sample.
LOOKED_AT = 50
# Days from 1899-12-30, where spreadsheets count from, to 1990 and 2050.
SPREADSHEET_DAYS = (32_874, 54_789)
# The year 100, in microseconds since 1970: earlier years are written with two digits.
CENTURY = -59_011_459_200_000_000


def fitting_formats(column: ir.Column, config: TimeConfig, least: float = 0.9) -> dict[str, float]:
    """The formats that read most of a column as possible times.

    Args:
        column: text, or numbers such as 20240131.
        config: which times are possible.
        least: share of the values that are not missing.

    Returns:
        By format the share of values that it reads, the largest first.
    """
    values = column.name("value").as_table().limit(SAMPLE)
    text = as_text(values.value).nullif("")
    different = text.name("text").as_table().distinct().limit(LOOKED_AT)
    shown = [each for each in different.to_pyarrow()["text"].to_pylist() if each]
    reads = {
        format: plausible(microseconds(text, None, format, config.timezone), config).sum()
        for format in FORMATS
        if any(_fits(each, format) for each in shown)
    }
    if not reads:
        return {}
    found = values.aggregate(rows=text.count(), **reads).to_pyarrow().to_pylist()[0]
    rows = max(found.pop("rows"), 1)
    shares = {format: (hits or 0) / rows for format, hits in found.items()}
    best = sorted(shares.items(), key=lambda each: -each[1])
    return {format: share for format, share in best if share > least}


def _fits(text: str, format: str) -> bool:
    try:
        datetime.strptime(text, format)
    except ValueError:
        return False
    return True


def explain_times(column: ir.Column, config: TimeConfig | None = None) -> str | None:
    """What stands in the way of taking a column as times.

    Args:
        column: one that looks like times, for example by its name.
        config: how it would be read; by default as if nothing were set.

    Returns:
        The likely cause, with an example and the setting that mends it; None if every value
        that is not missing is a possible time.
    """
    config = config or TimeConfig()
    values = column.name("value").as_table()
    try:
        time = read_times(values.value, config)
    except InputError as error:
        formats = fitting_formats(column, config)
        return _by_format(formats, column) if formats else str(error)
    faults = _faults(values.value, time, config)
    labelled = values.select(
        text=as_text(values.value).nullif(""),
        fault=ibis.cases(*((holds, number) for number, (holds, _) in enumerate(faults)), else_=-1),
    )
    there = labelled.filter(labelled.text.notnull())
    counted = there.group_by("fault").aggregate(rows=there.count(), example=there.text.min())
    found = counted.order_by(ibis.desc("rows")).to_pyarrow().to_pylist()
    rows = sum(each["rows"] for each in found)
    wrong = [each for each in found if each["fault"] >= 0]
    if not rows:
        return "there are no times: every value is empty"
    if not wrong:
        return None
    most, total = wrong[0]["rows"], sum(each["rows"] for each in wrong)
    if total > rows / 2 and not column.type().is_temporal():
        formats = fitting_formats(column, config, least=0.5)
        formats.pop(config.time_format or "", None)
        # Days since 1970 may be read as dates, too, though not all of them.
        if formats and (max(formats.values()) == 1 or most < total):
            return _by_format(formats, column)
    told = wrong[:1] if most > total / 2 else wrong[:2]
    return "; ".join(
        faults[each["fault"]][1].format(share=percent(each["rows"] / rows), example=each["example"])
        for each in told
    )


def _by_format(formats: dict[str, float], column: ir.Column) -> str:
    example = as_text(column).nullif("").name("text").as_table().text.max().execute()
    best = max(formats.values())
    alike = [f'`time_format: "{format}"`' for format in formats if formats[format] == best]
    said = "values" if best == 1 else f"{percent(best)} of the values,"
    return f"{said} such as {example!r} are not in ISO 8601: set {' or '.join(alike[:3])}"


def _faults(
    values: ir.Column, time: ir.IntegerValue, config: TimeConfig
) -> list[tuple[ir.BooleanValue, str]]:
    """Conditions, the likeliest first, each with a message about the values that meet it."""
    (unread, _), (early, before), (late, after) = unusable_times(time, config)
    is_typed = values.type().is_temporal()
    faults: list[tuple[ir.BooleanValue, str]] = []
    if not is_typed and config.time_format is None:
        number, odd = as_number(values), ~plausible(time, config)
        faults.append(
            (odd & (number <= 0), "{share} of the values are 0 or less, such as {example}")
        )
        faults += [
            (
                odd & looks_like(number, unit),
                f"numbers such as {{example}} ({{share}}) look like {unit} since 1970: set "
                f"`time_unit: {unit}`",
            )
            for unit in MICROSECONDS
        ]
        faults.append(
            (
                odd & number.between(*SPREADSHEET_DAYS),
                "numbers such as {example} ({share}) look like the days of a spreadsheet, since "
                "1899-12-30: write them as dates",
            )
        )
    form = "not in ISO 8601: mend them or, if all are written alike, set `time_format`"
    if config.time_format is not None:
        form = f'not times of `time_format: "{config.time_format}"`: mend them, or correct it'
    wrongly_written = "the file may have been written with a wrong unit; " if is_typed else ""
    return [
        *faults,
        (
            time < CENTURY,
            "{example} ({share}) is in the first century: write years with four digits, or, in "
            'text, set `time_format`, for example "%y-%m-%d"',
        ),
        (
            early,
            f"values such as {{example}} ({{share}}): {before}; {wrongly_written}if they count "
            "from an origin of their own, set `earliest_time: 1970-01-01`",
        ),
        (late, f"values such as {{example}} ({{share}}): {after}; `latest_time` allows them"),
        (unread, f"values such as {{example!r}} ({{share}}) are {form}"),
    ]
