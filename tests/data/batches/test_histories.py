"""Histories as arrays."""

from dataclasses import replace

import numpy as np

from recsys.batch import BatchSpec, QueryBatch, check_batch
from recsys.data.batches.histories import HistoryEncoder, elapsed, slices, whole_seconds
from recsys.data.feature import Feature
from tests.datasets import write_dataset

SPEC = BatchSpec(max_events=3, user=True)


def test_the_last_events_are_kept(tmp_path):
    dataset = write_dataset(tmp_path / "dataset", [[[0, 1, 2, 3], [4], [5]], [[], [], [1]]], 6)
    histories = HistoryEncoder(dataset, 6, SPEC)
    found = histories.of_users(np.array([0, 0, 1], dtype=np.int32), np.array([5, 2, 6]))
    assert found["history"].tolist() == [[2, 3, 4], [0, 1, 0], [0, 0, 0]]
    assert found["length"].tolist() == [3, 2, 0]
    assert found["user"].tolist() == [0, 0, 1]


def test_unknown_items_are_dropped_before_the_window_is_cut(tmp_path):
    dataset = write_dataset(tmp_path / "dataset", [[[0, 5, 1, 5, 2], [], [0]], [[5], [], [1]]], 6)
    histories = HistoryEncoder(dataset, 5, SPEC)
    found = histories.of_users(np.array([0, 1, 0], dtype=np.int32), np.array([5, 7, 4]))
    assert found["history"].tolist() == [[0, 1, 2], [0, 0, 0], [0, 1, 0]]
    assert found["length"].tolist() == [3, 0, 2]


def test_times_begin_with_the_window(tmp_path):
    dataset = write_dataset(tmp_path / "dataset", [[[0, 5, 1, 5, 2], [], [0]], [[5], [], [1]]], 6)
    # Whole seconds since 1970 are subtracted: 10, 13, 14, 20, 60 and 100 of the first user.
    times = np.array([10.9, 13.0, 14.0, 20.5, 60.2, 100.0, 3.0, 4.0]) * 10**6
    np.save(dataset.path / "event_times.npy", times.astype(np.int64))
    users, ends = np.array([0, 0, 1], dtype=np.int32), np.array([5, 2, 7])
    known = HistoryEncoder(dataset, 6, replace(SPEC, times=True))
    assert known.of_users(users, ends)["history_times"].tolist() == [[0, 6, 46], [0, 3, 0], [0] * 3]
    # Without item 5 the histories are 0, 1, 2; 0; and nothing.
    some = HistoryEncoder(dataset, 5, replace(SPEC, times=True))
    assert some.of_users(users, ends)["history_times"].tolist() == [[0, 4, 50], [0] * 3, [0] * 3]
    assert "history_times" not in HistoryEncoder(dataset, 5, SPEC).of_users(users, ends)


def test_elapsed_seconds_stay_within_68_years():
    seconds = np.array([[-5, 2**40, -9], [-5, -3, 0]])
    found = elapsed(seconds, np.array([3, 2], dtype=np.int32))
    assert found.dtype == np.int32
    assert found.tolist() == [[0, 2**31 - 1, 0], [0, 2, 0]]


def test_slices_become_a_matrix():
    matrix, lengths = slices(np.arange(10), np.array([0, 4, 7]), np.array([2, 4, 10]), 3)
    assert matrix.tolist() == [[0, 1, 0], [0, 0, 0], [7, 8, 9]]
    assert lengths.tolist() == [2, 0, 3]


def test_histories_given_event_by_event(tmp_path):
    country = Feature(name="country", kind="categorical", vocabulary_size=3)
    values = np.array([2, 1], dtype=np.int32)
    users = [[[0, 1], [2], [3]], [[4], [5], [9]]]
    features = {"country": (country, values)}
    what = (Feature(name="what", kind="categorical", vocabulary_size=3), np.zeros(7, np.int32))
    dataset = write_dataset(
        tmp_path / "dataset", users, 10, user_features=features, event_features={"what": what}
    )
    spec = BatchSpec(5, times=True, user=True, user_features=("country",), event_features=("what",))
    histories = [np.array([], np.int32), np.array([9, 0, 1, 2, 8, 3, 4, 5], np.int32)]
    times = [np.array([], np.int64), np.array([0, 1, 12, 13, 14, 25, 26, 2**40])]
    kinds = [np.array([], np.int32), np.array([9, 1, 2, 0, 9, 1, 2, 1], np.int32)]
    encoder = HistoryEncoder(dataset, 8, spec)
    found = encoder.of_events(histories, times, {"what": kinds}, np.array([-1, 1], np.int32))
    # Items 8 and 9 are beyond this catalogue of eight, and the window is five.
    assert {name: array.tolist() for name, array in found.items()} == {
        "history": [[0] * 5, [1, 2, 3, 4, 5]],
        "length": [0, 5],
        "history_times": [[0] * 5, [0, 1, 13, 14, 2**31 - 1]],
        "event_feature.what": [[0] * 5, [2, 0, 1, 2, 1]],
        "user": [-1, 1],
        "user_feature.country": [0, 1],
    }
    assert tuple(sorted(found)) == tuple(sorted(spec.query_keys))
    check_batch(found, QueryBatch)


def test_what_the_events_were_goes_with_them(tmp_path):
    users = [[[0, 5, 1, 5, 2], [], [0]], [[5], [], [1]]]
    price = np.arange(1, 9, dtype=np.float32) / 2
    features = {"price": (Feature(name="price", kind="numeric"), price)}
    dataset = write_dataset(tmp_path / "dataset", users, 6, event_features=features)
    spec = replace(SPEC, event_features=("price",))
    users, ends = np.array([0, 1, 0], dtype=np.int32), np.array([5, 7, 2])
    every = HistoryEncoder(dataset, 6, spec).of_users(users, ends)
    check_batch(every, QueryBatch)
    assert every["event_feature.price"].tolist() == [[1.5, 2, 2.5], [3.5, 0, 0], [0.5, 1, 0]]
    # Without item 5 the histories are 0, 1, 2; nothing; and 0.
    known = HistoryEncoder(dataset, 5, spec).of_users(users, ends)
    assert known["event_feature.price"].tolist() == [[0.5, 1.5, 2.5], [0] * 3, [0.5, 0, 0]]
    assert known["event_feature.price"].dtype == np.float32


def test_both_ways_encode_alike(tmp_path):
    price = (Feature(name="price", kind="numeric"), np.arange(8, dtype=np.float32))
    dataset = write_dataset(
        tmp_path / "dataset",
        [[[0, 5, 1, 5, 2], [], [0]], [[5], [], [1]]],
        6,
        event_features={"price": price},
    )
    spec = replace(SPEC, times=True, event_features=("price",))
    encoder = HistoryEncoder(dataset, 5, spec)
    users, ends = np.array([0, 1], dtype=np.int32), np.array([5, 7])
    given = encoder.of_events(
        [dataset.event_items[:5], dataset.event_items[6:7]],
        [whole_seconds(dataset.event_times[:5]), whole_seconds(dataset.event_times[6:7])],
        {"price": [price[1][:5], price[1][6:7]]},
        users,
    )
    for name, array in encoder.of_users(users, ends).items():
        np.testing.assert_array_equal(given[name], array)
