"""Predictions of what users do next."""

import numpy as np
import pandas as pd
import pytest

from recsys.errors import InputError
from recsys.marketing.estimators import KINDS
from recsys.marketing.events import open_events
from recsys.marketing.propensity import PropensityConfig, predict, refuse_leaking
from tests.marketing.logs import prepared, shoppers

QUICK = {"estimators": ["linear", "decision_tree"], "behaviour": {"windows_days": [30]}}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("shoppers"), shoppers())


def judged(dataset, **settings):
    with open_events(dataset) as events:
        return predict(events, PropensityConfig.model_validate(QUICK | settings))


@pytest.mark.parametrize("target", ["buys", "leaves"])
def test_who_will_buy_and_who_will_leave(dataset, target):
    found = judged(dataset, period={"target": target, "days": 60})
    assert found.metrics["auc"]["low"] > 0.6
    assert found.metrics["lift@10%"]["value"] > 1
    truth = found.test.target.to_numpy()
    assert found.predicted.mean() == pytest.approx(truth.mean(), abs=0.1)
    assert set(found.baselines) == {"recency"}
    assert [each.kind for each in found.tried] == QUICK["estimators"]
    assert found.chosen.validation == max(each.validation for each in found.tried)


def test_how_much_they_will_spend(dataset):
    found = judged(dataset, period={"target": "value", "days": 60})
    assert found.metrics["rank_correlation"]["low"] > 0.3
    assert (found.predicted >= 0).all()
    spent = found.test.target.to_numpy()
    assert found.metrics["mae"]["value"] < np.abs(spent - spent.mean()).mean()
    assert found.chosen.validation == min(each.validation for each in found.tried)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", ["buys", "value"])
def test_every_estimator_learns(dataset, kind, target):
    found = judged(dataset, estimators=[kind], period={"target": target, "days": 60})
    name, least = ("auc", 0.6) if target == "buys" else ("rank_correlation", 0.3)
    assert found.metrics[name]["value"] > least


def test_a_prediction_repeats_itself_to_the_bit(dataset):
    settings = {"estimators": ["svm", "random_forest"], "period": {"days": 60}}
    one, other = judged(dataset, **settings), judged(dataset, **settings)
    np.testing.assert_array_equal(one.predicted, other.predicted)
    assert one.metrics == other.metrics
    assert [each.validation for each in one.tried] == [each.validation for each in other.tried]


def test_the_choice_does_not_look_at_the_test_period(dataset, tmp_path):
    """Other events in the last period change the verdict, not what is judged."""
    rows = shoppers()
    last = rows["day"].max()
    late = rows["day"] > last - 60
    # Somebody still closes the log at the same moment.
    silent = rows[~late | (rows["day"] == last) | (rows["user"] < "u2")]
    one = judged(dataset, period={"days": 60})
    other = judged(prepared(tmp_path, silent), period={"days": 60})
    assert one.moments == other.moments
    assert one.chosen.settings == other.chosen.settings
    assert one.chosen.validation == pytest.approx(other.chosen.validation)
    np.testing.assert_allclose(
        np.sort(one.predicted), np.sort(other.predicted), rtol=1e-6, atol=1e-9
    )
    assert one.metrics["auc"] != other.metrics["auc"]


def test_a_feature_that_knows_the_answer_is_named():
    generator = np.random.default_rng(0)
    target = pd.Series(generator.random(500) < 0.4)
    features = pd.DataFrame({"honest": generator.random(500), "refund": 3.0 * ~target})
    features["silent"] = np.nan
    refuse_leaking(features[["honest", "silent"]], target)
    with pytest.raises(InputError, match="'refund' tells who does"):
        refuse_leaking(features, target)


def test_one_class_only_is_refused(dataset):
    with pytest.raises(InputError, match=r"of \d+ users do what is predicted"):
        judged(dataset, period={"target": "leaves", "days": 60, "active_days": 1})


def test_an_unknown_metric_is_refused(dataset):
    with pytest.raises(InputError, match="'mae'; of 'buys' there are auc"):
        judged(dataset, metric="mae")
