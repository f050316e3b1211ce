"""Whether 95 % intervals keep their word over many draws."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np


class Interval(Protocol):
    low: float
    high: float


def assert_honest(found: Sequence[Interval], estimates: Sequence[float], truth: float) -> None:
    """90 or more of the first 100 draws cover the truth, and no interval is wider than it must.

    Args:
        found: of draws of several seeds, the first 100 of seeds 0 to 99.
        estimates: of the same draws.
        truth: what all of them estimate.
    """
    low = np.array([each.low for each in found])
    high = np.array([each.high for each in found])
    covers = (low <= truth) & (truth <= high)
    assert covers[:100].sum() >= 90
    assert covers.mean() >= 0.92
    # What a normal estimate of this spread needs, twice 1.96 standard deviations.
    needed = 3.92 * np.std(estimates, ddof=1)
    assert abs((high - low).mean() / needed - 1) < 0.15
    # No draw is centred elsewhere by more than chance.
    error = np.std(estimates, ddof=1) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates) - truth) < 4 * error
