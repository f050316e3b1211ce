"""A metric over the seeds of one experiment."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95


@dataclass(frozen=True)
class OverSeeds:
    """A metric over seeds, and where its mean over all seeds that could be drawn may lie.

    Attributes:
        mean: over the seeds.
        low: lower end of the mean's 95 % interval; None with one seed.
        high: upper end, likewise.
        deviation: standard deviation between seeds (n - 1); None with one seed.
        seeds: how many.
    """

    mean: float
    low: float | None
    high: float | None
    deviation: float | None
    seeds: int


def over_seeds(values: Sequence[float]) -> OverSeeds:
    """The mean of a metric over seeds with its 95 % interval (Student's t), and the spread.

    The interval says what other seeds on the same log may give. What other users may give is
    another question: see :func:`recsys.evaluation.confidence.intervals`.

    Args:
        values: of each seed; at least one.

    >>> found = over_seeds([0.05, 0.06, 0.07])
    >>> f"{found.mean:.4f} ({found.low:.4f} to {found.high:.4f}), spread {found.deviation:.4f}"
    '0.0600 (0.0352 to 0.0848), spread 0.0100'
    """
    found = np.asarray(values, dtype=np.float64)
    mean = float(found.mean())
    if len(found) < 2:
        return OverSeeds(mean, None, None, None, len(found))
    deviation = float(found.std(ddof=1))
    reach = float(stats.t.ppf((1 + LEVEL) / 2, len(found) - 1)) * deviation / len(found) ** 0.5
    return OverSeeds(mean, mean - reach, mean + reach, deviation, len(found))
