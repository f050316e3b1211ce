"""Columns that alone tell the answer."""

import numpy as np
import pandas as pd
import pytest

from recsys.errors import InputError
from recsys.marketing.propensity.baselines import Prior
from recsys.marketing.propensity.giveaways import giveaways, refuse_leaking
from recsys.marketing.propensity.model_selection import EstimatorsConfig, select_model
from recsys.marketing.propensity.objectives import Binary, Multiclass, Regression
from recsys.marketing.propensity.task import Table, Task

pytestmark = pytest.mark.slow
ROWS = 1500


def asked(features: pd.DataFrame, target: pd.Series, objective) -> list:
    """What is asked about a table whose last three fifths are learned from."""
    cuts = [slice(0, 900), slice(900, 1200), slice(1200, ROWS)]
    parts = [
        Table(
            features[cut].reset_index(drop=True),
            pd.Series(np.arange(ROWS)[cut]).astype(str),
            target[cut].reset_index(drop=True),
        )
        for cut in cuts
    ]
    task = Task(objective, *parts, (Prior(objective),))
    config = EstimatorsConfig(estimators=["decision_tree"])
    return giveaways(task, select_model(task, config).chosen.pipeline, seed=0)


def callers() -> tuple[pd.DataFrame, pd.Series]:
    """Customers who buy by their age, balance and job, each of which tells a little."""
    generator = np.random.default_rng(0)
    features = pd.DataFrame(
        {
            "age": generator.normal(0, 1, ROWS),
            "balance": generator.normal(0, 1, ROWS),
            "job": generator.choice(["a", "b", "c"], ROWS),
        }
    )
    score = features["age"] + features["balance"] + (features["job"] == "a") - 1.5
    return features, pd.Series(generator.random(ROWS) < 1 / (1 + np.exp(-score)))


def test_a_column_known_afterwards_is_asked_about_and_honest_ones_are_not():
    features, bought = callers()
    assert asked(features, bought, Binary("")) == []
    generator = np.random.default_rng(1)
    duration = generator.gamma(np.where(bought, 4.0, 1.5), 100.0)
    found = asked(features.assign(duration=duration), bought, Binary(""))
    assert [each.column for each in found] == ["duration"]
    assert 0.8 < found[0].alone < found[0].together
    assert found[0].sentence == (
        f"'duration' alone reaches AUC {found[0].alone:.2f}, all columns together "
        f"{found[0].together:.2f}: is it known before the prediction is made? If not, name it in "
        "table.leave_out"
    )


def test_it_need_not_rise_with_the_answer():
    """Nor be a number."""
    features, bought = callers()
    generator = np.random.default_rng(1)
    far = generator.choice([-2.0, 2.0], ROWS)
    features["balance_after"] = np.where(bought, far, 0.0) + generator.normal(0, 0.9, ROWS)
    wrong = generator.random(ROWS) < 0.1
    features["status"] = np.where(bought != wrong, "client", "prospect")
    found = asked(features, bought, Binary(""))
    assert {each.column for each in found} == {"balance_after", "status"}


@pytest.mark.nightly
def test_of_amounts_and_classes_too():
    features, _ = callers()
    generator = np.random.default_rng(1)
    spent = np.exp(features["age"] + features["balance"] + generator.normal(0, 1, ROWS))
    assert asked(features, spent, Regression("")) == []
    tax = 0.19 * spent * generator.normal(1, 0.2, ROWS)
    found = asked(features.assign(tax=tax), spent, Regression(""))
    assert [each.column for each in found] == ["tax"]
    assert "alone reaches a rank correlation of 0." in found[0].sentence
    plan = pd.Series(generator.choice(["x", "y", "z"], ROWS))
    fee = plan.map({"x": 1.0, "y": 3.0, "z": 5.0}) + generator.normal(0, 1, ROWS)
    found = asked(features.assign(fee=fee), plan, Multiclass("", ("x", "y", "z")))
    assert [each.column for each in found] == ["fee"]


def test_two_columns_that_are_the_answer_between_them_are_asked_about():
    """Each half of the refunds tells too little to be asked about alone."""
    features, bought = callers()
    generator = np.random.default_rng(1)
    half = generator.random(ROWS) < 0.5
    features["refund_a"] = (bought & half).astype(float)
    features["refund_b"] = (bought & ~half).astype(float)
    found = asked(features, bought, Binary(""))
    assert {each.column for each in found} == {"refund_a", "refund_b"}
    assert all(each.together > 0.99 and each.alone < 0.85 for each in found)
    assert found[0].sentence.startswith(
        f"all columns together reach AUC {found[0].together:.4f}, which is next to perfect, and "
        f"{found[0].column!r} (alone {found[0].alone:.2f}) is one that they need most: is it known"
    )


def test_a_feature_that_knows_the_answer_is_named():
    generator = np.random.default_rng(0)
    target = pd.Series(generator.random(500) < 0.4)
    features = pd.DataFrame({"honest": generator.random(500)})
    features["silent"] = np.nan
    features["id"] = [f"u{row}" for row in range(500)]  # tells nothing of other rows
    refuse_leaking(features, target, Binary(""))
    with pytest.raises(InputError, match="'refund' tells the labels apart"):
        refuse_leaking(features.assign(refund=3.0 * ~target), target, Binary(""))
    reason = np.where(target, "too dear", "")
    with pytest.raises(InputError, match="'reason' tells the labels apart"):
        refuse_leaking(features.assign(reason=reason), target, Binary(""))
    spent = pd.Series(generator.gamma(2, 10, 500))
    refuse_leaking(features, spent, Regression(""))
    with pytest.raises(InputError, match="'invoice' tells the labels apart"):
        refuse_leaking(features.assign(invoice=1.19 * spent), spent, Regression(""))
    names = ("a", "b", "c")
    plan = pd.Series(generator.choice(names, 500))
    refuse_leaking(features, plan, Multiclass("", names))
