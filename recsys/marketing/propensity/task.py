"""What is asked of users: who they are, what is known of them, and what came true."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from recsys.marketing.propensity.task_kinds import Answer


@dataclass(frozen=True)
class Known:
    """What is known of some users at some moments.

    Attributes:
        features: a row per user and moment; numbers, and categories as text.
        users: the id of each row's user, as in the log.
    """

    features: pd.DataFrame
    users: pd.Series


@dataclass(frozen=True)
class Table(Known):
    """What is known of some users, and what came true.

    Attributes:
        target: of each row: bool, a number, or a category, as the answer says.
        moments: of each row, when it is asked; None where rows have no order.
    """

    target: pd.Series
    moments: pd.Series | None = None

    @property
    def latest(self) -> "Table":
        """The rows of the last moment; all of them where they have no order."""
        if self.moments is None:
            return self
        last = self.moments == self.moments.max()
        parts = (self.features, self.users, self.target, self.moments)
        return Table(*(part[last].reset_index(drop=True) for part in parts))


class Rule(Protocol):
    """A simple rule that an estimator must beat.

    Attributes:
        name: of the rule.
    """

    @property
    def name(self) -> str: ...

    def __call__(self, learned: Table, features: pd.DataFrame) -> np.ndarray:
        """Predictions of the kind that the answer has, for each row of the features."""
        ...


@dataclass(frozen=True)
class Question:
    """A question with what answers it, apart by what each part is for.

    Attributes:
        answer: of which kind, and by what it is judged.
        train: to learn from.
        validation: to choose by.
        test: to judge the choice, once.
        rules: what is to be beaten, by the one that is the best on validation.
        now: users whose answer nobody knows yet; None if there are none.
        notes: what a person should know of the source, a sentence each.
    """

    answer: Answer
    train: Table
    validation: Table
    test: Table
    rules: tuple[Rule, ...]
    now: Known | None = None
    notes: tuple[str, ...] = ()


def together(*tables: Table) -> Table:
    """The rows of several tables as one."""
    moments = [table.moments for table in tables if table.moments is not None]
    return Table(
        pd.concat([table.features for table in tables], ignore_index=True),
        pd.concat([table.users for table in tables], ignore_index=True),
        pd.concat([table.target for table in tables], ignore_index=True),
        pd.concat(moments, ignore_index=True) if len(moments) == len(tables) else None,
    )
