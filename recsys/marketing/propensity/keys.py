"""Columns that may say whose row it is, where nobody named the users' ids."""

import pandas as pd
from scipy.stats import f

# Share of the variance of the answers that is between a column's values, from which on their rows
# agree; and how improbable that must be by chance.
AGREE, BY_CHANCE = 0.3, 1e-6
# Different values that repeat, and the share of the rows that these have.
FEWEST_VALUES, FEWEST_ROWS = 20, 0.1
# A value of a larger share of the rows, such as 0, is nobody's id.
LARGEST = 0.05
# Of numbers that mean something, neighbours agree, too: twice as coarse they keep more than this.
SMOOTH = 0.75


def key_perhaps(features: pd.DataFrame, target: pd.Series) -> str | None:
    """The column whose values are most like ids of users with several rows each.

    Rows with the same id agree in the answer far beyond chance, and by their own id, not by those
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
