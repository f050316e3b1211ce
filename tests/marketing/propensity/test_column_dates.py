"""Columns of dates as people write them."""

import numpy as np
import pandas as pd
import pytest

from recsys.data.sources.engine import connect
from recsys.data.sources.times import TimeConfig
from recsys.errors import InputError
from recsys.marketing.propensity.column_dates import dates_of, hours_of, is_compact


@pytest.fixture(scope="module")
def con(tmp_path_factory):
    con = connect(tmp_path_factory.mktemp("engine"), 1.0)
    yield con
    con.disconnect()


def days(*dates: str) -> list[float]:
    """Days since 1970, by NumPy."""
    return [float(np.datetime64(date, "s").astype(int)) / 86_400 for date in dates]


@pytest.mark.parametrize(
    ("texts", "dates"),
    [
        (["2024-01-31", "1950-02-28", "9999-12-31"], ["2024-01-31", "1950-02-28", "9999-12-31"]),
        (["2024-01-31 06:00", "2024-01-31T18:00:00"], ["2024-01-31T06", "2024-01-31T18"]),
        (["2024-01-31T02:00:00+02:00"], ["2024-01-31"]),
        (["31.01.2024", "01.02.2024"], ["2024-01-31", "2024-02-01"]),
        (["01/02/2024", "13/04/2024"], ["2024-02-01", "2024-04-13"]),
        (["01/02/2024", "04/13/2024"], ["2024-01-02", "2024-04-13"]),
        (["05/05/2024", "06/06/2024"], ["2024-05-05", "2024-06-06"]),
        (["Jan 5, 2024", "Feb 7, 2023"], ["2024-01-05", "2023-02-07"]),
        (["2024-01", "2023-12"], ["2024-01-01", "2023-12-01"]),
        (["20240131"], ["2024-01-31"]),
    ],
)
def test_dates_are_days(con, texts, dates):
    found = dates_of(con, pd.Series([*texts, None, "n/a"], dtype=object), TimeConfig())
    assert found.holds and found.missing == {"n/a": 1}
    np.testing.assert_allclose(found.values, [*days(*dates), np.nan, np.nan])


def test_day_and_month_are_not_guessed(con):
    texts = pd.Series(["01/02/2024", "03/04/2024"], dtype=object)
    found = dates_of(con, texts, TimeConfig())
    assert not found.holds
    assert found.doubt == (
        '\'01/02/2024\' may be 2024-01-02 ("%m/%d/%Y") or 2024-02-01 ("%d/%m/%Y"): set the right '
        "one in table.times"
    )
    said = dates_of(con, texts, TimeConfig(), "%d/%m/%Y")
    assert said.values.tolist() == days("2024-02-01", "2024-04-03")
    by_table = dates_of(con, texts, TimeConfig(time_format="%d/%m/%Y"))
    assert by_table.values.tolist() == said.values.tolist()


def test_a_format_that_does_not_fit_is_refused(con):
    texts = pd.Series(["01/02/2024", "03/04/2024"], dtype=object)
    with pytest.raises(InputError, match="2 of 2 values, such as '01/02/2024', are not dates in"):
        dates_of(con, texts, TimeConfig(), "%d.%m.%Y")


@pytest.mark.parametrize("texts", [["north", "south"], ["a1", "b2"], ["12:30"], ["1-2", "3-4"]])
def test_other_texts_are_not_dates(con, texts):
    assert not dates_of(con, pd.Series(texts, dtype=object), TimeConfig()).read


def test_times_of_day_are_hours():
    assert hours_of(pd.Series(["08:30", "1:15"])).tolist() == [8.5, 1.25]
    assert hours_of(pd.Series(["00:30:36", "100:00:00"])).tolist() == [0.51, 100.0]
    assert hours_of(pd.Series(["08:30", "1:15:00"])) is None  # minutes, or hours?
    assert hours_of(pd.Series(["08:30", "noon"])) is None


def test_numbers_that_are_dates():
    assert is_compact(pd.Series(["20240131", None, "19991231"]))
    assert not is_compact(pd.Series(["20240131", "20240230"]))
    assert not is_compact(pd.Series(["20240131", "12"]))


NOW = np.datetime64("2026-11-27", "us").astype(float)


def short(*texts: str) -> pd.Series:
    return pd.Series(texts, dtype=object)


def test_births_with_years_of_two_digits_are_in_the_past(con):
    births = short("14.03.35", "29.02.68", "01.01.69", "31.12.99", "13.06.05")
    dates = days("1935-03-14", "1968-02-29", "1969-01-01", "1999-12-31", "2005-06-13")
    for format in (None, "%d.%m.%y"):
        found = dates_of(con, births, TimeConfig(), format, now=NOW)
        assert found.holds and found.values.tolist() == dates
        assert found.said == "'14.03.35' is 1935-03-14; years 35 to 68 are read as 19.."


@pytest.mark.parametrize(
    "texts",
    [
        ("14.03.35", "29.02.56", "13.06.61"),  # none is past
        ("31.12.24", "30.06.25", "31.12.28"),  # ends of contracts
    ],
)
def test_years_of_two_digits_that_may_be_to_come_are_not_guessed(con, texts):
    found = dates_of(con, short(*texts), TimeConfig(), now=NOW)
    assert not found.holds
    assert "may be of 19.. or 20..: write years with four digits, or set" in found.doubt
    assert '"%d.%m.%y" in table.times' in found.doubt
    said = dates_of(con, short(*texts), TimeConfig(), "%d.%m.%y", now=NOW)
    whole = pd.to_datetime(pd.Series(texts), format="%d.%m.%y")
    assert said.holds and said.values.tolist() == days(*whole.astype(str))


def test_what_is_to_come_is_held_to_the_tables_own_time(con):
    texts = short("30.06.55", "13.06.01", "31.12.75")
    found = dates_of(con, texts, TimeConfig(), now=np.datetime64("2002-01-01", "us").astype(float))
    assert found.values.tolist() == days("1955-06-30", "2001-06-13", "1975-12-31")
    past = dates_of(con, short("30.06.20", "13.06.24"), TimeConfig(), now=NOW)
    assert past.values.tolist() == days("2020-06-30", "2024-06-13")
    assert past.said == "'30.06.20' is 2020-06-30"
