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
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

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


def candidates(kind: Kind, classifies: bool, seed: int) -> list[tuple[dict[str, Any], Pipeline]]:
    """The settings of one kind, and a fresh pipeline for each.

    Linear models are logistic regression and ridge regression; the support-vector machine
    has a Gaussian kernel, approximated (Williams and Seeger, 2001), and its margins are
    calibrated (Platt, 1999). Both see numbers on a signed logarithmic scale, standardised,
    with and without a reduction to principal components. Categories are one-hot for all.
    Amounts are learned as they are and on a logarithmic scale, which comes nearer to the median
    than to the mean: where many are 0 and few are large, absolute errors are smaller.

    Args:
        kind: of the estimator.
        classifies: whether a probability is asked for, or an amount.
        seed: of what is drawn.
    """
    scales = [{}] if classifies else [{"logarithm": False}, {"logarithm": True}]
    found = [{**settings, **scale} for settings in _SETTINGS[kind] for scale in scales]
    return [(settings, _pipeline(kind, classifies, seed, settings)) for settings in found]


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


def _pipeline(kind: Kind, classifies: bool, seed: int, settings: dict[str, Any]) -> Pipeline:
    if kind in ("linear", "svm"):
        steps: list[tuple[str, BaseEstimator]] = [("encode", encoding(scale=True))]
        if settings["reduce"]:
            steps.append(("reduce", PCA(EXPLAINED_VARIANCE, random_state=seed)))
        estimator = _SCALED[kind](classifies, seed, settings["strength"])
    elif kind == "gradient_boosting":
        steps = [("encode", encoding(impute=False))]  # it reads missing values as they are
        estimator = _boosting(classifies, seed, settings["rate"])
    else:
        steps = [("encode", encoding())]
        estimator = _trees(kind, classifies, seed, settings["leaf"])
    if settings.get("logarithm"):
        estimator = TransformedTargetRegressor(
            estimator, func=np.arcsinh, inverse_func=np.sinh, check_inverse=False
        )
    return Pipeline([*steps, ("estimator", estimator)])


def _linear(classifies: bool, seed: int, strength: float) -> BaseEstimator:
    if classifies:
        return LogisticRegression(C=strength, max_iter=1000, random_state=seed)
    return Ridge(alpha=1 / strength, random_state=seed)


def _svm(classifies: bool, seed: int, strength: float) -> BaseEstimator:
    kernel = Nystroem(n_components=LANDMARKS, random_state=seed)
    if not classifies:
        return make_pipeline(kernel, LinearSVR(C=strength, max_iter=5000, random_state=seed))
    margin = LinearSVC(C=strength, random_state=seed)
    return make_pipeline(kernel, CalibratedClassifierCV(margin, cv=3))


_SCALED: dict[str, Callable[[bool, int, float], BaseEstimator]] = {"linear": _linear, "svm": _svm}


def _trees(kind: Kind, classifies: bool, seed: int, leaf: int) -> BaseEstimator:
    if kind == "decision_tree":
        tree = DecisionTreeClassifier if classifies else DecisionTreeRegressor
        return tree(min_samples_leaf=leaf, random_state=seed)
    forest = RandomForestClassifier if classifies else RandomForestRegressor
    return forest(n_estimators=200, min_samples_leaf=leaf, random_state=seed)


def _boosting(classifies: bool, seed: int, rate: float) -> BaseEstimator:
    boosting = HistGradientBoostingClassifier if classifies else HistGradientBoostingRegressor
    return boosting(learning_rate=rate, max_leaf_nodes=15, early_stopping=True, random_state=seed)
