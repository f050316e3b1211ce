"""Negatives: drawn on the host, with the probabilities that logQ needs.

Every sampler shares its draws among all positions of a batch and returns, with
each draw, the logarithm of how often that item is expected among the draws
(:class:`recsys.batch.NegativeSampler`).

The config of each builds it from how often each known item is a target in the fitted parts,
int64 [known items]. Items that are none are context, and never drawn.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from recsys.batch import NegativeSampler
from recsys.config import StrictConfig


class UniformConfig(StrictConfig):
    """Every item with the same probability."""

    kind: Literal["uniform"] = "uniform"
    count: int = Field(1024, ge=1, description="negatives shared by a batch")

    def build(self, item_counts: np.ndarray) -> NegativeSampler:
        """Draws among the items with events."""
        return CatalogueSampler(_uniform(item_counts), self.count)


class PopularityConfig(StrictConfig):
    """Items in proportion to a power of their number of training events."""

    kind: Literal["popularity"] = "popularity"
    count: int = Field(1024, ge=1, description="negatives shared by a batch")
    exponent: float = Field(0.75, ge=0, description="0 is uniform, 1 the events' own distribution")

    def build(self, item_counts: np.ndarray) -> NegativeSampler:
        """Draws among the items with events."""
        counts = item_counts.astype(np.float64)
        powered = np.where(counts > 0, counts**self.exponent, 0.0)
        return CatalogueSampler(powered / powered.sum(), self.count)


class InBatchConfig(StrictConfig):
    """Other positions' targets."""

    kind: Literal["in_batch"] = "in_batch"
    count: int = Field(1024, ge=1, description="targets drawn from the batch, shared by it")

    def build(self, item_counts: np.ndarray) -> NegativeSampler:
        """Draws among a batch's targets."""
        return InBatchSampler(_shares(item_counts), self.count)


class MixedConfig(StrictConfig):
    """Other positions' targets and uniformly drawn items.

    Yang et al., "Mixed Negative Sampling for Learning Two-tower Neural
    Networks in Recommendations" (2020).
    """

    kind: Literal["mixed"] = "mixed"
    in_batch: int = Field(512, ge=1, description="targets drawn from the batch, shared by it")
    uniform: int = Field(512, ge=1, description="items drawn uniformly, shared by the batch")

    def build(self, item_counts: np.ndarray) -> NegativeSampler:
        """Draws from both."""
        shares, uniform = _shares(item_counts), _uniform(item_counts)
        return MixedSampler(
            InBatchSampler(shares, self.in_batch),
            CatalogueSampler(uniform, self.uniform),
            self.in_batch * shares + self.uniform * uniform,
        )


NegativesConfig = Annotated[
    UniformConfig | PopularityConfig | InBatchConfig | MixedConfig, Field(discriminator="kind")
]


class CatalogueSampler:
    """Draws with replacement from a fixed distribution over the catalogue.

    Args:
        probabilities: float64 [items], summing to 1.
        count: draws a batch.
    """

    def __init__(self, probabilities: np.ndarray, count: int) -> None:
        self.count = count
        self._cumulative = np.cumsum(probabilities)
        with np.errstate(divide="ignore"):
            self._log_expected = (np.log(count) + np.log(probabilities)).astype(np.float32)

    def draw(
        self, generator: np.random.Generator, targets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        points = generator.random(self.count) * self._cumulative[-1]
        items = np.searchsorted(self._cumulative, points, side="right")
        items = np.minimum(items, len(self._cumulative) - 1).astype(np.int32)
        return items, self._log_expected[items]


class InBatchSampler:
    """Draws with replacement from the batch's own targets.

    A target occurs in a batch in proportion to its training events, so the
    expected count follows from the item's share of them (Yi et al.,
    "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item
    Recommendations", 2019, estimated here from the data instead of a stream).

    Args:
        probabilities: float64 [items], share of training events.
        count: draws a batch.
    """

    def __init__(self, probabilities: np.ndarray, count: int) -> None:
        self.count = count
        with np.errstate(divide="ignore"):
            self._log_expected = (np.log(count) + np.log(probabilities)).astype(np.float32)

    def draw(
        self, generator: np.random.Generator, targets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        items = targets[generator.integers(len(targets), size=self.count)].astype(np.int32)
        return items, self._log_expected[items]


class MixedSampler:
    """The union of several samplers' draws.

    An item may come from either source, so its expected count is the sum of
    both (the balance heuristic of Veach and Guibas, 1995).

    Args:
        in_batch, uniform: the sources.
        expected: float64 [items], each item's expected number of occurrences.
    """

    def __init__(
        self, in_batch: InBatchSampler, uniform: CatalogueSampler, expected: np.ndarray
    ) -> None:
        self.sources: tuple[NegativeSampler, NegativeSampler] = (in_batch, uniform)
        self.count = in_batch.count + uniform.count
        with np.errstate(divide="ignore"):
            self._log_expected = np.log(expected).astype(np.float32)

    def draw(
        self, generator: np.random.Generator, targets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        items = np.concatenate([source.draw(generator, targets)[0] for source in self.sources])
        return items, self._log_expected[items]


def _shares(item_counts: np.ndarray) -> np.ndarray:
    """Each item's share of the targets."""
    counts = item_counts.astype(np.float64)
    return counts / counts.sum()


def _uniform(item_counts: np.ndarray) -> np.ndarray:
    """The same probability for every item that is a target."""
    return (item_counts > 0) / np.count_nonzero(item_counts)
