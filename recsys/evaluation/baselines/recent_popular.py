"""The same items for everybody: those of the hour."""

from functools import partial
from typing import ClassVar, Literal

import numpy as np

from recsys.config import Seen
from recsys.data.dataset import Dataset
from recsys.data.manifest import Part
from recsys.data.queries import Queries
from recsys.errors import InputError
from recsys.evaluation.baselines.baseline import BaseBaselineConfig, Candidate
from recsys.evaluation.baselines.popular import for_every_query, weighted_counts

# Tried on the validation part.
WINDOW_DAYS = (1, 7, 30, 90, 365)
WINDOW_SHARES = (0.02, 0.05, 0.1, 0.25, 0.5)
MICROSECONDS_A_DAY = 86_400_000_000


class RecentPopular:
    """The items with the most (weighted) events lately; of equals, the more popular overall.

    With a time column, lately means the last ``days`` before the latest fitted
    event. Where the log only has an order within each user, it means the last
    ``share`` of every user's fitted events (at least one, and whole baskets).

    Args:
        dataset: the log.
        part: the last part to count.
        days: length of the window where the log has a time.
        share: length of the window where it has an order only.

    Raises:
        InputError: the log has neither a time nor an order.
    """

    def __init__(self, dataset: Dataset, part: Part, days: float = 30, share: float = 0.1) -> None:
        self.catalogue_items = dataset.manifest.known_items[part]
        events = dataset.fitted_events(part)
        recent = events[_is_recent(dataset, part, events, days, share)]
        overall = weighted_counts(dataset, events, self.catalogue_items)
        lately = weighted_counts(dataset, recent, self.catalogue_items)
        # The place of each distinct pair (lately, overall) is an exact float32
        # up to 16 million items, which a sum of both would not be.
        _, places = np.unique(np.stack((lately, overall), axis=1), axis=0, return_inverse=True)
        self.scores = places.reshape(-1).astype(np.float32)

    @classmethod
    def check(cls, dataset: Dataset, part: Part) -> None:
        """Counts always fit."""

    @classmethod
    def candidates(cls, dataset: Dataset, part: Part, seen: Seen) -> list[Candidate]:
        """Windows, in days or in shares of a history; none on a log without an order."""
        settings: list[dict[str, float]] = []
        if dataset.manifest.has_time:
            settings = [{"days": days} for days in WINDOW_DAYS]
        elif dataset.manifest.has_order:
            settings = [{"share": share} for share in WINDOW_SHARES]
        return [(each, partial(cls, dataset, part, **each)) for each in settings]

    def score(self, queries: Queries, block: slice) -> np.ndarray:
        """The same scores for every query, float32 [block, catalogue_items]."""
        return for_every_query(self.scores, queries, block)


class RecentPopularConfig(BaseBaselineConfig):
    """The baseline :class:`RecentPopular`."""

    kind: Literal["recent_popular"] = "recent_popular"
    scorer: ClassVar = RecentPopular


def _is_recent(
    dataset: Dataset, part: Part, events: np.ndarray, days: float, share: float
) -> np.ndarray:
    """Which fitted events lie in the last window, bool [events]."""
    if dataset.manifest.has_time:
        times = dataset.event_times[events]
        return times > times.max(initial=0) - days * MICROSECONDS_A_DAY
    if not dataset.manifest.has_order:
        raise InputError(
            "recent_popular needs a time or an order of events, and this log has neither: "
            "take it out of `evaluation.baselines`"
        )
    ends = dataset.part_range(part)[1]
    counts = ends - dataset.user_offsets[:-1]
    first_recent = ends - np.ceil(share * counts).astype(np.int64)
    # Of users without an event, any: none of the events is theirs.
    first_recent = dataset.history_ends[np.minimum(first_recent, dataset.events - 1)]
    return events >= np.repeat(first_recent, counts)
