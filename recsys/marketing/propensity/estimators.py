"""The estimators that are tried, each with a few settings, on scikit-learn."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, Ridge, TweedieRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from recsys.marketing.propensity.objectives import Aim
from recsys.marketing.users.encoding import encoding

Kind = Literal["linear", "svm", "decision_tree", "random_forest", "gradient_boosting"]
KINDS: tuple[Kind, ...] = (
    "linear",
    "svm",
    "decision_tree",
    "random_forest",
    "gradient_boosting",
)
# Landmarks of the support-vector machine's kernel: an exact one takes the square of the users.
LANDMARKS = 300
EXPLAINED_VARIANCE = 0.99


def candidates(kind: Kind, aim: Aim, seed: int) -> list[tuple[dict[str, Any], Pipeline]]:
    """The settings of one kind, and a fresh pipeline for each.

    Linear models are logistic regression, Tweedie regression with a logarithmic link for means
    that cannot be negative, and ridge regression; the support-vector machine has a Gaussian
    kernel, approximated (Williams and Seeger, 2001), and its margins are calibrated (Platt,
    1999). Both see numbers on a signed logarithmic scale, standardised, with and without a
    reduction to principal components. Categories are one-hot for all.

    Every loss elicits what is asked for: the squared error, Poisson's and Tweedie's deviance a
    mean. A median is learned by these on a logarithmic scale, which comes near to it, and as it
    is; and by the support-vector machine, whose loss is the absolute error: it has no candidates
    for a mean.

    Args:
        kind: of the estimator.
        aim: whether a probability is asked for, the mean of an amount (signed: one that may be
            negative), or its median.
        seed: of what is drawn.
    """
    if aim == "mean":
        return [(each, _pipeline(kind, aim, seed, each)) for each in _OF_MEANS[kind]]
    if aim == "signed_mean" and kind == "svm":
        return []
    scales = [{"logarithm": False}, {"logarithm": True}] if aim == "median" else [{}]
    found = [{**settings, **scale} for settings in _SETTINGS[kind] for scale in scales]
    return [(settings, _pipeline(kind, aim, seed, settings)) for settings in found]


_SETTINGS: dict[Kind, list[dict[str, Any]]] = {
    "linear": [
        {"strength": strength, "reduce": reduce}
        for strength in (0.01, 0.1, 1.0)
        for reduce in (False, True)
    ],
    "svm": [
        {"strength": strength, "reduce": reduce}
        for strength in (0.01, 0.1, 1.0)
        for reduce in (False, True)
    ],
    "decision_tree": [{"leaf": leaf} for leaf in (20, 50, 150)],
    "random_forest": [{"leaf": leaf} for leaf in (5, 20, 50)],
    "gradient_boosting": [{"rate": rate} for rate in (0.03, 0.1)],
}
# Skewed means need larger leaves than probabilities do.
_OF_MEANS: dict[Kind, list[dict[str, Any]]] = {
    "linear": [
        {"power": power, "strength": strength, "reduce": False}
        for power in (1.0, 1.5, 1.9)
        for strength in (1.0, 10.0, 100.0)
    ],
    "svm": [],
    "decision_tree": [{"leaf": leaf} for leaf in (50, 150)],
    "random_forest": [{"leaf": leaf} for leaf in (50, 150)],
    "gradient_boosting": [{"rate": rate} for rate in (0.03, 0.1)],
}


def _pipeline(kind: Kind, aim: Aim, seed: int, settings: dict[str, Any]) -> Pipeline:
    if kind in ("linear", "svm"):
        steps: list[tuple[str, BaseEstimator]] = [("encode", encoding(scale=True))]
        if settings["reduce"]:
            steps.append(("reduce", PCA(EXPLAINED_VARIANCE, random_state=seed)))
        estimator = _SCALED[kind](aim, seed, settings)
    elif kind == "gradient_boosting":
        steps = [("encode", encoding(impute=False))]  # it reads missing values as they are
        estimator = _boosting(aim, seed, settings["rate"])
    else:
        steps = [("encode", encoding())]
        estimator = _trees(kind, aim, seed, settings["leaf"])
    if settings.get("logarithm"):
        estimator = TransformedTargetRegressor(
            estimator, func=np.arcsinh, inverse_func=np.sinh, check_inverse=False
        )
    return Pipeline([*steps, ("estimator", estimator)])


def _linear(aim: Aim, seed: int, settings: dict[str, Any]) -> BaseEstimator:
    strength = settings["strength"]
    if aim == "class":
        return LogisticRegression(C=strength, max_iter=1000, random_state=seed)
    if aim != "mean":
        return Ridge(alpha=1 / strength, random_state=seed)
    tweedie = TweedieRegressor(
        power=settings["power"],
        link="log",
        alpha=1 / strength,
        solver="newton-cholesky",
        max_iter=300,
    )
    # The penalty weighs the same in dollars and in cents.
    return TransformedTargetRegressor(tweedie, transformer=StandardScaler(with_mean=False))


def _svm(aim: Aim, seed: int, settings: dict[str, Any]) -> BaseEstimator:
    kernel, strength = Nystroem(n_components=LANDMARKS, random_state=seed), settings["strength"]
    if aim == "median":
        return make_pipeline(kernel, LinearSVR(C=strength, max_iter=5000, random_state=seed))
    margin = LinearSVC(C=strength, random_state=seed)
    return make_pipeline(kernel, CalibratedClassifierCV(margin, cv=3))


_SCALED: dict[str, Callable[[Aim, int, dict[str, Any]], BaseEstimator]] = {
    "linear": _linear,
    "svm": _svm,
}


def _trees(kind: Kind, aim: Aim, seed: int, leaf: int) -> BaseEstimator:
    classifies = aim == "class"
    if kind == "decision_tree":
        tree = DecisionTreeClassifier if classifies else DecisionTreeRegressor
        return tree(min_samples_leaf=leaf, random_state=seed)
    forest = RandomForestClassifier if classifies else RandomForestRegressor
    return forest(n_estimators=200, min_samples_leaf=leaf, random_state=seed)


def _boosting(aim: Aim, seed: int, rate: float) -> BaseEstimator:
    settings = {
        "learning_rate": rate,
        "max_leaf_nodes": 15,
        "early_stopping": True,
        "random_state": seed,
    }
    if aim == "class":
        return HistGradientBoostingClassifier(**settings)
    loss = "poisson" if aim == "mean" else "squared_error"
    return HistGradientBoostingRegressor(loss=loss, **settings)
