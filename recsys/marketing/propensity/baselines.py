"""The baselines that estimators must beat, each as strong as it honestly gets."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression

from recsys.marketing.propensity.objectives import Multiclass, Objective, Regression
from recsys.marketing.propensity.task import Table

# Of a probability, by which users of one step of the curve are told apart.
TIE = 1e-9


@dataclass(frozen=True)
class Recency:
    """The users who were here last come back first; as a probability, by isotonic regression.

    The curve has steps, on which users of different recency would be equal: a billionth of the
    probability keeps them in the order of their recency.

    Attributes:
        rises: whether yes becomes likelier the longer a user was away.
    """

    rises: bool
    name: str = "recency"

    def __call__(self, learned: Table, features: pd.DataFrame) -> np.ndarray:
        curve = IsotonicRegression(increasing=self.rises, out_of_bounds="clip")
        curve.fit(learned.features["recency_days"], learned.target.astype(float))
        days = features["recency_days"].to_numpy()
        order = rankdata(days if self.rises else -days, method="dense")
        return (1 - TIE) * curve.predict(days) + TIE * order / order.max()


@dataclass(frozen=True)
class LastPeriod:
    """Users spend what they spent in the period before.

    Attributes:
        column: the feature that holds it.
    """

    column: str
    name: str = "last_period"

    def __call__(self, learned: Table, features: pd.DataFrame) -> np.ndarray:
        return features[self.column].to_numpy(dtype=float)


@dataclass(frozen=True)
class LastPeriodLine:
    """A line through what users spent in the period before, by least squares.

    Users who spent much spend less again, users who spent nothing something (Galton's regression
    to the mean): as a mean, it is the stronger form of :class:`LastPeriod`.

    Attributes:
        column: the feature that holds it.
        least: no prediction is smaller.
    """

    column: str
    least: float
    name: str = "last_period_line"

    def __call__(self, learned: Table, features: pd.DataFrame) -> np.ndarray:
        line = LinearRegression().fit(learned.features[[self.column]], learned.target)
        return np.maximum(line.predict(features[[self.column]]), self.least)


@dataclass(frozen=True)
class Transitions:
    """Users move between classes as often as others in their class did (a Markov chain).

    Attributes:
        column: the feature that holds a user's class now.
        names: of the classes.
    """

    column: str
    names: tuple[str, ...]
    name: str = "transitions"

    def __call__(self, learned: Table, features: pd.DataFrame) -> np.ndarray:
        moved = pd.crosstab(learned.features[self.column], learned.target.astype(str))
        # One more of each, so that nothing is impossible (Laplace).
        moved = moved.reindex(index=self.names, columns=self.names, fill_value=0) + 1
        shares = moved.div(moved.sum(axis=1), axis=0)
        return shares.loc[features[self.column]].to_numpy()


@dataclass(frozen=True)
class Zero:
    """No user spends anything."""

    name: str = "zero"

    def __call__(self, learned: Table, features: pd.DataFrame) -> np.ndarray:
        return np.zeros(len(features))


@dataclass(frozen=True)
class Prior:
    """All users are alike: the share of each class, the mean or the median amount."""

    objective: Objective
    name: str = "prior"

    def __call__(self, learned: Table, features: pd.DataFrame) -> np.ndarray:
        truth = self.objective.truth(learned.target)
        if isinstance(self.objective, Multiclass):
            # One more of each, so that nothing is impossible (Laplace).
            counts = np.bincount(truth, minlength=len(self.objective.names)) + 1
            return np.tile(counts / counts.sum(), (len(features), 1))
        of_median = isinstance(self.objective, Regression) and self.objective.statistic == "median"
        typical = np.median(truth) if of_median else np.mean(truth)
        return np.full(len(features), float(typical))
