"""Numbers of a log, counted by hand."""

import numpy as np
import pandas as pd
import pytest

from recsys.data.dataset import Dataset
from recsys.data.dataset_statistics import DatasetStatistics
from recsys.errors import InputError
from tests.datasets import write_dataset

DAY = 86_400_000_000
# 2026-01-01 was a Thursday.
BEGIN = int(pd.Timestamp("2026-01-01", tz="UTC").value // 1000)


def write(folder, times, history_ends=None):
    """User 0 trains on items 0, 1, 0; is validated on 2; tested on 0, 3. User 1 on 0; -; 1."""
    dataset = write_dataset(folder, [[[0, 1, 0], [2], [0, 3]], [[0], [], [1]]], 5)
    values = BEGIN + (np.array(times) * DAY).astype(np.int64)
    np.save(dataset.path / "event_times.npy", values)
    if history_ends is not None:
        np.save(dataset.path / "history_ends.npy", np.array(history_ends, dtype=np.int64))
    return DatasetStatistics(Dataset(dataset.path))


@pytest.fixture
def statistics(tmp_path):
    return write(tmp_path / "dataset", [0, 0.5, 1, 4, 5, 5.5, 1, 6])


def test_parts(statistics):
    table = statistics.parts()
    assert table.index.tolist() == ["train", "validation", "test", "all"]
    assert table.events.tolist() == [4, 1, 3, 8] == table.targets.tolist()
    assert table.users.tolist() == [2, 1, 2, 2]
    assert table["items"].tolist() == [2, 1, 3, 4]
    assert table.events_per_user.tolist() == [2.0, 1.0, 1.5, 4.0]
    assert table.new_users.tolist() == [0, 0, 0, 0]
    assert table.new_items.tolist() == [0, 1, pytest.approx(1 / 3), 0.5]
    assert table["first"].tolist()[2] == pd.Timestamp("2026-01-06", tz="UTC")
    last = ("2026-01-02", "2026-01-05", "2026-01-07", "2026-01-07")
    assert table["last"].tolist() == [pd.Timestamp(day, tz="UTC") for day in last]


def test_events_of_users_in_the_order_that_is_asked(statistics):
    users, items = statistics.dataset.user_ids, statistics.dataset.item_ids
    table = statistics.events_of([users[1], users[0]], last=3)
    assert table["user"].tolist() == [users[1]] * 2 + [users[0]] * 3
    assert table["item"].tolist() == [items[item] for item in (0, 1, 2, 0, 3)]
    assert table["part"].tolist() == ["train", "test", "validation", "test", "test"]
    days = (table["time"] - pd.Timestamp("2026-01-01", tz="UTC")) / pd.Timedelta(days=1)
    assert days.tolist() == [1, 6, 4, 5, 5.5]
    assert len(statistics.events_of(users[0])) == 6
    with pytest.raises(InputError, match="the log has no user 'nobody', '7'"):
        statistics.events_of(["nobody", users[0], 7, "nobody"])


def test_volume_by_day_has_days_without_events(statistics):
    table = statistics.volume("day")
    assert table.index.name == "day" and str(table.index[0]) == "2026-01-01 00:00:00+00:00"
    assert table.train.tolist() == [2, 2, 0, 0, 0, 0, 0]
    assert table.validation.tolist() == [0, 0, 0, 0, 1, 0, 0]
    assert table.test.tolist() == [0, 0, 0, 0, 0, 2, 1]
    assert table.users.tolist() == [1, 2, 0, 0, 1, 1, 1]


def test_volume_by_week_and_month(statistics, tmp_path):
    weeks = statistics.volume("week")
    assert [str(each.date()) for each in weeks.index] == ["2025-12-29", "2026-01-05"]
    assert weeks.drop(columns="users").sum(axis=1).tolist() == [4, 4]
    months = write(tmp_path / "months", [0, 20, 40, 41, 70, 71, 30, 90]).volume("month")
    assert [str(each.date()) for each in months.index] == [
        "2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01",
    ]  # fmt: skip
    assert months.drop(columns="users").sum(axis=1).tolist() == [3, 2, 2, 1]


@pytest.mark.parametrize(
    ("days", "volume", "drift"),
    [(1, "hour", "hour"), (6, "day", "day"), (100, "day", "week"), (3000, "month", "month")],
)
def test_the_period_follows_the_length_of_the_log(tmp_path, days, volume, drift):
    statistics = write(tmp_path / "dataset", [0, 0, 0, 0, 0, 0, 0, days])
    assert statistics.volume().index.name == volume
    assert statistics.drift().index.name == drift


def test_the_long_tail(statistics):
    table = statistics.long_tail()
    assert table["item"].tolist() == ["i0", "i1", "i2", "i3", "i4"]
    assert table.title.tolist()[0] == "Item 0"
    assert table.events.tolist() == [4, 2, 1, 1, 0]
    assert table.share.tolist() == [0.5, 0.25, 0.125, 0.125, 0]
    assert table.cumulative.tolist() == [0.5, 0.75, 0.875, 1, 1]


def test_events_per_user(statistics):
    table = statistics.events_per_user()
    assert table.index.tolist() == [2, 6]
    assert table.users.tolist() == [1, 1]
    assert table.at_least.tolist() == [1.0, 0.5]


def test_repeats_are_of_what_came_before(statistics, tmp_path):
    table = statistics.repeats()
    assert table.repeats.tolist() == [1, 0, 1, 2]  # item 0 again, in training and in test
    assert table.share.tolist() == [0.25, 0, pytest.approx(1 / 3), 0.25]
    # User 0's first three events are one basket, in which item 0 stands twice.
    basket = write(tmp_path / "basket", [0, 0, 0, 4, 5, 5.5, 1, 6], [0, 0, 0, 3, 4, 5, 6, 7])
    assert basket.repeats().repeats.tolist() == [0, 0, 1, 1]


def test_drift(tmp_path):
    """Days: items 0 1, 0 0, none, 2 3, 2 1."""
    dataset = write_dataset(tmp_path / "d", [[[0, 1, 0], [2], [3, 2]], [[0], [], [1]]], 4)
    days = np.array([0, 0, 1, 3, 3, 4, 1, 4])
    np.save(dataset.path / "event_times.npy", BEGIN + days * DAY)
    table = DatasetStatistics(Dataset(dataset.path)).drift("day")
    assert table.events.tolist() == [2, 2, 0, 2, 2]
    nan = float("nan")
    for column, expected in {
        "new_items": [1, 0, nan, 1, 0],
        "new_users": [1, 0.5, nan, 0, 0],
        "overlap": [nan, 0.5, nan, nan, 0.5],
    }.items():
        assert np.array_equal(table[column], expected, equal_nan=True), column


def test_what_the_log_does_not_have(tmp_path):
    statistics = write(tmp_path / "dataset", [0] * 8)
    with pytest.raises(InputError, match="no period 'year': there are hour, day, week, month"):
        statistics.volume("year")
    dataset = statistics.dataset
    dataset.manifest.model_copy(update={"has_time": False}).write(dataset.path)
    (dataset.path / "event_times.npy").unlink()
    dataset.manifest.model_copy(update={"has_time": False}).write(dataset.path)
    timeless = DatasetStatistics(Dataset(dataset.path))
    with pytest.raises(InputError, match="the log has no times"):
        timeless.drift()
    assert timeless.parts()["first"].isna().all()


def test_a_dataset_offers_them(statistics):
    assert isinstance(statistics.dataset.statistics, DatasetStatistics)
