"""Rows to train, to validate and to test on, so that no user is in two of these parts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

# Shares of the users, or of the time, of validation and of test.
VALIDATION, TEST = 0.2, 0.2
SHARES = (1 - VALIDATION - TEST, VALIDATION, TEST)
PARTS = len(SHARES)
# Groups of the rarest class, from which on each part gets its share of them.
FEWEST = 5
# Rows that are alike in all columns are copies of one if there are few of them, and if of those
# that are alike in all columns but the label so many have the same one.
MOST_COPIES, SHARE_OF_COPIES = 0.01, 0.9


@dataclass(frozen=True)
class Parts:
    """A split of rows.

    Attributes:
        rows: the index of the rows of training, of validation, and of test.
        left_out: rows in none of these.
    """

    rows: tuple[pd.Index, pd.Index, pd.Index]
    left_out: int = 0


def split_at_random(
    target: pd.Series, groups: pd.Series | None, stratify: bool, seed: int
) -> Parts:
    """Splits users at random, each with all of their rows.

    Args:
        target: [rows], the labels.
        groups: [rows], whose row it is; None: each row is of a user of its own.
        stratify: give each part its share of each label, where there are enough of the rarest;
            a user has the rarest label of their rows.
        seed: of the draw.
    """
    if groups is None:
        return Parts(_drawn(target, stratify, seed))
    numbers = pd.Series(pd.factorize(groups)[0], groups.index)
    parts = _drawn(_rarest(target, numbers), stratify, seed)
    first, second, third = (target.index[numbers.isin(part)] for part in parts)
    return Parts((first, second, third))


def _drawn(answers: pd.Series, stratify: bool, seed: int) -> tuple[pd.Index, pd.Index, pd.Index]:
    """The index in three."""
    alike = answers if stratify and answers.value_counts().min() >= FEWEST else None
    rest, test = train_test_split(answers.index, test_size=TEST, random_state=seed, stratify=alike)
    alike = None if alike is None else alike.loc[rest]
    share = VALIDATION / (1 - TEST)
    train, validation = train_test_split(rest, test_size=share, random_state=seed, stratify=alike)
    return train, validation, test


def _rarest(target: pd.Series, groups: pd.Series) -> pd.Series:
    """The rarest label of each group's rows."""
    order = target.map(target.value_counts()).sort_values(kind="stable").index
    return target.loc[order].groupby(groups.loc[order]).first()


def split_by_time(times: pd.Series, groups: pd.Series | None, seed: int) -> Parts:
    """Splits rows by time, the oldest first.

    A user with rows on both sides of a cut is drawn into one of the parts that hold rows of theirs,
    by their shares (60, 20 and 20 %), and the rows in the others are left out: to test on a user
    who was trained on would be to test the memory. Rows of one time are in one part: cuts are
    between times, as near to these shares of the rows as leaves a time to each part.

    Args:
        times: [rows], of at least :data:`PARTS` different times.
        groups: [rows], whose row it is; None: each row is of a user of its own.
        seed: of the draw.
    """
    # Of each time the share of the rows up to it.
    until = times.value_counts(normalize=True).sort_index().cumsum()
    first = (until[: 1 - PARTS] - SHARES[0]).abs().idxmin()
    second = (until[until.index > first][:-1] - (1 - TEST)).abs().idxmin()
    part = pd.Series(np.select([times <= first, times <= second], [0, 1], 2), times.index)
    taken = pd.Series(True, times.index)
    if groups is not None:
        has = pd.crosstab(groups, part).reindex(columns=range(PARTS), fill_value=0) > 0
        # The part with the largest is drawn by the shares (Efraimidis and Spirakis, 2006).
        drawn = np.random.default_rng(seed).random(has.shape) ** (1 / np.array(SHARES))
        of_user = pd.Series(np.where(has, drawn, -1.0).argmax(axis=1), has.index)
        taken = groups.map(of_user) == part
    rows = [times.index[taken & (part == each)] for each in range(PARTS)]
    return Parts((rows[0], rows[1], rows[2]), int((~taken).sum()))


def copies(features: pd.DataFrame, target: pd.Series) -> tuple[int, pd.Series | None]:
    """Rows that are copies of others, where no column says whose row it is.

    In a table of few columns users are alike by chance, and are told apart by their labels: of
    those with the same features some have a yes and some a no. Copies agree.

    Args:
        features: [rows].
        target: [rows].

    Returns:
        How many rows equal an earlier one in each feature and the label; and groups [rows] of
        copies, None if these rows are rather of users who are alike.
    """
    if features.columns.empty:
        return 0, None
    alike = pd.util.hash_pandas_object(features, index=False)
    answers = pd.Series(pd.factorize(target)[0], target.index)
    repeated = int(pd.DataFrame({"alike": alike, "label": answers}).duplicated().sum())
    if not repeated:
        return 0, None
    sizes = alike.map(alike.value_counts())
    few = (sizes > 1) & (sizes <= max(10, MOST_COPIES * len(alike)))
    kinds = answers[few].groupby(alike[few]).agg(["nunique", "first"])
    # Of the most frequent label users agree by chance.
    tell = (kinds["nunique"] > 1) | (kinds["first"] != answers.value_counts().idxmax())
    agree = (kinds["nunique"][tell] == 1).sum()
    if not tell.any() or agree < SHARE_OF_COPIES * tell.sum():
        return repeated, None
    own = pd.Series(-1 - np.arange(len(alike)), alike.index)
    return repeated, alike.where(few, own)
