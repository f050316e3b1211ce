import datetime as dt

import ibis
import pyarrow as pa
import pytest
from pydantic import ValidationError

from recsys.data.sources.engine import connect
from recsys.data.sources.times import (
    TimeConfig,
    guess_unit,
    microseconds,
    plausible,
    read_times,
    unusable_times,
)
from recsys.errors import InputError

MOMENT = dt.datetime(2010, 12, 1, 8, 26, 30, tzinfo=dt.UTC)
SECONDS = int(MOMENT.timestamp())
MICROSECONDS = SECONDS * 10**6


@pytest.fixture
def parsed(tmp_path):
    con = connect(tmp_path, memory_gib=1)

    def parse(values, kind=None, format=None, timezone="UTC", unit=None):
        con.create_table("times", pa.table({"t": pa.array(values, type=kind)}), overwrite=True)
        column = con.table("times").t
        unit = unit or (None if format else guess_unit(column, "time"))
        return microseconds(column, unit, format, timezone).to_pyarrow().to_pylist()

    return parse


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([MICROSECONDS // 10**6], pa.int32()),
        ([MICROSECONDS / 1e6], pa.float64()),
        ([MICROSECONDS // 10**3], pa.int64()),
        ([MICROSECONDS], pa.int64()),
        ([MICROSECONDS * 1000], pa.int64()),
        ([str(MICROSECONDS // 10**6)], pa.string()),
        ([f"{MICROSECONDS // 10**6}.0"], pa.string()),
        ([str(MICROSECONDS // 10**3)], pa.string()),
        (["2010-12-01 08:26:30"], pa.string()),
        (["2010-12-01T08:26:30Z"], pa.string()),
        (["2010-12-01T10:26:30+02:00"], pa.string()),
        (["2010-12-01 10:26:30+02"], pa.string()),
        (["2010-12-01 08:26:30 UTC"], pa.string()),
        (["2010-12-01 09:26:30.0 Europe/Berlin"], pa.string()),
        ([MOMENT.replace(tzinfo=None)], pa.timestamp("ns")),
        ([MOMENT.replace(tzinfo=None)], pa.timestamp("s")),
        ([MOMENT], pa.timestamp("us", "UTC")),
        ([MOMENT], pa.timestamp("ms", "Europe/Berlin")),
    ],
)
def test_one_time_in_many_forms(parsed, values, kind):
    assert parsed(values, kind) == [MICROSECONDS]


def test_fractions_of_a_second(parsed):
    assert parsed([1291191990.25]) == [MICROSECONDS + 250_000]
    assert parsed(["2010-12-01 08:26:30.25"]) == [MICROSECONDS + 250_000]


def test_dates(parsed):
    midnight = int(dt.datetime(2010, 12, 1, tzinfo=dt.UTC).timestamp()) * 10**6
    assert parsed([dt.date(2010, 12, 1)]) == [midnight]
    assert parsed(["2010-12-01"]) == [midnight]


def test_format(parsed):
    assert parsed(["12/1/2010 8:26", "x"], format="%m/%d/%Y %H:%M") == [
        MICROSECONDS - 30 * 10**6, None,
    ]  # fmt: skip
    zoned = parsed(["2010-12-01 10:26:30 +0200"], format="%Y-%m-%d %H:%M:%S %z")
    assert zoned == [MICROSECONDS]


@pytest.mark.parametrize("naive", ["2010-12-01 09:26:30", "01.12.2010 09:26:30"])
def test_timezone_of_naive_text(parsed, naive):
    format = "%d.%m.%Y %H:%M:%S" if "." in naive else None
    assert parsed([naive], format=format, timezone="Europe/Berlin") == [MICROSECONDS]


def test_timezone_of_dates(parsed):
    assert parsed(["2010-12-01"], timezone="Europe/Berlin") == parsed(["2010-11-30T23:00:00Z"])


def test_timezone_of_naive_timestamps_only(parsed):
    naive = [dt.datetime(2010, 12, 1, 9, 26, 30)]
    assert parsed(naive, timezone="Europe/Berlin") == [MICROSECONDS]
    assert parsed([MOMENT], pa.timestamp("us", "UTC"), timezone="Europe/Berlin") == [MICROSECONDS]


def test_what_is_no_time_is_null(parsed):
    assert parsed(["yesterday", "", None, "2010-13-45"]) == [None] * 4
    assert parsed([float("nan"), 1e30, 1e9], unit="seconds") == [None, None, 10**15]
    assert parsed([2**62, 5, 6], pa.int64(), unit="seconds") == [None, 5 * 10**6, 6 * 10**6]


def test_one_odd_value_does_not_change_the_unit(parsed):
    usual = [10**9 + second for second in range(200)]
    assert parsed([*usual, 10**15], pa.int64())[:2] == [10**15, 10**15 + 10**6]
    assert parsed([0] * 300 + [at * 1000 for at in usual])[-1] == (10**9 + 199) * 10**6


def test_given_unit_is_kept(parsed):
    assert parsed([86_400_000], pa.int64(), unit="milliseconds") == [86_400 * 10**6]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["20240131", "20240201"], "time_format"),
        ([638_000_000_000_000_000] * 2, r"ticks of \.NET"),
        (
            [SECONDS * 1000] * 6 + [SECONDS] * 4,
            r"60 % look like milliseconds \(1291191990000\), 40 % look like seconds \(1291191990\)"
            r".*`time_unit: milliseconds`",
        ),
        ([str(SECONDS)] * 6 + ["14944.0"] * 4, r"40 % look like days \(14944\)"),
        (
            list(range(0, 1_800_000_000, 10**7)),
            r"numbers from 0 to 1790000000, and 35 % of them are before 1990 if they are seconds"
            r".*`earliest_time: 1970-01-01`",
        ),
        ([SECONDS] * 98 + [SECONDS * 10**9] * 2, "2 % look like nanoseconds"),
    ],
)
def test_numbers_that_may_be_several_things_are_asked_about(values, message):
    with pytest.raises(InputError, match=message):
        guess_unit(ibis.memtable({"t": values}).t, "time")


def test_days_are_days_where_it_says_so(parsed):
    midnight = MICROSECONDS // (86_400 * 10**6) * 86_400 * 10**6
    assert parsed([14_944, 0, -1], unit="days") == [midnight, 0, -86_400 * 10**6]
    assert parsed(["14944.5"], unit="days") == [midnight + 43_200 * 10**6]


@pytest.mark.parametrize(
    ("values", "kind"),
    [([20101201], pa.int32()), ([20101201.0], pa.float64()), (["20101201"], None)],
)
def test_a_format_reads_numbers_too(parsed, values, kind):
    assert parsed(values, kind, format="%Y%m%d") == parsed(["2010-12-01"])


@pytest.mark.parametrize(
    ("value", "settings", "reason"),
    [
        ("1989-12-31T23:59:59Z", {}, "time before 1990"),
        ("1990-01-01T00:00:00Z", {}, None),
        ("1990-01-01T00:30:00+01:00", {}, "time before 1990"),
        ("2100-01-01", {}, "time in the future"),
        ("2100-01-01T23:59:59Z", {"latest_time": "2100-01-01"}, None),
        ("2100-01-02", {"latest_time": "2100-01-01"}, "time after 2100-01-01"),
        ("1970-01-01", {"earliest_time": "1970-01-01"}, None),
        ("1969-12-31", {"earliest_time": "1970-01-01"}, "time before 1970"),
        ("2010-12-01", {"earliest_time": "2010-12-02"}, "time before 2010-12-02"),
        ("20-01-05", {}, "time before 1990"),
        ("soon", {}, "unparseable time"),
    ],
)
def test_what_cannot_be_has_a_reason(value, settings, reason):
    config = TimeConfig.model_validate(settings)
    time = read_times(ibis.memtable({"t": [value]}).t, config)
    rules = unusable_times(time, config)
    assert ibis.cases(*rules, else_=ibis.null("string")).to_pyarrow().to_pylist() == [reason]
    assert plausible(time, config).to_pyarrow().to_pylist() == [reason is None]


def test_clocks_ahead_of_utc_are_not_in_the_future():
    now = dt.datetime.now(dt.UTC)
    time = read_times(
        ibis.memtable({"t": [now + dt.timedelta(hours=hours) for hours in (0, 14, 25)]}).t,
        TimeConfig(),
    )
    assert plausible(time, TimeConfig()).to_pyarrow().to_pylist() == [True, True, False]


def test_a_span_that_is_none():
    with pytest.raises(ValidationError, match="must not be before"):
        TimeConfig.model_validate({"earliest_time": "2020-01-02", "latest_time": "2020-01-01"})
