"""What values say of their column."""

from datetime import UTC, datetime

import ibis
import pandas as pd
import pytest

from recsys.experiment.roles.content import counts_up, is_numeric, may_be_time, time_reading

TIMES = [1_600_000_000 + 90_000 * n for n in range(24)]


def values(found: list) -> ibis.expr.types.Column:
    return ibis.memtable(pd.DataFrame({"given": found})).given


@pytest.mark.parametrize(
    "format",
    [
        "%m/%d/%Y %I:%M:%S %p", "%d.%m.%y", "%d/%m/%y %H:%M", "%d %B %Y", "%b %d, %Y",
        "%Y年%m月%d日 %H:%M:%S", "%Y年%m月%d日", "%Y%m%d",
    ],
)  # fmt: skip
def test_forms_of_times(format):
    column = values([datetime.fromtimestamp(time, UTC).strftime(format) for time in TIMES])
    reading = time_reading(column, column)
    assert reading.settings == {"time_format": format}
    assert reading.note == ""


@pytest.mark.parametrize(
    ("given", "settings", "note"),
    [
        (TIMES, {}, ""),
        (["2020-09-13 10:00:00"] * 3, {}, ""),
        (["01/02/2020", "03/04/2020"], {"time_format": "%m/%d/%Y"}, "either way round"),
        (["soon", "later"], None, "values such as"),
        ([*range(15_000, 15_024)], None, "look like days since 1970"),
    ],
)
def test_times_and_what_is_said_of_them(given, settings, note):
    reading = time_reading(values(given), values(given))
    assert reading.settings == settings
    assert note in reading.note and bool(note) == bool(reading.note)


def test_what_the_first_rows_leave_open_the_others_decide():
    dates = ["01/02/2020", "03/04/2020"]
    reading = time_reading(values([*dates, "25/12/2020"]), values(dates))
    assert reading.settings == {"time_format": "%d/%m/%Y"}


@pytest.mark.parametrize(
    ("given", "is_time"),
    [
        ([*map(str, TIMES)], True),
        (["13.09.2020", "14.09.2020"], True),
        (["2020", "2021"], False),
        (["20200913", "20200914"], False),
        (["red", "1/2"], False),
    ],
)
def test_times_whatever_the_column_is_called(given, is_time):
    assert may_be_time(values(given)) == is_time


def test_numbers_however_they_are_written():
    assert is_numeric(values(["1,5", "2,50"])) and is_numeric(values([1, 2]))
    assert is_numeric(values(["1,100.50", "3"])) and not is_numeric(values(["a", "2"]))


@pytest.mark.parametrize(
    ("numbers", "longest", "counts"),
    [
        ([1, 2, 3, 4, 1, 2, 3], 0, True),
        ([0, 1, 1, 2, 0, 1, 2], 0, True),
        ([1, 2, 3, 4, 1, 2, 3], 10, False),
        ([7, 8, 9, 10, 1, 2, 3], 0, False),
        ([1, 2, 4, 8, 1, 5, 9], 0, False),
        ([1, 1, 2, 2, 1, 1, 2], 0, False),
    ],
)
def test_what_counts_up_within_users(numbers, longest, counts):
    log = ibis.memtable(pd.DataFrame({"user": [*"aaaabbb"], "n": numbers}))
    assert counts_up(log, "user", "n", longest) == counts
