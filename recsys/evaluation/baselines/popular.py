"""The same items for everybody."""

from typing import ClassVar, Literal

import numpy as np

from recsys.config import Seen
from recsys.data.dataset import Dataset
from recsys.data.manifest import Part
from recsys.data.queries import Queries
from recsys.evaluation.baselines.baseline import BaseBaselineConfig, Candidate
from recsys.evaluation.baselines.interactions import FAINT


class Popular:
    """The items with the most (weighted) events in the fitted part, for everybody.

    Args:
        dataset: the log.
        part: the last part to count.
    """

    def __init__(self, dataset: Dataset, part: Part) -> None:
        self.catalogue_items = dataset.manifest.known_items[part]
        events = dataset.fitted_events(part)
        self.scores = weighted_counts(dataset, events, self.catalogue_items).astype(np.float32)

    @classmethod
    def check(cls, dataset: Dataset, part: Part) -> None:
        """Counts always fit."""

    @classmethod
    def candidates(cls, dataset: Dataset, part: Part, seen: Seen) -> list[Candidate]:
        """There is nothing to choose."""
        return [({}, lambda: cls(dataset, part))]

    def score(self, queries: Queries, block: slice) -> np.ndarray:
        """The same scores for every query, float32 [block, catalogue_items]."""
        return for_every_query(self.scores, queries, block)


class PopularConfig(BaseBaselineConfig):
    """The baseline :class:`Popular`."""

    kind: Literal["popular"] = "popular"
    scorer: ClassVar = Popular


def weighted_counts(dataset: Dataset, events: np.ndarray, catalogue_items: int) -> np.ndarray:
    """The summed weight of every item's events, float64 [catalogue_items]."""
    items = dataset.event_items[events]
    weights = dataset.event_weights[events]
    return np.bincount(items, weights=weights, minlength=catalogue_items)


def for_every_query(scores: np.ndarray, queries: Queries, block: slice) -> np.ndarray:
    """One row of scores as that of every query, float32 [block, catalogue_items]."""
    return np.broadcast_to(scores, (len(queries.users[block]), len(scores)))


def tie_breaker(dataset: Dataset, part: Part) -> np.ndarray:
    """Popularity, float32 [catalogue_items], too small to outweigh what a history shows.

    Added to the scores of a personal baseline it orders the items that the
    history shows nothing about, and all items where there is no history.
    """
    popularity = Popular(dataset, part).scores
    return FAINT * popularity / max(float(popularity.max(initial=0)), 1.0)
