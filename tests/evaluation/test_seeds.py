"""Metrics over seeds, by numbers worked out by hand."""

import doctest

import pytest

from recsys.evaluation import seeds
from recsys.evaluation.seeds import OverSeeds, over_seeds


def test_three_seeds():
    # Deviation .01; t of 2 degrees of freedom 4.3027; .01 / sqrt(3) = .0057735.
    found = over_seeds([0.05, 0.06, 0.07])
    assert (found.mean, found.deviation) == (pytest.approx(0.06), pytest.approx(0.01))
    assert (found.low, found.high) == (
        pytest.approx(0.035159, abs=1e-6),
        pytest.approx(0.084841, abs=1e-6),
    )
    assert found.seeds == 3


def test_two_seeds():
    # Deviation sqrt(2); t of 1 degree of freedom 12.7062; the reach is t * sqrt(2) / sqrt(2).
    found = over_seeds([1.0, 3.0])
    assert (found.low, found.high) == (
        pytest.approx(2 - 12.7062, abs=1e-4),
        pytest.approx(2 + 12.7062, abs=1e-4),
    )


def test_one_seed_has_no_interval():
    assert over_seeds([0.06]) == OverSeeds(0.06, None, None, None, 1)


def test_the_example():
    assert doctest.testmod(seeds).failed == 0
