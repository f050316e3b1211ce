"""Predictions of what users do next."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from recsys.errors import InputError
from recsys.marketing.propensity.baselines import LastPeriod, Prior, Zero
from recsys.marketing.propensity.estimators import KINDS
from recsys.marketing.propensity.model_selection import EstimatorsConfig, fit_for_now, select_model
from recsys.marketing.propensity.objectives import Regression
from recsys.marketing.propensity.periods import PeriodConfig, task_of_log
from recsys.marketing.propensity.task import Table, Task, together
from recsys.marketing.users.description import FeaturesConfig
from recsys.marketing.users.events import open_events
from recsys.marketing.users.segments import SEGMENTS
from tests.marketing.logs import prepared, shoppers

pytestmark = pytest.mark.slow

QUICK = ["linear", "decision_tree"]
SOME_BY_DAY = [
    pytest.param(kind, marks=[] if kind in QUICK else [pytest.mark.nightly]) for kind in KINDS
]
FEATURES = FeaturesConfig.model_validate({"behaviour": {"windows_days": [30]}})


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("shoppers"), shoppers())


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Users enough where no interval is looked at: forests take their time."""
    return prepared(tmp_path_factory.mktemp("few"), shoppers(users=500))


def asked(dataset, target="buys", statistic="mean", days=60, **period):
    with open_events(dataset) as events:
        config = PeriodConfig(target=target, days=days, **period)
        return task_of_log(events, config, FEATURES, statistic)


def selected(task, **settings):
    return select_model(task, EstimatorsConfig.model_validate({"estimators": QUICK} | settings))


@pytest.mark.parametrize("target", ["buys", "leaves"])
def test_who_will_buy_and_who_will_leave(dataset, target):
    task = asked(dataset, target).task
    found = selected(task)
    assert found.test["auc"]["low"] > 0.6
    assert found.test["lift@10%"]["value"] > 1
    assert found.predicted.mean() == pytest.approx(task.test.target.mean(), abs=0.1)
    assert found.best_baseline == "recency"
    assert found.baselines["recency"]["auc"]["low"] > 0.5
    days = task.test.features["recency_days"]
    raw = roc_auc_score(task.test.target, -days if target == "buys" else days)
    assert found.baselines["recency"]["auc"]["value"] == raw
    assert found.baseline_predictions["recency"].mean() == pytest.approx(
        task.test.target.mean(), abs=0.1
    )
    assert [each.kind for each in found.tried] == QUICK
    assert found.chosen.validation == max(each.validation for each in found.tried)
    assert found.validation["auc"]["value"] == found.chosen.validation


def test_how_much_they_will_spend(dataset):
    task = asked(dataset, "value").task
    found = selected(task)
    assert found.test["rank_correlation"]["low"] > 0.3
    assert (found.predicted >= 0).all()
    spent = task.test.target.to_numpy()
    assert found.test["mae"]["value"] < np.abs(spent - spent.mean()).mean()
    assert found.comparison["high"] < 0  # a smaller deviance than the best baseline's
    assert abs(found.validation["total"]["value"] - 1) <= 0.05 and found.notes == ()
    assert list(found.baseline_predictions) == ["zero", "last_period", "last_period_line", "prior"]
    assert found.best_baseline == "last_period_line"
    zero = found.baselines["zero"]
    assert zero["rmse"]["value"] == pytest.approx(np.sqrt((spent**2).mean()))
    assert zero["mae"]["value"] == pytest.approx(spent.mean())
    assert zero["total"]["value"] == 0 and zero["deviance"]["value"] is None
    before = task.test.features["value_60d"]
    assert found.baselines["last_period"]["mae"]["value"] == pytest.approx(
        np.abs(before - spent).mean()
    )
    known = together(task.train, task.validation)
    assert found.baseline_predictions["prior"] == pytest.approx(known.target.mean())
    slope, start = np.polyfit(known.features["value_60d"], known.target, 1)
    np.testing.assert_allclose(
        found.baseline_predictions["last_period_line"], slope * before + start
    )


def skewed(cutoff: int, users: int = 3000) -> Table:
    """Most users spend nothing, a few very much: the mean is known of everybody."""
    generator = np.random.default_rng(cutoff)
    features = pd.DataFrame(
        {"liking": generator.random(users), "purse": generator.normal(size=users)}
    )
    buys = generator.random(users) < 0.05 + 0.4 * features["liking"]
    spent = buys * np.exp(3 + 0.5 * features["purse"] + generator.normal(0, 1, users))
    features["last"] = spent.sample(frac=1, random_state=cutoff).to_numpy()
    ids = pd.Series([f"u{user}" for user in range(users)])
    return Table(features, ids, spent, pd.Series(np.full(users, cutoff)))


def about_spending(statistic: str, shift: float = 0.0) -> Task:
    objective = Regression("", min(0.0, shift), statistic)
    parts = [replace(each, target=each.target + shift) for each in map(skewed, range(4))]
    baselines = (Zero(), LastPeriod("last"), Prior(objective))
    return Task(objective, together(*parts[:2]), parts[2], parts[3], baselines)


def test_predicted_means_add_up_to_what_happens_and_medians_do_not():
    task = about_spending("mean")
    found = selected(task, estimators=["linear", "decision_tree", "gradient_boosting"])
    assert found.metric == "deviance"
    assert abs(found.validation["total"]["value"] - 1) <= 0.05 and found.notes == ()
    total = found.test["total"]
    assert total["value"] == found.predicted.sum() / task.test.target.sum()
    assert total["value"] == pytest.approx(1, abs=0.1)
    assert total["low"] < total["value"] < total["high"]
    features = task.test.features
    truth = (0.05 + 0.4 * features["liking"]) * np.exp(3.5 + 0.5 * features["purse"])
    assert found.predicted.sum() == pytest.approx(truth.sum(), rel=0.05)
    assert np.corrcoef(found.predicted, truth)[0, 1] > 0.9
    assert found.best_baseline == "prior"

    median = selected(about_spending("median"))
    assert median.metric == "mae" and set(median.test) == {"mae", "rank_correlation"}
    assert median.predicted.sum() < 0.5 * task.test.target.sum()
    assert median.test["mae"]["value"] < found.test["mae"]["value"]


