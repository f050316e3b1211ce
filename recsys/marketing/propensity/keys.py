"""Whose rows these are, where no setting names the column of the users' ids."""

import pandas as pd
from scipy.stats import f

from recsys.marketing.propensity.splitting import copies
from recsys.marketing.propensity.table_features import (
    Features,
    ids_perhaps,
    named,
    rare_texts,
    row_numbers,
)

# Share of the variance of the labels that is between a column's values, from which on their rows
# agree; and how improbable that must be by chance.
AGREE, BY_CHANCE = 0.3, 1e-6
# Different values that repeat, and the share of the rows that these have.
FEWEST_VALUES, FEWEST_ROWS = 20, 0.1
# A value of a larger share of the rows, such as 0, is not an id.
LARGEST = 0.05
# Of numbers that mean something, neighbours agree, too: twice as coarse they keep more than this.
SMOOTH = 0.75


def rows_of_one_user(given: Features, target: pd.Series) -> tuple[pd.Series | None, list[str]]:
    """Copies of a row, which are kept together, and what is said of rows that may be of one user.

    A table that was copied may have got a number, an id or the time of the export for each row
    afterwards: if no rows are alike in all columns, those are compared that are not such.

    Args:
        given: the columns as features.
        target: the labels, of the rows that have one.

    Returns:
        Groups [rows] of copies, None if there are none; and notes.
    """
    table = given.table.loc[target.index]
    numbers = given.table.select_dtypes("number")
    table = table.drop(columns=row_numbers(numbers))
    (repeated, groups), but, notes = copies(table, target), "", []
    if not repeated and (fresh := _fresh(table, given.dates)):
        found, groups = copies(table.drop(columns=fresh), target)
        # Users who are alike in the rest are told apart by these columns.
        repeated, but = 0 if groups is None else found, f" but {named(fresh)}"
    if repeated:
        so = (
            "taken as copies, and kept on one side of the split, but intervals count each"
            if groups is not None
            else "taken as different users who are alike"
        )
        notes.append(
            f"{repeated:,} of {len(target):,} rows equal an earlier one in each feature{but} and "
            f"the label: {so}. If rows are of the same users, name the column of their ids in "
            "table.key"
        )
    once = target if groups is None else target[~groups.duplicated()]
    if (key := key_perhaps(table.loc[once.index], once)) is not None:
        notes.append(
            f"{key!r} has {table[key].nunique():,} values in {len(target):,} rows, and rows with "
            "the same one mostly have the same label: if these are users, name it in table.key; "
            "as it is, a user may be both trained on and tested on"
        )
    return groups, notes


def _fresh(table: pd.DataFrame, dates: frozenset[str]) -> list[str]:
    """Columns that each row may have got by itself: ids, and times that never repeat."""
    numbers = table.select_dtypes("number")
    times = [name for name in numbers if name in dates and numbers[name].is_unique]
    ids = ids_perhaps(numbers.drop(columns=times))
    return [*rare_texts(table)[0], *ids, *times]


def key_perhaps(features: pd.DataFrame, target: pd.Series) -> str | None:
    """The column whose values are most like ids of users with several rows each.

    Rows with the same id agree in the label far beyond chance, and by their own id, not by those
    near it. The measure is epsilon squared of the analysis of variance (Kelley, 1935), of ranks
    for amounts, and of indicators for classes.

    Args:
        features: [rows].
        target: [rows], bool, amounts or classes.

    Returns:
        Its name; None if there is none.
    """
    classes = target.dtype == bool or not pd.api.types.is_numeric_dtype(target)
    answers = pd.get_dummies(target) if classes else target.rank().to_frame()
    found = {name: _agreement(features[name], answers.astype(float)) for name in features}
    # An attribute of users agrees as their id does, and is shared by some.
    best = max(found, key=lambda name: (found[name], features[name].nunique()), default=None)
    return None if best is None or not found[best] else str(best)


def _agreement(column: pd.Series, answers: pd.DataFrame) -> float:
    """Share of the variance that is between a column's values; 0 if it is not like an id."""
    sizes = column.where(column != "").map(column.value_counts())
    repeat = (sizes > 1) & (sizes <= LARGEST * len(column))
    if repeat.sum() < FEWEST_ROWS * len(column):
        return 0.0
    # Numbers in their order.
    codes = column[repeat].rank(method="dense").astype(int)
    between, chance = _between(codes, answers[repeat])
    if codes.max() < FEWEST_VALUES or between < AGREE or chance > BY_CHANCE:
        return 0.0
    is_number = pd.api.types.is_numeric_dtype(column)
    if is_number and _between(codes // 2, answers[repeat])[0] > SMOOTH * between:
        return 0.0
    return round(between, 2)


def _between(codes: pd.Series, answers: pd.DataFrame) -> tuple[float, float]:
    """Epsilon squared, and how probable as much is by chance."""
    rows, values = len(codes), codes.nunique()
    total = float(((answers - answers.mean()) ** 2).to_numpy().sum())
    within = float(((answers - answers.groupby(codes).transform("mean")) ** 2).to_numpy().sum())
    if not total or values < 2:
        return 0.0, 1.0
    if not within:
        return 1.0, 0.0
    inside = within / (rows - values)
    ratio = (total - within) / (values - 1) / inside
    return 1 - inside / (total / (rows - 1)), float(f.sf(ratio, values - 1, rows - values))
