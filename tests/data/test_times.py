import datetime as dt

import ibis
import pyarrow as pa
import pytest

from recsys.data.engine import connect
from recsys.data.times import guess_unit, microseconds
from recsys.errors import InputError

MOMENT = dt.datetime(2010, 12, 1, 8, 26, 30, tzinfo=dt.UTC)
MICROSECONDS = int(MOMENT.timestamp()) * 10**6


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
def test_one_moment_in_many_forms(parsed, values, kind):
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
    assert parsed([10**9, 10**9 + 1, 10**15], pa.int64())[:2] == [10**15, 10**15 + 10**6]


def test_given_unit_is_kept(parsed):
    assert parsed([86_400_000], pa.int64(), unit="milliseconds") == [86_400 * 10**6]


def test_calendar_dates_as_numbers_are_asked_about():
    column = ibis.memtable({"t": ["20240131", "20240201"]}).t
    with pytest.raises(InputError, match="time_format"):
        guess_unit(column, "time")
