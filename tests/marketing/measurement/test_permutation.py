"""The permutation test of a difference: against SciPy's, and its interval."""

import numpy as np
import pytest
from scipy import stats

from recsys.marketing.measurement.permutation import permutation_difference

USERS, TREATED = 120, 90


@pytest.fixture(scope="module")
def spent() -> np.ndarray:
    generator = np.random.default_rng(3)
    return np.where(generator.random(USERS) < 0.4, generator.lognormal(3.0, 1.2, USERS), 0.0)


def welch(ours: np.ndarray, others: np.ndarray, axis: int = -1) -> np.ndarray:
    error = (
        ours.var(axis, ddof=1) / ours.shape[axis] + others.var(axis, ddof=1) / others.shape[axis]
    )
    return (ours.mean(axis) - others.mean(axis)) / np.sqrt(error)


def likely(spent: np.ndarray, shift: float, side: str) -> float:
    """How likely SciPy finds the difference, or one further to a side, if all gained a shift."""
    arms = spent[:TREATED] - shift, spent[TREATED:]
    settings = {"vectorized": True, "n_resamples": 9999, "rng": np.random.default_rng(5)}
    return stats.permutation_test(arms, welch, alternative=side, **settings).pvalue


@pytest.mark.parametrize("gain", [0.0, 15.0])
def test_the_test_is_that_of_scipy(spent, gain):
    treated = np.arange(USERS) < TREATED
    outcomes = spent + gain * treated
    found = permutation_difference(treated, outcomes)
    assert found.value == pytest.approx(outcomes[treated].mean() - outcomes[~treated].mean())
    sides = [likely(outcomes, 0.0, side) for side in ("greater", "less")]
    assert found.p_value == pytest.approx(2 * min(sides), abs=0.015)
    # At each end of the interval, SciPy finds the difference as unlikely as the interval says.
    assert likely(outcomes, found.low, "greater") == pytest.approx(0.025, abs=0.006)
    assert likely(outcomes, found.high, "less") == pytest.approx(0.025, abs=0.006)


def test_arms_may_be_named_the_other_way(spent):
    treated = np.arange(USERS) < TREATED
    one, other = permutation_difference(treated, spent), permutation_difference(~treated, spent)
    assert (other.value, other.low, other.high) == pytest.approx((-one.value, -one.high, -one.low))
    assert other.p_value == one.p_value


def test_what_was_known_before_and_tells_all_leaves_no_doubt(spent):
    treated = np.arange(USERS) < TREATED
    found = permutation_difference(treated, 2 * spent + 5.0 * treated, spent)
    assert (found.value, found.low, found.high) == pytest.approx((5.0, 5.0, 5.0), abs=1e-3)


def test_the_same_question_has_the_same_answer(spent):
    treated = np.arange(USERS) < TREATED
    assert permutation_difference(treated, spent) == permutation_difference(treated, spent)
