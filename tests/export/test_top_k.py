"""``recsys.export.top_k``, against ``tf.math.top_k``."""

import numpy as np
import pytest
import tensorflow as tf

from recsys.export.top_k import GROUP, filling, top_k


@pytest.mark.parametrize("kinds", [3, 10**6], ids=["many equal", "few equal"])
@pytest.mark.parametrize(("items", "k"), [(4 * GROUP, 1), (64 * GROUP, 7), (50, 50), (3, 2)])
def test_scores_and_places_are_those_of_tensorflow(kinds, items, k):
    assert filling(items, k) == 0
    generator = np.random.default_rng(items + kinds)
    scores = generator.integers(kinds, size=(5, items)).astype("float32")
    scores[0] = -np.inf
    scores[1, : items - 1] = -np.inf
    wanted = tf.math.top_k(scores, k)
    score, places = tf.function(lambda given: top_k(given, k))(scores)
    np.testing.assert_array_equal(score, wanted.values)
    np.testing.assert_array_equal(places, wanted.indices)


def test_no_query_has_no_answer():
    score, places = top_k(tf.zeros([0, 64 * GROUP]), 7)
    assert score.shape == places.shape == (0, 7)


def test_few_items_are_not_filled_up():
    assert filling(2 * GROUP * 10 - 1, 10) == 0
    assert filling(2 * GROUP * 10 + 1, 10) == GROUP - 1
