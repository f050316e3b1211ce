"""Why: which features a prediction stands on, overall and for each user."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.inspection import permutation_importance
from sklearn.pipeline import Pipeline

from recsys.marketing.measurement.scores import ERRORS
from recsys.marketing.propensity.objectives import Multiclass, Objective
from recsys.marketing.propensity.task import Table

REPEATS = 5
# Users that stand for all: what a feature adds is held against theirs.
BACKGROUND = 30
# Of the mean amount.
NEARLY_NOTHING = 1e-3


def importance(
    fitted: Pipeline, table: Table, objective: Objective, metric: str, seed: int
) -> pd.Series:
    """How much worse a metric gets when a feature is shuffled among users.

    Permutation importance (Breiman, "Random Forests", 2001). Features that say the same share
    their importance.

    Args:
        fitted: the estimator.
        table: users that it has not seen.
        objective: what is predicted.
        metric: one of the objective's.
        seed: of the shuffling.

    Returns:
        The mean loss of the metric, in its own unit, by feature, the largest first.
    """
    truth = objective.truth(table.target)
    sign = -1 if metric in ERRORS else 1

    # Shuffled, a user who spent may stand where nothing was expected: infinitely wrong.
    floor = NEARLY_NOTHING * np.abs(truth).mean() if metric == "deviance" else -np.inf

    def scorer(pipeline: Pipeline, features: pd.DataFrame, _: object) -> float:
        predicted = np.maximum(objective.predictions(pipeline, features), floor)
        return sign * objective.scores[metric](truth, predicted)

    found = permutation_importance(
        fitted, table.features, truth, scoring=scorer, n_repeats=REPEATS, random_state=seed
    )
    means = pd.Series(found.importances_mean, table.features.columns, name="importance")
    return means.sort_values(ascending=False)


def coefficients(fitted: Pipeline) -> pd.Series | None:
    """Weights of a linear model, by encoded feature, the largest first; None of other kinds.

    Numbers are on a signed logarithmic scale and standardised, so weights compare; of a mean that
    cannot be negative, and of a yes, they add up to a logarithm. Principal
    components are turned back into features; of several classes, it is the largest weight.
    """
    estimator = fitted.named_steps["estimator"]
    estimator = getattr(estimator, "regressor_", estimator)  # of a transformed amount
    if not hasattr(estimator, "coef_"):
        return None
    weights = np.atleast_2d(estimator.coef_)
    if "reduce" in fitted.named_steps:
        components: PCA = fitted.named_steps["reduce"]
        weights = weights @ components.components_
    largest = weights[np.abs(weights).argmax(axis=0), np.arange(weights.shape[1])]
    found = pd.Series(largest, encoded_names(fitted.named_steps["encode"]), name="coefficient")
    return found.sort_values(key=np.abs, ascending=False)


@dataclass(frozen=True)
class Contributions:
    """What each feature adds to a user's prediction.

    Attributes:
        base: the mean prediction of those that stand for everybody.
        values: float [users, features]; a row and the base add up to the prediction.
    """

    base: float
    values: pd.DataFrame

    def reasons(self, most: int = 3) -> list[list[str]]:
        """The features that raise each user's prediction most, the strongest first."""
        names = self.values.columns.to_numpy()
        found = []
        for row in self.values.to_numpy():
            strongest = np.argsort(-row, kind="stable")[:most]
            found.append([str(names[place]) for place in strongest if row[place] > 0])
        return found


def contributions(
    fitted: Pipeline, known: pd.DataFrame, users: pd.DataFrame, objective: Objective, seed: int
) -> Contributions:
    """Shapley values of each feature (Lundberg and Lee, "A Unified Approach", 2017).

    Sampled by permutations, on the encoded features, whose parts (a number, and whether it was
    missing; the values of a category) are added up. Of several classes, it is the probability
    of the one that is predicted.

    Args:
        fitted: the estimator.
        known: features of users who stand for everybody: some of them are drawn.
        users: features of those who are explained.
        objective: what is predicted.
        seed: of what is drawn.
    """
    import shap

    encode: ColumnTransformer = fitted.named_steps["encode"]
    drawn = known.sample(min(BACKGROUND, len(known)), random_state=seed)
    background, asked = (np.asarray(encode.transform(each), float) for each in (drawn, users))
    rest = Pipeline(fitted.steps[1:])
    classes = None
    if isinstance(objective, Multiclass):
        classes = objective.predictions(rest, asked).argmax(axis=1)

    explainer = shap.explainers.Permutation(
        _predictions(rest, objective),
        shap.maskers.Independent(background, len(background)),
        seed=seed,
    )
    found = explainer(asked, max_evals=2 * asked.shape[1] + 1, silent=True)
    values, base = np.asarray(found.values), np.asarray(found.base_values)
    if classes is not None:
        values, base = values[np.arange(len(asked)), :, classes], base[:, classes]
    sources = source_columns(encode)
    encoded = pd.DataFrame(values, columns=sources, index=users.index)
    added = encoded.T.groupby(level=0, sort=False).sum().T
    return Contributions(float(np.mean(base)), added[[c for c in users if c in added]])


def _predictions(rest: Pipeline, objective: Objective) -> Callable[[np.ndarray], np.ndarray]:
    return lambda encoded: objective.predictions(rest, encoded)


def encoded_names(encode: ColumnTransformer) -> list[str]:
    """Encoded columns as people read them: a number's name, or a category's and its value.

    Where the two are one (a number ``plan_a`` beside the value ``a`` of ``plan``), the kind stands
    before them.
    """
    full = pd.Series(encode.get_feature_names_out())
    short = full.str.partition("__")[2]
    return short.where(~short.duplicated(keep=False), full).tolist()


def source_columns(encode: ColumnTransformer) -> list[str]:
    """Which feature each encoded column comes from."""
    numbers, categories = encode.transformers_[0][2], encode.transformers_[1][2]
    sources = []
    for encoded in encode.get_feature_names_out():
        kind, _, name = encoded.partition("__")
        if kind == "numbers":
            sources.append(name if name in numbers else name.removeprefix("missingindicator_"))
        else:
            fitting = [each for each in categories if name.startswith(f"{each}_")]
            sources.append(max(fitting, key=len))
    return sources
