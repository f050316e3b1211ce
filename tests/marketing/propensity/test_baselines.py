"""The baselines, at their strongest."""

import numpy as np
import pandas as pd
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_auc_score

from recsys.marketing.propensity.baselines import (
    LastPeriod,
    LastPeriodLine,
    Prior,
    Recency,
    Transitions,
    Zero,
)
from recsys.marketing.propensity.objectives import Binary, Multiclass, Regression
from recsys.marketing.propensity.task import Table


def users(features: pd.DataFrame, target: pd.Series) -> Table:
    return Table(features, pd.Series(np.arange(len(target)).astype(str)), target)


def visitors(seed: int, rows: int = 3000) -> Table:
    """Whole days, which tie, and times that differ by a second; some were away longer."""
    generator = np.random.default_rng(seed)
    days = np.round(generator.exponential(80, rows) * (1 + seed), 1)
    days[::3] += generator.integers(0, 60, len(days[::3])) / 86_400
    back = generator.random(rows) < 0.8 * np.exp(-days / 60)
    return users(pd.DataFrame({"recency_days": days}), pd.Series(back))


@pytest.mark.parametrize("rises", [False, True])
def test_recency_orders_users_as_raw_recency_does_and_its_probabilities_are_right(rises):
    learned, asked = visitors(0), visitors(1)
    if rises:
        learned, asked = (users(each.features, ~each.target) for each in (learned, asked))
    found = Recency(rises)(learned, asked.features)
    days = asked.features["recency_days"]
    assert roc_auc_score(asked.target, found) == roc_auc_score(
        asked.target, days if rises else -days
    )
    # Ties where recency ties, and nowhere else.
    assert pd.Series(found).nunique() == days.nunique() < len(days)
    assert ((found >= 0) & (found <= 1)).all()
    curve = IsotonicRegression(increasing=rises, out_of_bounds="clip")
    curve.fit(learned.features["recency_days"], learned.target)
    np.testing.assert_allclose(found, curve.predict(days), atol=2e-9)
    assert pd.Series(curve.predict(days)).nunique() < 100  # what the steps would tie


def test_what_was_spent_before_is_a_line_of_what_is_spent_next():
    generator = np.random.default_rng(0)
    before = generator.gamma(0.3, 30, 500)
    after = 2 + 0.4 * before + generator.normal(0, 1, 500)
    learned = users(pd.DataFrame({"value_30d": before}), pd.Series(after))
    asked = pd.DataFrame({"value_30d": [0.0, 100.0]})
    slope, start = np.polyfit(before, after, 1)
    found = LastPeriodLine("value_30d", 0.0)(learned, asked)
    np.testing.assert_allclose(found, [start, start + 100 * slope])
    np.testing.assert_allclose(LastPeriod("value_30d")(learned, asked), [0, 100])
    falling = users(learned.features, pd.Series(-before))
    np.testing.assert_allclose(LastPeriodLine("value_30d", 0.0)(falling, asked), 0, atol=1e-12)
    assert LastPeriodLine("value_30d", -500.0)(falling, asked)[1] == pytest.approx(-100)


def test_everybody_is_like_everybody():
    spent = pd.Series([0.0, 0.0, 0.0, 10.0])
    learned, asked = users(pd.DataFrame({"x": [1, 2, 3, 4]}), spent), pd.DataFrame({"x": [5, 6]})
    assert Prior(Regression(""))(learned, asked).tolist() == [2.5, 2.5]
    assert Prior(Regression("", 0.0, "median"))(learned, asked).tolist() == [0, 0]
    assert Zero()(learned, asked).tolist() == [0, 0]
    yes = users(learned.features, spent > 0)
    assert Prior(Binary(""))(yes, asked).tolist() == [0.25, 0.25]
    plans = users(learned.features, pd.Series(["a", "a", "a", "b"]))
    # One more of each: what nobody had is not impossible.
    np.testing.assert_allclose(
        Prior(Multiclass("", ("a", "b", "c")))(plans, asked)[0], [4 / 7, 2 / 7, 1 / 7]
    )


def test_users_move_as_others_of_their_class_did():
    learned = users(
        pd.DataFrame({"segment": ["a", "a", "a", "b"]}), pd.Series(["a", "a", "b", "b"])
    )
    found = Transitions("segment", ("a", "b"))(learned, pd.DataFrame({"segment": ["b", "a"]}))
    np.testing.assert_allclose(found, [[1 / 3, 2 / 3], [3 / 5, 2 / 5]])
