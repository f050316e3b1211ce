"""The simple rules that estimators must beat."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.isotonic import IsotonicRegression

from recsys.marketing.propensity.answers import Amount, Answer, OneOf
from recsys.marketing.propensity.question import Table


@dataclass(frozen=True)
class Recency:
    """Who was here last comes back first; as a probability, by isotonic regression.

    Attributes:
        rises: whether yes becomes likelier the longer a user was away.
    """

    rises: bool
    name: str = "recency"

    def __call__(self, learned: Table, features: pd.DataFrame) -> np.ndarray:
        curve = IsotonicRegression(increasing=self.rises, out_of_bounds="clip")
        curve.fit(learned.features["recency_days"], learned.target.astype(float))
        return curve.predict(features["recency_days"])


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
class Prior:
    """Everybody is like everybody: the share of each answer, or the median amount."""

    answer: Answer
    name: str = "prior"

    def __call__(self, learned: Table, features: pd.DataFrame) -> np.ndarray:
        truth = self.answer.truth(learned.target)
        if isinstance(self.answer, OneOf):
            shares = np.bincount(truth, minlength=len(self.answer.names)) / len(truth)
            return np.tile(shares, (len(features), 1))
        typical = np.median(truth) if isinstance(self.answer, Amount) else np.mean(truth)
        return np.full(len(features), float(typical))
