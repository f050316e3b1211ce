"""Columns of dates as people write them."""

import numpy as np
import pandas as pd
import pytest

from recsys.data.engine import connect
from recsys.data.times import TimeConfig
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
    assert not found.holds and np.isnan(found.values).all()
    assert found.doubt == (
        '\'01/02/2024\' may be 2024-01-02 ("%m/%d/%Y") or 2024-02-01 ("%d/%m/%Y"): say which in '
        "table.times"
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
