"""Who looks at whom, and how far back."""

import keras
import numpy as np

from recsys.models.query.attention_past import Lanes, past_of, time_buckets

SEGMENTS = np.array([[0, 0, 1, 1, -1], [2, 2, 2, 2, 2]], np.int32)
TIMES = np.array([[0, 3, 0, 1, 0], [0, 1, 2, 9, 9]], np.int32)


def test_a_position_looks_at_its_own_sequence_up_to_itself():
    past = past_of(np.arange(5), 5, Lanes(SEGMENTS))
    packed = [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1]]
    visible = keras.ops.convert_to_numpy(past.visible_BQL)
    np.testing.assert_array_equal(visible, [packed, np.tri(5)])
    assert past.buckets_BQL is None


def test_the_past_of_some_is_theirs_of_all():
    asked = np.array([3, 1], np.int32)
    whole = past_of(np.arange(5), 5, Lanes(SEGMENTS, TIMES))
    some = past_of(asked, 5, Lanes(SEGMENTS, TIMES))
    for name in ("visible_BQL", "buckets_BQL"):
        expected = keras.ops.convert_to_numpy(getattr(whole, name))[:, asked]
        np.testing.assert_array_equal(getattr(some, name), expected)
    assert np.array(some.distances_QL).tolist() == [[3, 2, 1, 0, 0], [1, 0, 0, 0, 0]]


def test_buckets_of_time_are_powers_of_two_of_a_second():
    seconds = [0, 1, 2, 3, 6, 7, 8, 3600, 86_400, 2**24 - 2, 2**24 - 1, 2**31 - 1]
    times = np.array([[0, *seconds]], np.int32)
    buckets = keras.ops.convert_to_numpy(time_buckets(times, times))
    assert buckets[0, 1:, 0].tolist() == [(1 + gap).bit_length() - 1 for gap in seconds]
    assert not np.triu(buckets[0], 1).any()
