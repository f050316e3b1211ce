"""Why a prediction is as it is: reasons that matter more than others do."""

import numpy as np
import pandas as pd
import pytest

from recsys.marketing.propensity.estimators import KINDS, candidates
from recsys.marketing.propensity.explanations import coefficients, contributions, importance
from recsys.marketing.propensity.objectives import Binary, Regression
from recsys.marketing.propensity.task import Table
from tests.marketing.propensity.test_labelled import customers

pytestmark = pytest.mark.slow
ANSWER = Binary("")


@pytest.fixture(scope="module")
def table() -> Table:
    given = customers(rows=1500, seed=3)
    features = given[["months", "contract", "calls", "fee"]].copy()
    features["months"] = features["months"].astype(float)
    features.loc[::7, "months"] = np.nan
    features["noise"] = np.random.default_rng(1).random(len(features))
    return Table(features, given["customer"], given["churned"] == "Yes")


@pytest.fixture(scope="module", params=KINDS)
def fitted(request, table):
    _, pipeline = candidates(request.param, "class", seed=1)[-1]
    return pipeline.fit(table.features, table.target)


def test_contributions_add_up_to_the_prediction(fitted, table):
    asked = table.features.head(40)
    found = contributions(fitted, table.features, asked, ANSWER, seed=1)
    assert list(found.values.columns) == list(asked.columns)
    np.testing.assert_allclose(
        found.base + found.values.sum(axis=1), ANSWER.predictions(fitted, asked), atol=1e-9
    )


def test_without_its_reason_a_prediction_falls_more_than_without_another_feature(fitted, table):
    """A reason is taken away by the value of another user."""
    asked = table.features.head(60)
    found = contributions(fitted, table.features, asked, ANSWER, seed=1)
    generator = np.random.default_rng(0)
    others = table.features.sample(200, random_state=2)

    explained = [(row, reasons[0]) for row, reasons in enumerate(found.reasons(most=1)) if reasons]
    assert len(explained) > 20

    def falls(taken: list[tuple[int, str]]) -> np.ndarray:
        """By how much a prediction falls without a feature; all asked for at once."""
        tables = []
        for row, name in taken:
            changed = pd.concat([asked.iloc[[row]]] * len(others), ignore_index=True)
            changed[name] = others[name].to_numpy()
            tables.append(changed)
        without = ANSWER.predictions(fitted, pd.concat(tables, ignore_index=True))
        return before[[row for row, _ in taken]] - without.reshape(len(taken), -1).mean(axis=1)

    before = ANSWER.predictions(fitted, asked)
    named = falls(explained)
    random = falls(
        [(row, str(generator.choice([each for each in asked if each != name])))
         for row, name in explained]
    )  # fmt: skip
    assert np.mean(named) > 0.05
    assert np.mean(named) > 3 * np.mean(random)


def test_only_what_raises_a_prediction_is_a_reason(fitted, table):
    found = contributions(fitted, table.features, table.features.head(40), ANSWER, seed=1)
    for reasons, (_, values) in zip(found.reasons(), found.values.iterrows(), strict=True):
        assert all(values[name] > 0 for name in reasons)
        assert [values[name] for name in reasons] == sorted(values[values > 0])[::-1][:3]


def test_what_matters_is_important_and_noise_is_not(fitted, table):
    found = importance(fitted, table, ANSWER, "auc", seed=1)
    assert set(found.index[:3]) == {"months", "contract", "calls"}
    assert found["calls"] > 0.05
    assert found["noise"] < 0.02 or found["noise"] < found["calls"] / 2


@pytest.mark.parametrize("reduce", [False, True])
def test_weights_of_a_linear_model_have_the_right_signs(table, reduce):
    settings = [pair for pair in candidates("linear", "class", 1) if pair[0]["reduce"] == reduce]
    found = coefficients(settings[-1][1].fit(table.features, table.target))
    assert found["calls"] > 0 > found["months"]
    assert found["contract_month"] > found["contract_two years"]


def test_trees_have_no_weights(table):
    _, tree = candidates("decision_tree", "class", seed=1)[0]
    assert coefficients(tree.fit(table.features, table.target)) is None


def test_a_number_named_like_a_category_and_its_value(table):
    """``contract_month`` beside the value ``month`` of ``contract``."""
    both = table.features.assign(contract_month=table.features["noise"] > 0.5).astype(
        {"contract_month": int}
    )
    _, pipeline = candidates("linear", "class", seed=1)[-1]
    fitted = pipeline.fit(both, table.target)
    weights = coefficients(fitted)
    assert weights.index.is_unique
    assert weights["categories__contract_month"] > 0.3
    assert abs(weights["numbers__contract_month"]) < 0.1
    found = contributions(fitted, both, both.head(20), ANSWER, seed=1).values
    monthly = both["contract"].head(20) == "month"
    assert (found.loc[monthly, "contract"] > 0).all()
    assert found["contract_month"].abs().max() < found["contract"].abs().max()


def spending(rows: int = 800) -> Table:
    generator = np.random.default_rng(0)
    features = pd.DataFrame({"liking": generator.random(rows), "noise": generator.random(rows)})
    features["plan"] = np.where(generator.random(rows) < 0.5, "large", "small")
    expected = 40 * features["liking"] * np.where(features["plan"] == "large", 3, 1)
    spent = expected * generator.gamma(1, 1, rows) * (generator.random(rows) < 0.5)
    return Table(features, pd.Series(np.arange(rows).astype(str)), spent)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "svm"])
def test_means_of_amounts_are_explained(kind):
    table, objective = spending(), Regression("")
    _, pipeline = candidates(kind, "mean", seed=1)[0]
    fitted = pipeline.fit(table.features, table.target)
    asked = table.features.head(20)
    found = contributions(fitted, table.features, asked, objective, seed=1)
    np.testing.assert_allclose(
        found.base + found.values.sum(axis=1), objective.predictions(fitted, asked), rtol=1e-9
    )
    shuffled = importance(fitted, table, objective, "deviance", seed=1)
    assert np.isfinite(shuffled).all() and shuffled.index[-1] == "noise"
    weights = coefficients(fitted)
    if kind == "linear":
        assert weights["liking"] > 0 and weights["plan_large"] > weights["plan_small"]
    else:
        assert weights is None


def test_importance_is_finite_where_nothing_is_expected_of_some():
    table, objective = spending(), Regression("")
    table.target[table.features["liking"] < 0.3] = 0.0
    _, tree = candidates("decision_tree", "mean", seed=1)[0]
    fitted = tree.fit(table.features, table.target)
    assert (fitted.predict(table.features) == 0).any()
    assert np.isfinite(importance(fitted, table, objective, "deviance", seed=1)).all()
