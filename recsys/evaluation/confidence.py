"""95 % intervals that respect that queries of one user resemble each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recsys.evaluation.metrics import Ratio

# Below this many users a percentile bootstrap is known to be too narrow.
FEW_USERS = 10
_BLOCK_CELLS = 4_000_000  # draws x users held at a time: 32 MB of float64


@dataclass(frozen=True)
class Interval:
    """A metric with its 95 % interval.

    Attributes:
        value: the metric; None where no query defines it.
        low: lower end; None where one user alone, or none, defines the metric.
        high: upper end, likewise.
        warning: why the interval is not to be relied on, if so.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    warning: str | None = None

    def as_dict(self) -> dict[str, float | str | None]:
        """As written to ``metrics.json``; ``warning`` only where there is one."""
        document: dict[str, float | str | None] = {
            "value": self.value,
            "low": self.low,
            "high": self.high,
        }
        if self.warning:
            document["warning"] = self.warning
        return document


def user_sums(ratios: Sequence[Ratio], users: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Adds up both terms of metrics by user, float64 [users with queries, metrics] each."""
    _, cluster = np.unique(users, return_inverse=True)
    numerators = [np.bincount(cluster, weights=ratio.numerators) for ratio in ratios]
    denominators = [np.bincount(cluster, weights=ratio.denominators) for ratio in ratios]
    return np.stack(numerators, axis=1), np.stack(denominators, axis=1)


def intervals(
    ratios: Mapping[str, Ratio], users: np.ndarray, draws: int = 1000, seed: int = 0
) -> dict[str, Interval]:
    """Percentile bootstrap that resamples users, never single queries.

    The events of a user depend on each other, so a user is drawn with all of
    their queries or not at all (cluster bootstrap; Davison and Hinkley, 1997,
    section 3.8). Each draw gives sum(numerators) / sum(denominators) over the
    users drawn; the interval reaches from the 2.5th to the 97.5th percentile.
    Equal arguments give equal intervals.

    Args:
        ratios: metrics by name, all over the same queries.
        users: int [queries], the user of each query.
        draws: bootstrap samples.
        seed: of the random draws.
    """
    if not ratios:
        return {}
    numerators, denominators = user_sums(list(ratios.values()), users)
    drawn = _resample(numerators, denominators, draws, np.random.default_rng(seed))
    return {
        name: _interval(
            ratio.value, drawn[:, column], int(np.count_nonzero(denominators[:, column]))
        )
        for column, (name, ratio) in enumerate(ratios.items())
    }


def _resample(
    numerators: np.ndarray, denominators: np.ndarray, draws: int, generator: np.random.Generator
) -> np.ndarray:
    """The metrics of every draw, float64 [draws, metrics]; NaN where a draw defines none."""
    users = len(numerators)
    block = max(1, _BLOCK_CELLS // users)
    drawn = []
    for begin in range(0, draws, block):
        size = min(block, draws - begin)
        cells = generator.integers(0, users, (size, users)) + users * np.arange(size)[:, None]
        times = np.bincount(cells.ravel(), minlength=size * users).reshape(size, users)
        weights = times.astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn.append((weights @ numerators) / (weights @ denominators))
    return np.concatenate(drawn)


def _interval(value: float, drawn: np.ndarray, users: int) -> Interval:
    if users == 0:
        return Interval(None, warning="no query defines this metric")
    if users == 1:
        return Interval(value, warning="one user alone gives no interval")
    low, high = np.nanpercentile(drawn, (2.5, 97.5))
    warning = None
    if users < FEW_USERS:
        warning = f"{users:,} users are too few to trust this interval: it is too narrow"
    return Interval(value, float(low), float(high), warning)