def test_amounts_below_0_have_means_too():
    found = selected(about_spending("mean", shift=-10.0))
    assert found.metric == "rmse" and set(found.test) == {"rmse", "mae", "rank_correlation", "bias"}
    assert found.predicted.min() < 0
    assert found.test["bias"]["low"] < 0 < found.test["bias"]["high"]


def test_a_total_that_no_estimator_meets_is_said():
    task = about_spending("mean")
    halved = replace(task.validation, target=task.validation.target / 2)
    found = selected(replace(task, validation=halved))
    assert found.validation["total"]["value"] > 1.5
    assert "add up to within 5% of what happened" in found.notes[0]
    doubled = replace(task.test, target=task.test.target * 2)
    found = selected(replace(task, test=doubled))
    assert found.test["total"]["high"] < 0.6
    assert [note.partition(" of what")[0] for note in found.notes] == [
        f"what was predicted adds up to {found.test['total']['value']:.2f}"
    ]


def test_what_one_cutoff_teaches_is_left_out_where_another_carries_over():
    """All spent half as much in the first period: the latest alone tells the level."""
    task = about_spending("mean")
    learned, first = task.train, task.train.cutoffs == 0
    halved = replace(learned, target=learned.target.where(~first, learned.target / 4))
    found = selected(replace(task, train=halved))
    assert found.chosen.settings["cutoffs"] == "latest"
    assert found.test["total"]["value"] == pytest.approx(1, abs=0.1)


def test_no_mean_is_asked_of_a_support_vector_machine_or_chosen_by_absolute_error():
    task = about_spending("mean")
    with pytest.raises(InputError, match=r"does not predict a mean.*statistic: median"):
        selected(task, estimators=["svm"])
    with pytest.raises(InputError, match=r"'mae'.*deviance, rmse.*statistic: median"):
        selected(task, metric="mae")


def test_which_segment_they_will_be_in(dataset):
    task = asked(dataset, "segment").task
    found = selected(task)
    assert found.predicted.shape == (len(task.test.target), len(SEGMENTS))
    np.testing.assert_allclose(found.predicted.sum(axis=1), 1, rtol=1e-6)
    assert found.comparison["high"] < 0  # a smaller loss than the transitions'
    common = task.test.target.value_counts(normalize=True).max()
    assert found.test["accuracy"]["low"] > common


@pytest.mark.parametrize("kind", SOME_BY_DAY)
@pytest.mark.parametrize("target", ["buys", "value"])
def test_every_estimator_learns(few, kind, target):
    statistic = "median" if target == "value" and kind == "svm" else "mean"
    found = selected(asked(few, target, statistic).task, estimators=[kind])
    name, least = ("auc", 0.6) if target == "buys" else ("rank_correlation", 0.3)
    assert found.test[name]["value"] > least


def test_who_is_asked_about_now_is_predicted_by_all_that_is_known(dataset):
    task = asked(dataset).task
    found = selected(task, estimators=["linear"])
    fitted = fit_for_now(task, found)
    predicted = task.objective.predictions(fitted, task.now.features)
    assert len(predicted) == len(task.now.users) == task.now.users.nunique()
    assert predicted.mean() == pytest.approx(task.test.target.mean(), abs=0.15)


@pytest.mark.nightly
def test_a_prediction_repeats_itself_to_the_bit(few):
    settings = {"estimators": ["svm", "random_forest"]}
    task = asked(few).task
    with threadpool_limits(2):  # in whatever order they end
        one, other = selected(task, **settings), selected(task, **settings)
    np.testing.assert_array_equal(one.predicted, other.predicted)
    assert one.test == other.test
    assert [each.validation for each in one.tried] == [each.validation for each in other.tried]


def test_the_choice_does_not_look_at_the_test_period(dataset, tmp_path):
    """Other events in the last period change the verdict, not what is judged."""
    rows = shoppers()
    last = rows["day"].max()
    late = rows["day"] > last - 60
    # Somebody still closes the log at the same cutoff.
    silent = rows[~late | (rows["day"] == last) | (rows["user"] < "u2")]
    one, other = asked(dataset), asked(prepared(tmp_path, silent))
    assert one.cutoffs == other.cutoffs
    one, other = selected(one.task), selected(other.task)
    assert one.chosen.settings == other.chosen.settings
    assert one.chosen.validation == pytest.approx(other.chosen.validation)
    np.testing.assert_allclose(
        np.sort(one.predicted), np.sort(other.predicted), rtol=1e-6, atol=1e-9
    )
    assert one.test["auc"] != other.test["auc"]


def test_one_class_only_is_refused(dataset):
    with pytest.raises(InputError, match=r"have the label yes .*target: leaves"):
        selected(asked(dataset, "leaves", active_days=1).task)


def test_an_unknown_metric_is_refused(dataset):
    with pytest.raises(InputError, match="'mae'; what is predicted can be selected by auc"):
        selected(asked(dataset).task, metric="mae")


def test_a_period_without_purchases_is_refused(tmp_path):
    rows = shoppers(users=300)
    last = rows["day"].max()
    quiet = rows[~rows["day"].between(last - 120, last - 60)]
    with pytest.raises(InputError, match="that are validated, 0 have the label yes"):
        selected(asked(prepared(tmp_path, quiet)).task)
