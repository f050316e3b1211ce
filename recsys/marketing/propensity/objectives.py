"""What is predicted: a yes, a number, one of several classes; and what each is measured by."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from recsys.errors import InputError
from recsys.marketing.measurement.scores import (
    AMOUNTS,
    CLASSES,
    ERRORS,
    PROBABILITIES,
    SIGNED_AMOUNTS,
    TOTALS,
    Score,
)

Statistic = Literal["mean", "median"]
Aim = Literal["class", "mean", "signed_mean", "median"]
# Users of the rarest class, below which no metric has an interval.
FEWEST_OF_A_CLASS = 20
# What only predictions of a mean are measured by.
MEANS = ("deviance", "rmse", *TOTALS)


class Objective(Protocol):
    """What a prediction is, and how it is measured.

    Attributes:
        classifies: whether estimators learn classes, or a number.
        aim: what estimators' losses elicit.
        scores: the metrics.
        deciding: the metrics that validation may choose by, first the one that it does unless
            another is named.
    """

    @property
    def classifies(self) -> bool: ...

    @property
    def aim(self) -> Aim: ...

    @property
    def scores(self) -> dict[str, Score]: ...

    @property
    def deciding(self) -> tuple[str, ...]: ...

    def truth(self, target: pd.Series) -> np.ndarray:
        """[users], as the scores read it."""
        ...

    def predictions(self, fitted: BaseEstimator, features: object) -> np.ndarray:
        """Float [users], or [users, classes]."""
        ...

    def require_enough(self, part: str, target: pd.Series) -> None:
        """Refuses rows that no metric can be computed of.

        Raises:
            InputError: hardly any user, or nearly every user, has one label.
        """
        ...

    def alone(self, feature: np.ndarray, target: pd.Series) -> float:
        """How well one feature tells the labels apart, 0 to 1: 1 is without a mistake.

        Args:
            feature: float [users], ranks or means; no value is missing.
            target: their labels.
        """
        ...


@dataclass(frozen=True)
class Binary:
    """A probability of yes.

    Attributes:
        setting: the settings that name what is predicted, for messages.
    """

    setting: str
    classifies: bool = True
    aim: Aim = "class"

    @property
    def scores(self) -> dict[str, Score]:
        return PROBABILITIES

    @property
    def deciding(self) -> tuple[str, ...]:
        return tuple(PROBABILITIES)

    def truth(self, target: pd.Series) -> np.ndarray:
        return target.to_numpy(dtype=bool)

    def predictions(self, fitted: BaseEstimator, features: object) -> np.ndarray:
        return fitted.predict_proba(features)[:, 1]

    def require_enough(self, part: str, target: pd.Series) -> None:
        done, users = int(target.sum()), len(target)
        if min(done, users - done) >= FEWEST_OF_A_CLASS:
            return
        raise InputError(
            f"of the {users:,} users that are {part}, {done:,} have the label yes "
            f"({self.setting}): {FEWEST_OF_A_CLASS} with it and as many without it are needed to "
            "tell them apart"
        )

    def alone(self, feature: np.ndarray, target: pd.Series) -> float:
        auc = PROBABILITIES["auc"](self.truth(target), feature)
        return max(auc, 1 - auc)


@dataclass(frozen=True)
class Regression:
    """A number, such as money: its mean, which adds up to the total, or its median.

    A metric chooses what it elicits (Gneiting, "Making and Evaluating Point Forecasts", 2011): the
    absolute error a median, which is near 0 where most spend nothing, squared errors and deviances
    a mean. Means that cannot be negative are chosen by Tweedie's deviance, which holds an error
    against what was expected; the squared error leaves the choice to a few large customers.

    Attributes:
        setting: the settings that name what is predicted, for messages.
        least: no prediction is smaller; below 0, amounts may be negative.
        statistic: what is predicted.
        stated: the settings say that it is an amount, few as its different values may be.
    """

    setting: str
    least: float = 0.0
    statistic: Statistic = "mean"
    stated: bool = False
    classifies: bool = False

    @property
    def aim(self) -> Aim:
        if self.statistic == "median":
            return "median"
        return "signed_mean" if self.least < 0 else "mean"

    @property
    def scores(self) -> dict[str, Score]:
        found = SIGNED_AMOUNTS if self.least < 0 else AMOUNTS
        if self.statistic == "mean":
            return found
        return {name: found[name] for name in found if name not in MEANS}

    @property
    def deciding(self) -> tuple[str, ...]:
        if self.statistic == "median":
            return ("mae", "rank_correlation")
        return tuple(name for name in self.scores if name not in ("mae", *TOTALS))

    def truth(self, target: pd.Series) -> np.ndarray:
        return target.to_numpy(dtype=float)

    def predictions(self, fitted: BaseEstimator, features: object) -> np.ndarray:
        return np.maximum(fitted.predict(features), self.least)

    def require_enough(self, part: str, target: pd.Series) -> None:
        others = len(target) - int(target.value_counts().max())
        if self.stated and others < FEWEST_OF_A_CLASS:
            raise InputError(
                f"of the {len(target):,} users that are {part}, {others:,} have another amount "
                f"than the most frequent one ({self.setting}): {FEWEST_OF_A_CLASS} are needed"
            )
        if not self.stated and target.nunique() < FEWEST_OF_A_CLASS:
            raise InputError(
                f"the {len(target):,} users that are {part} have {target.nunique():,} different "
                f"amounts ({self.setting}), too few for a regression. Predict a yes or no, or a "
                "longer period."
            )

    def alone(self, feature: np.ndarray, target: pd.Series) -> float:
        return abs(self.scores["rank_correlation"](self.truth(target), feature))


@dataclass(frozen=True)
class Multiclass:
    """A probability of each class.

    Attributes:
        setting: the settings that name what is predicted, for messages.
        names: of the classes, in the order of the predictions.
    """

    setting: str
    names: tuple[str, ...]
    classifies: bool = True
    aim: Aim = "class"

    @property
    def scores(self) -> dict[str, Score]:
        return CLASSES

    @property
    def deciding(self) -> tuple[str, ...]:
        return tuple(CLASSES)

    def truth(self, target: pd.Series) -> np.ndarray:
        return pd.Index(self.names).get_indexer(pd.Index(target.astype(str)))

    def predictions(self, fitted: BaseEstimator, features: object) -> np.ndarray:
        found = fitted.predict_proba(features)
        probabilities = np.zeros((len(found), len(self.names)))
        probabilities[:, self.truth(pd.Series(fitted.classes_))] = found
        return probabilities

    def require_enough(self, part: str, target: pd.Series) -> None:
        counts = target.astype(str).value_counts()
        common = counts[counts >= FEWEST_OF_A_CLASS]
        if len(common) < 2:
            raise InputError(
                f"of the {len(target):,} users that are {part}, {len(common):,} classes have "
                f"{FEWEST_OF_A_CLASS} users or more ({self.setting}): two are needed to tell "
                "them apart"
            )

    def alone(self, feature: np.ndarray, target: pd.Series) -> float:
        """The mean over classes, each against the others."""
        truth = self.truth(target)
        found = [Binary("").alone(feature, pd.Series(truth == each)) for each in np.unique(truth)]
        return float(np.mean(found))


def better(objective: Objective, metric: str, one: float, other: float) -> bool:
    """Whether the first value of a metric is better than the second."""
    return one < other if metric in ERRORS else one > other
