"""What a number differs by between two arms, by what other draws of the arms would have shown."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import bisect

LEVEL = 0.05
PERMUTATIONS = 9_999
# Users drawn in all, about: of very large arms there are fewer permutations, at least so many.
MOST_DRAWN, FEWEST_PERMUTATIONS = 2 * 10**8, 1_999


@dataclass(frozen=True)
class Difference:
    """What two arms differ by.

    Attributes:
        value: treated minus others, per user, in the outcome's unit.
        low: of its 95 % interval.
        high: of its 95 % interval.
        p_value: two-sided, of no difference.
    """

    value: float
    low: float
    high: float
    p_value: float


def permutation_difference(
    treated: np.ndarray, outcomes: np.ndarray, before: np.ndarray | None = None, seed: int = 1
) -> Difference:
    """The difference of two arms drawn at random, with an interval that skewness does not widen.

    Where a few users spend nearly everything, the mean and the standard error of a small arm are
    small together, and Welch's interval tells of gains that are none. Here the studentised
    difference is compared with those of other draws of the arms (Janssen 1997, "Studentized
    permutation tests for non-i.i.d. hypotheses"; Chung and Romano 2013, "Exact and asymptotically
    robust permutation tests"): if the campaign changed nothing for anybody, each side errs in at
    most 2.5 % of draws, whatever the outcome's distribution and the arms' sizes. The interval
    holds the shifts that this test does not refuse; where effects vary between users, it is right
    for large arms (``scripts/check_uplift.py`` says how nearly for small ones).

    With a number known before the campaign, such as the money of the weeks before, the difference
    is that of the residuals of the outcome (CUPED: Deng, Xu, Kohavi and Walker 2013, "Improving
    the sensitivity of online controlled experiments by utilizing pre-experiment data"); its
    variance shrinks by the square of their correlation, and the test stays exact (Rosenbaum 2002,
    "Covariance adjustment in randomized experiments and observational studies").

    >>> treated = np.arange(100) < 50
    >>> found = permutation_difference(treated, np.where(treated, 12.0, 10.0) + np.arange(100) % 5)
    >>> found.value, found.low > 0
    (2.0, True)

    Args:
        treated: bool [users].
        outcomes: float [users], not all alike in both arms.
        before: float [users], known before the arms were drawn.
        seed: of the permutations.
    """
    values, shift = _residuals(treated.astype(float), outcomes - outcomes.mean(), before)
    few = treated if 2 * treated.sum() <= len(treated) else ~treated
    size = int(few.sum())
    sums = _permuted_sums(values, size, seed)
    studentised = partial(_studentised, totals=values.sum(axis=0), size=size, users=len(treated))
    sign = 1 if few is treated else -1
    observed = values[few].sum(axis=0)

    def upwards(shift: float) -> float:
        """How likely a difference is at least that large, if everybody gained ``shift``."""
        reached = sign * studentised(sums, shift) >= sign * studentised(observed, shift)
        return float((1 + reached.sum()) / (1 + len(sums)))

    def downwards(shift: float) -> float:
        reached = sign * studentised(sums, shift) <= sign * studentised(observed, shift)
        return float((1 + reached.sum()) / (1 + len(sums)))

    # Not nothing, also where the number before tells all of the outcome.
    spread = max(float(np.std(values[:, 0])), 1e-9 * float(np.abs(outcomes).max()))
    reach = 4 * spread / np.sqrt(size)
    return Difference(
        shift,
        _bound(upwards, shift, -reach),
        _bound(downwards, shift, reach),
        min(1.0, 2 * min(upwards(0.0), downwards(0.0))),
    )


def _residuals(
    assigned: np.ndarray, outcomes: np.ndarray, before: np.ndarray | None
) -> tuple[np.ndarray, float]:
    """What is permuted, and the difference itself.

    Returns:
        float [users, 5]: of outcome and assignment what the number before does not explain, and
        their products, of which every shifted difference and variance is made.
    """
    assigned = assigned - assigned.mean()
    if before is not None and np.ptp(before) > 0:
        known = before - before.mean()
        known = known / np.sqrt(known @ known)
        outcomes = outcomes - (known @ outcomes) * known
        assigned = assigned - (known @ assigned) * known
    columns = (outcomes, assigned, outcomes**2, outcomes * assigned, assigned**2)
    return np.stack(columns, axis=1), float(outcomes @ assigned / (assigned @ assigned))


def _permuted_sums(values: np.ndarray, size: int, seed: int) -> np.ndarray:
    """float [permutations, 5]: sums over an arm of that size, drawn again and again."""
    generator = np.random.default_rng(seed)
    fewest = min(FEWEST_PERMUTATIONS, PERMUTATIONS)
    count = int(np.clip(MOST_DRAWN // size, fewest, PERMUTATIONS))
    sums = np.empty((count, values.shape[1]))
    for row in sums:
        drawn = generator.choice(len(values), size, replace=False, shuffle=False)
        row[:] = values[drawn].sum(axis=0)
    return sums


def _studentised(
    sums: np.ndarray, shift: float, totals: np.ndarray, size: int, users: int
) -> np.ndarray:
    """float [...]: an arm's mean minus that of the others, over its standard error.

    Args:
        sums: float [..., 5], over the arm.
        shift: taken from the outcome of users who are assigned.
        totals: float [5], over all users.
        size: of the arm.
        users: in all.
    """

    def moments(sums: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        mean = (sums[..., 0] - shift * sums[..., 1]) / size
        squares = sums[..., 2] - 2 * shift * sums[..., 3] + shift**2 * sums[..., 4]
        return mean, np.maximum(squares / size - mean**2, 0) / (size - 1)

    arm, error = moments(sums, size)
    others, of_others = moments(totals - sums, users - size)
    smallest = np.finfo(float).tiny  # arms in which nobody differs
    return (arm - others) / np.sqrt(np.maximum(error + of_others, smallest))


def _bound(likely: Callable[[float], float], inside: float, reach: float) -> float:
    """The shift from which on an arm's difference is too unlikely.

    Args:
        likely: of a shift.
        inside: a shift that is not refused.
        reach: how far to look at first, and where: below or above.
    """

    def refused(shift: float) -> float:
        return likely(shift) - LEVEL / 2

    if refused(inside) <= 0:
        return inside
    while refused(inside + reach) > 0:
        reach *= 2
    return float(bisect(refused, *sorted((inside, inside + reach)), xtol=1e-9 * abs(reach)))
