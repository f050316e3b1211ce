"""The softmax over the whole catalogue, by hand."""

import math

import pytest

from recsys.models.losses.cross_entropy import CrossEntropy
from tests.models.losses.by_hand import ITEMS, QUERIES, batch


def test_cross_entropy_by_hand():
    first = math.log(math.e + 2) - 1
    second = math.log(math.e**2 + 2)  # its target scores 0
    loss = CrossEntropy()(QUERIES, ITEMS, batch([0, 2], [1, 1]))
    assert float(loss) == pytest.approx((first + second) / 2, rel=1e-6)


def test_weights_make_a_weighted_mean_and_padding_counts_for_nothing():
    first = math.log(math.e + 2) - 1
    second = math.log(math.e**2 + 2)
    loss = CrossEntropy()(QUERIES, ITEMS, batch([0, 2], [3, 1]))
    assert float(loss) == pytest.approx((3 * first + second) / 4, rel=1e-6)
    loss = CrossEntropy()(QUERIES, ITEMS, batch([0, 2], [1, 0]))
    assert float(loss) == pytest.approx(first, rel=1e-6)


def test_temperature_divides_scores():
    loss = CrossEntropy(temperature=0.5)(QUERIES, ITEMS, batch([0, 2], [1, 0]))
    assert float(loss) == pytest.approx(math.log(math.e**2 + 2) - 2, rel=1e-6)


def test_label_smoothing_by_hand():
    # The target keeps 0.7 + 0.1, each other item gets 0.1 of the probability.
    loss = CrossEntropy(label_smoothing=0.3)(QUERIES, ITEMS, batch([0, 2], [1, 0]))
    assert float(loss) == pytest.approx(math.log(math.e + 2) - 0.8 * 1, rel=1e-6)
