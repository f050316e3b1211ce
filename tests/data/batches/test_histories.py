"""Histories as arrays."""

import numpy as np

from recsys.data.batches.histories import Histories, elapsed, slices
from tests.datasets import write_dataset


def test_the_last_events_are_kept(tmp_path):
    dataset = write_dataset(tmp_path / "dataset", [[[0, 1, 2, 3], [4], [5]], [[], [], [1]]], 6)
    histories = Histories(dataset, catalogue_items=6, max_events=3)
    found = histories.inputs(np.array([0, 0, 1], dtype=np.int32), np.array([5, 2, 6]))
    assert found["history"].tolist() == [[2, 3, 4], [0, 1, 0], [0, 0, 0]]
    assert found["length"].tolist() == [3, 2, 0]
    assert found["user"].tolist() == [0, 0, 1]


def test_unknown_items_are_dropped_before_the_window_is_cut(tmp_path):
    dataset = write_dataset(tmp_path / "dataset", [[[0, 5, 1, 5, 2], [], [0]], [[5], [], [1]]], 6)
    histories = Histories(dataset, catalogue_items=5, max_events=3)
    found = histories.inputs(np.array([0, 1, 0], dtype=np.int32), np.array([5, 7, 4]))
    assert found["history"].tolist() == [[0, 1, 2], [0, 0, 0], [0, 1, 0]]
    assert found["length"].tolist() == [3, 0, 2]


def test_times_begin_with_the_window(tmp_path):
    dataset = write_dataset(tmp_path / "dataset", [[[0, 5, 1, 5, 2], [], [0]], [[5], [], [1]]], 6)
    # Whole seconds since 1970 are subtracted: 10, 13, 14, 20, 60 and 100 of the first user.
    times = np.array([10.9, 13.0, 14.0, 20.5, 60.2, 100.0, 3.0, 4.0]) * 10**6
    np.save(dataset.path / "event_times.npy", times.astype(np.int64))
    users, ends = np.array([0, 0, 1], dtype=np.int32), np.array([5, 2, 7])
    known = Histories(dataset, catalogue_items=6, max_events=3, times=True)
    assert known.inputs(users, ends)["history_times"].tolist() == [[0, 6, 46], [0, 3, 0], [0] * 3]
    # Without item 5 the histories are 0, 1, 2; 0; and nothing.
    some = Histories(dataset, catalogue_items=5, max_events=3, times=True)
    assert some.inputs(users, ends)["history_times"].tolist() == [[0, 4, 50], [0] * 3, [0] * 3]
    assert "history_times" not in Histories(dataset, 5, 3).inputs(users, ends)


def test_elapsed_seconds_stay_within_68_years():
    seconds = np.array([[-5, 2**40, -9], [-5, -3, 0]])
    found = elapsed(seconds, np.array([3, 2], dtype=np.int32))
    assert found.dtype == np.int32
    assert found.tolist() == [[0, 2**31 - 1, 0], [0, 2, 0]]


def test_slices_become_rows():
    rows, lengths = slices(np.arange(10), np.array([0, 4, 7]), np.array([2, 4, 10]), 3)
    assert rows.tolist() == [[0, 1, 0], [0, 0, 0], [7, 8, 9]]
    assert lengths.tolist() == [2, 0, 3]
