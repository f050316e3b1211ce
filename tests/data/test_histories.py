"""Histories as arrays."""

import numpy as np

from recsys.data.histories import Histories, slices
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


def test_slices_become_rows():
    rows, lengths = slices(np.arange(10), np.array([0, 4, 7]), np.array([2, 4, 10]), 3)
    assert rows.tolist() == [[0, 1, 0], [0, 0, 0], [7, 8, 9]]
    assert lengths.tolist() == [2, 0, 3]
