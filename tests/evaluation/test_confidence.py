"""Bootstrap intervals against the closed form, and their coverage."""

import numpy as np
import pytest

from recsys.evaluation.confidence import intervals
from recsys.evaluation.metrics import Ratio


def clustered(
    generator: np.random.Generator, users: int, spread: float = 0.3
) -> tuple[np.ndarray, np.ndarray]:
    """Values around 1 whose users differ: (values, owner) of 1 to 9 queries a user."""
    owner = np.repeat(np.arange(users), generator.integers(1, 10, users))
    taste = generator.normal(1.0, spread, users)
    return taste[owner] + generator.normal(0, 0.1, len(owner)), owner


def closed_form_error(values: np.ndarray, owner: np.ndarray) -> float:
    """Cochran's (1977) standard error of a ratio of sums over users."""
    sums, counts = np.bincount(owner, weights=values), np.bincount(owner)
    residuals = sums - values.mean() * counts
    users = len(sums)
    return float(np.sqrt(users / (users - 1) * (residuals**2).sum()) / len(values))


def test_agrees_with_the_closed_form() -> None:
    values, owner = clustered(np.random.default_rng(0), 2000)
    found = intervals({"m": Ratio.mean(values)}, owner, draws=2000)["m"]
    error = closed_form_error(values, owner)
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)
    assert found.warning is None


def test_covers_the_truth_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(200):
        values, owner = clustered(np.random.default_rng(seed), 100)
        found = intervals({"m": Ratio.mean(values)}, owner, draws=300, seed=seed)["m"]
        covered += found.low <= 1.0 <= found.high
    assert 0.90 <= covered / 200 <= 0.985


def test_is_wider_than_if_queries_were_independent() -> None:
    values, owner = clustered(np.random.default_rng(1), 300)
    ratio = {"m": Ratio.mean(values)}
    by_user = intervals(ratio, owner)["m"]
    by_query = intervals(ratio, np.arange(len(owner)))["m"]
    assert by_user.high - by_user.low > 1.5 * (by_query.high - by_query.low)


def test_equal_seeds_give_equal_intervals_whatever_the_block(monkeypatch) -> None:
    values, owner = clustered(np.random.default_rng(2), 50)
    ratio = {"m": Ratio.mean(values), "n": Ratio(values, values**2)}
    first = intervals(ratio, owner, seed=3)
    assert intervals(ratio, owner, seed=3) == first
    assert intervals(ratio, owner, seed=4) != first
    monkeypatch.setattr("recsys.evaluation.confidence._BLOCK_CELLS", 50 * 7)
    again = intervals(ratio, owner, seed=3)
    assert again["m"].low == pytest.approx(first["m"].low)


def test_few_users_are_warned_of() -> None:
    few = intervals({"m": Ratio.mean(np.arange(5.0))}, np.arange(5))["m"]
    assert few.low is not None and "5 users" in few.warning
    assert few.as_dict()["warning"] == few.warning


def test_one_user_has_no_interval() -> None:
    one = intervals({"m": Ratio.mean(np.arange(5.0))}, np.zeros(5, int))["m"]
    assert (one.value, one.low, one.high) == (2.0, None, None)
    assert "one user" in one.warning


def test_undefined_queries_do_not_count() -> None:
    values = np.array([1.0, np.nan, 3.0])
    assert intervals({"m": Ratio.mean(values)}, np.arange(3))["m"].value == 2.0
    nothing = intervals({"m": Ratio.mean(np.full(3, np.nan))}, np.arange(3))["m"]
    assert nothing.value is None and "no query" in nothing.warning


def test_no_metrics() -> None:
    assert intervals({}, np.zeros(0, int)) == {}
