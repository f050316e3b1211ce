"""What is predicted of users: who they are, what is known of them, and what came true."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from recsys.marketing.propensity.objectives import Objective


@dataclass(frozen=True)
class Known:
    """What is known of some users at some cutoffs.

    Attributes:
        features: a row per user and cutoff; numbers, and categories as text.
        users: the id of each row's user, as in the log.
    """

    features: pd.DataFrame
    users: pd.Series


@dataclass(frozen=True)
class Table(Known):
    """What is known of some users, and what came true.

    Attributes:
        target: of each row: bool, a number, or a category, as the objective says.
        cutoffs: as of when each row is known; None where rows have no times.
    """

    target: pd.Series
    cutoffs: pd.Series | None = None

    @property
    def latest(self) -> "Table":
        """The rows of the last cutoff; all of them where they have no times."""
        if self.cutoffs is None:
            return self
        last = self.cutoffs == self.cutoffs.max()
        parts = (self.features, self.users, self.target, self.cutoffs)
        return Table(*(part[last].reset_index(drop=True) for part in parts))


class Baseline(Protocol):
    """A simple rule that estimators must beat.

    Attributes:
        name: of the baseline.
    """

    @property
    def name(self) -> str: ...

    def __call__(self, learned: Table, features: pd.DataFrame) -> np.ndarray:
        """Predictions of the kind that the objective has, for each row of the features."""
        ...


@dataclass(frozen=True)
class Task:
    """A prediction task: its objective, and its rows apart by what each part is for.

    Attributes:
        objective: what is predicted, and by which metrics it is measured.
        train: rows to fit to.
        validation: rows to select by.
        test: rows to measure the selected estimator on, once.
        baselines: what is to be beaten, by the one that is the best on validation.
        now: users whose label nobody knows yet; None if there are none.
        notes: what a person should know of the source, a sentence each.
    """

    objective: Objective
    train: Table
    validation: Table
    test: Table
    baselines: tuple[Baseline, ...]
    now: Known | None = None
    notes: tuple[str, ...] = ()


def together(*tables: Table) -> Table:
    """The rows of several tables as one."""
    cutoffs = [table.cutoffs for table in tables if table.cutoffs is not None]
    return Table(
        pd.concat([table.features for table in tables], ignore_index=True),
        pd.concat([table.users for table in tables], ignore_index=True),
        pd.concat([table.target for table in tables], ignore_index=True),
        pd.concat(cutoffs, ignore_index=True) if len(cutoffs) == len(tables) else None,
    )
