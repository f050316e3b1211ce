"""Kinds of answers: yes or no, an amount, one of several; and by what each is judged."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from recsys.errors import InputError
from recsys.marketing.scores import AMOUNTS, CLASSES, ERRORS, PROBABILITIES, Score

# Users of the rarest class, below which no metric has an interval.
FEWEST_OF_A_CLASS = 20


class Answer(Protocol):
    """What a prediction is, and how it is judged.

    Attributes:
        classifies: whether estimators learn classes, or a number.
        scores: the metrics.
        deciding: the metric that validation chooses by, unless another is named.
    """

    @property
    def classifies(self) -> bool: ...

    @property
    def scores(self) -> dict[str, Score]: ...

    @property
    def deciding(self) -> str: ...

    def truth(self, target: pd.Series) -> np.ndarray:
        """[users], as the scores read it."""
        ...

    def predictions(self, fitted: BaseEstimator, features: object) -> np.ndarray:
        """Float [users], or [users, classes]."""
        ...

    def require_enough(self, part: str, target: pd.Series) -> None:
        """Refuses what no metric can be had of.

        Raises:
            InputError: hardly anybody, or nearly everybody, has one answer.
        """
        ...

    def alone(self, feature: np.ndarray, target: pd.Series) -> float:
        """How well one feature tells the answers apart, 0 to 1: 1 is without a mistake.

        Args:
            feature: float [users], ranks or means; no value is missing.
            target: their answers.
        """
        ...


@dataclass(frozen=True)
class YesNo:
    """A probability of yes."""

    question: str
    classifies: bool = True
    deciding: str = "auc"

    @property
    def scores(self) -> dict[str, Score]:
        return PROBABILITIES

    def truth(self, target: pd.Series) -> np.ndarray:
        return target.to_numpy(dtype=bool)

    def predictions(self, fitted: BaseEstimator, features: object) -> np.ndarray:
        return fitted.predict_proba(features)[:, 1]

    def require_enough(self, part: str, target: pd.Series) -> None:
        done, users = int(target.sum()), len(target)
        if min(done, users - done) >= FEWEST_OF_A_CLASS:
            return
        raise InputError(
            f"of the {users} users that are {part}, {done} have the answer yes "
            f"({self.question}): {FEWEST_OF_A_CLASS} who have it and as many who have not are "
            "needed to tell them apart"
        )

    def alone(self, feature: np.ndarray, target: pd.Series) -> float:
        auc = PROBABILITIES["auc"](self.truth(target), feature)
        return max(auc, 1 - auc)


@dataclass(frozen=True)
class Amount:
    """A number.

    Attributes:
        least: no prediction is smaller.
    """

    question: str
    least: float = 0.0
    classifies: bool = False
    deciding: str = "mae"

    @property
    def scores(self) -> dict[str, Score]:
        return AMOUNTS

    def truth(self, target: pd.Series) -> np.ndarray:
        return target.to_numpy(dtype=float)

    def predictions(self, fitted: BaseEstimator, features: object) -> np.ndarray:
        return np.maximum(fitted.predict(features), self.least)

    def require_enough(self, part: str, target: pd.Series) -> None:
        if target.nunique() < FEWEST_OF_A_CLASS:
            raise InputError(
                f"the {len(target)} users that are {part} have {target.nunique()} different "
                f"amounts ({self.question}): that is hardly an amount. Ask for yes or no, or for "
                "a longer period."
            )

    def alone(self, feature: np.ndarray, target: pd.Series) -> float:
        return abs(AMOUNTS["rank_correlation"](self.truth(target), feature))


@dataclass(frozen=True)
class OneOf:
    """A probability of each class.

    Attributes:
        names: of the classes, in the order of the predictions.
    """

    question: str
    names: tuple[str, ...]
    classifies: bool = True
    deciding: str = "log_loss"

    @property
    def scores(self) -> dict[str, Score]:
        return CLASSES

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
                f"of the {len(target)} users that are {part}, {len(common)} classes have "
                f"{FEWEST_OF_A_CLASS} users or more ({self.question}): two are needed to tell "
                "them apart"
            )

    def alone(self, feature: np.ndarray, target: pd.Series) -> float:
        """The mean over classes, each against the others."""
        truth = self.truth(target)
        found = [YesNo("").alone(feature, pd.Series(truth == each)) for each in np.unique(truth)]
        return float(np.mean(found))


def better(answer: Answer, metric: str, one: float, other: float) -> bool:
    """Whether the first value of a metric is better than the second."""
    return one < other if metric in ERRORS else one > other
