"""Distances of distributions, by hand."""

import doctest

import numpy as np
import pandas as pd
import pytest

from recsys.data.checks import distances
from recsys.data.checks.distances import jensen_shannon, l_infinity


def test_examples():
    assert doctest.testmod(distances).failed == 0


def test_the_largest_difference_of_shares():
    now, before = pd.Series({"x": 6, "y": 3, "z": 1}), pd.Series({"x": 2, "y": 1, "w": 1})
    # x: 0.6 - 0.5, y: 0.3 - 0.25, z: 0.1 - 0, w: 0 - 0.25.
    assert l_infinity(now, before) == (pytest.approx(0.25), "w")
    assert l_infinity(now, now * 7)[0] == pytest.approx(0)
    assert l_infinity(pd.Series(dtype=float), pd.Series(dtype=float)) == (0.0, "")


def test_the_divergence_in_bits():
    """(1/2, 1/2) against (1, 0): their mean is (3/4, 1/4)."""
    by_hand = (0.5 * np.log2(0.5 / 0.75) + 0.5 * np.log2(0.5 / 0.25) + np.log2(1 / 0.75)) / 2
    now, before = np.array([1.0, 2.0] * 10), np.ones(10)
    assert jensen_shannon(now, before) == pytest.approx(by_hand)
    # Weights are counts.
    weighted = jensen_shannon(np.array([1.0, 2.0]), np.ones(1), np.array([10, 10]), np.array([10]))
    assert weighted == pytest.approx(by_hand)
    assert jensen_shannon(before, np.zeros(0)) == 0.0


def test_numbers_are_cut_where_the_reference_is():
    before = np.arange(2_000.0)
    assert jensen_shannon(before, before) == 0.0
    assert jensen_shannon(before + 10_000, before) == 1.0
    # A shift by one of twenty equal parts moves a twentieth of the mass.
    assert 0.01 < jensen_shannon(before + 100, before) < 0.1
