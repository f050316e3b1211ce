"""Predictions of what users do next."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from recsys.errors import InputError
from recsys.marketing.propensity.answers import Amount, OneOf, YesNo, refuse_leaking
from recsys.marketing.propensity.estimators import KINDS
from recsys.marketing.propensity.judging import EstimatorsConfig, fit_for_now, judge
from recsys.marketing.propensity.periods import PeriodConfig, ask_log
from recsys.marketing.users.description import FeaturesConfig
from recsys.marketing.users.events import open_events
from recsys.marketing.users.segments import SEGMENTS
from tests.marketing.logs import prepared, shoppers

pytestmark = pytest.mark.slow

QUICK = ["linear", "decision_tree"]
FEATURES = FeaturesConfig.model_validate({"behaviour": {"windows_days": [30]}})


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("shoppers"), shoppers())


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Users enough where no interval is looked at: forests take their time."""
    return prepared(tmp_path_factory.mktemp("few"), shoppers(users=500))


def asked(dataset, target="buys", days=60, **period):
    with open_events(dataset) as events:
        config = PeriodConfig(target=target, days=days, **period)
        return ask_log(events, config, FEATURES)


def judged(question, **settings):
    return judge(question, EstimatorsConfig.model_validate({"estimators": QUICK} | settings))


@pytest.mark.parametrize("target", ["buys", "leaves"])
def test_who_will_buy_and_who_will_leave(dataset, target):
    question = asked(dataset, target).question
    found = judged(question)
    assert found.test["auc"]["low"] > 0.6
    assert found.test["lift@10%"]["value"] > 1
    assert found.predicted.mean() == pytest.approx(question.test.target.mean(), abs=0.1)
    assert found.rule == "recency"
    assert found.baselines["recency"]["auc"]["low"] > 0.5
    days = question.test.features["recency_days"]
    raw = roc_auc_score(question.test.target, -days if target == "buys" else days)
    assert found.baselines["recency"]["auc"]["value"] == raw
    assert found.rules["recency"].mean() == pytest.approx(question.test.target.mean(), abs=0.1)
    assert [each.kind for each in found.tried] == QUICK
    assert found.chosen.validation == max(each.validation for each in found.tried)
    assert found.validation["auc"]["value"] == found.chosen.validation


def test_how_much_they_will_spend(dataset):
    question = asked(dataset, "value").question
    found = judged(question)
    assert found.test["rank_correlation"]["low"] > 0.3
    assert (found.predicted >= 0).all()
    spent = question.test.target.to_numpy()
    assert found.test["mae"]["value"] < np.abs(spent - spent.mean()).mean()
    assert found.chosen.validation == min(each.validation for each in found.tried)


def test_which_segment_they_will_be_in(dataset):
    question = asked(dataset, "segment").question
    found = judged(question)
    assert found.predicted.shape == (len(question.test.target), len(SEGMENTS))
    np.testing.assert_allclose(found.predicted.sum(axis=1), 1, rtol=1e-6)
    assert found.comparison["high"] < 0  # a smaller loss than the transitions'
    common = question.test.target.value_counts(normalize=True).max()
    assert found.test["accuracy"]["low"] > common


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", ["buys", "value"])
def test_every_estimator_learns(few, kind, target):
    found = judged(asked(few, target).question, estimators=[kind])
    name, least = ("auc", 0.6) if target == "buys" else ("rank_correlation", 0.3)
    assert found.test[name]["value"] > least


def test_who_is_asked_about_now_is_predicted_by_all_that_is_known(dataset):
    question = asked(dataset).question
    found = judged(question, estimators=["linear"])
    fitted = fit_for_now(question, found)
    predicted = question.answer.predictions(fitted, question.now.features)
    assert len(predicted) == len(question.now.users) == question.now.users.nunique()
    assert predicted.mean() == pytest.approx(question.test.target.mean(), abs=0.15)


def test_a_prediction_repeats_itself_to_the_bit(few):
    settings = {"estimators": ["svm", "random_forest"]}
    question = asked(few).question
    with threadpool_limits(2):  # in whatever order they end
        one, other = judged(question, **settings), judged(question, **settings)
    np.testing.assert_array_equal(one.predicted, other.predicted)
    assert one.test == other.test
    assert [each.validation for each in one.tried] == [each.validation for each in other.tried]


def test_the_choice_does_not_look_at_the_test_period(dataset, tmp_path):
    """Other events in the last period change the verdict, not what is judged."""
    rows = shoppers()
    last = rows["day"].max()
    late = rows["day"] > last - 60
    # Somebody still closes the log at the same moment.
    silent = rows[~late | (rows["day"] == last) | (rows["user"] < "u2")]
    one, other = asked(dataset), asked(prepared(tmp_path, silent))
    assert one.moments == other.moments
    one, other = judged(one.question), judged(other.question)
    assert one.chosen.settings == other.chosen.settings
    assert one.chosen.validation == pytest.approx(other.chosen.validation)
    np.testing.assert_allclose(
        np.sort(one.predicted), np.sort(other.predicted), rtol=1e-6, atol=1e-9
    )
    assert one.test["auc"] != other.test["auc"]


def test_a_feature_that_knows_the_answer_is_named():
    generator = np.random.default_rng(0)
    target = pd.Series(generator.random(500) < 0.4)
    features = pd.DataFrame({"honest": generator.random(500)})
    features["silent"] = np.nan
    features["id"] = [f"u{row}" for row in range(500)]  # tells nothing of other rows
    refuse_leaking(features, target, YesNo(""))
    with pytest.raises(InputError, match="'refund' tells the answers apart"):
        refuse_leaking(features.assign(refund=3.0 * ~target), target, YesNo(""))
    reason = np.where(target, "too dear", "")
    with pytest.raises(InputError, match="'reason' tells the answers apart"):
        refuse_leaking(features.assign(reason=reason), target, YesNo(""))
    spent = pd.Series(generator.gamma(2, 10, 500))
    refuse_leaking(features, spent, Amount(""))
    with pytest.raises(InputError, match="'invoice' tells the answers apart"):
        refuse_leaking(features.assign(invoice=1.19 * spent), spent, Amount(""))
    names = ("a", "b", "c")
    plan = pd.Series(generator.choice(names, 500))
    refuse_leaking(features, plan, OneOf("", names))


def test_one_class_only_is_refused(dataset):
    with pytest.raises(InputError, match=r"have the answer yes .*target: leaves"):
        judged(asked(dataset, "leaves", active_days=1).question)


def test_an_unknown_metric_is_refused(dataset):
    with pytest.raises(InputError, match="'mae'; of such an answer there are auc"):
        judged(asked(dataset).question, metric="mae")


def test_a_period_without_purchases_is_refused(tmp_path):
    rows = shoppers(users=300)
    last = rows["day"].max()
    quiet = rows[~rows["day"].between(last - 120, last - 60)]
    with pytest.raises(InputError, match="that are validated, 0 have the answer yes"):
        judged(asked(prepared(tmp_path, quiet)).question)
