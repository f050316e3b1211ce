"""What tends to follow the last items."""

from functools import partial
from typing import ClassVar, Literal

import numpy as np
from scipy import sparse

from recsys.config import Seen
from recsys.data.dataset import Dataset
from recsys.data.manifest import Part
from recsys.data.queries import Queries
from recsys.errors import InputError
from recsys.evaluation.baselines.baseline import BaseBaselineConfig, Candidate
from recsys.evaluation.baselines.interactions import FAINT, learned_events, weighted_history
from recsys.evaluation.baselines.memory import require_memory
from recsys.evaluation.baselines.popular import Popular

# Tried on the validation part.
WINDOWS = (1, 3, 10)


class MarkovChain:
    """Items that followed the last ones of the history in other histories.

    With a window of 1 it is the Markov chain of the last item: the score of item
    ``j`` after item ``i`` is the share of the (weighted) events after ``i`` that
    were of ``j``, drawn towards popularity where few are known,
    ``(follows_ij + shrinkage · popularity_j) / (follows_i + shrinkage)``. A wider
    window also counts what followed some events later and also reads some events
    before the last, each ``1 / distance`` as much (sequential rules, Ludewig &
    Jannach, 2018). Without a history, items follow by popularity.

    What precedes an event is what happened before its timestamp group: events that share
    a timestamp do not follow each other.

    Args:
        dataset: the log.
        part: the last part to learn from.
        window: events that an item is followed by, and that are read, at most.
        shrinkage: in events, above 0; larger values trust rare items less.

    Raises:
        InputError: the log has no order, or the counts do not fit into memory.
    """

    def __init__(
        self, dataset: Dataset, part: Part, window: int = 1, shrinkage: float = 10.0
    ) -> None:
        if not dataset.manifest.has_order:
            raise InputError(
                "markov needs an order of events, and this log has none: "
                "take it out of `evaluation.baselines`"
            )
        self.dataset = dataset
        self.catalogue_items = dataset.manifest.known_items[part]
        self.window = window
        _require_memory(dataset, part, window)
        follows = _follows(dataset, part, self.catalogue_items, window)
        trust = (1 / (follows.sum(axis=1) + shrinkage)).astype(np.float32)
        self.transitions = (sparse.diags_array(trust) @ follows).tocsr()
        self.doubt = np.float32(shrinkage) * trust
        counts = Popular(dataset, part).scores
        self.popularity = counts / max(float(counts.sum()), 1.0)

    @classmethod
    def check(cls, dataset: Dataset, part: Part) -> None:
        _require_memory(dataset, part, max(WINDOWS))

    @classmethod
    def candidates(cls, dataset: Dataset, part: Part, seen: Seen) -> list[Candidate]:
        """Windows; none on a log without an order."""
        if not dataset.manifest.has_order:
            return []
        return [({"window": each}, partial(cls, dataset, part, each)) for each in WINDOWS]

    def score(self, queries: Queries, block: slice) -> np.ndarray:
        """Shares of what followed, summed, float32 [block, catalogue_items]."""
        histories = weighted_history(
            self.dataset,
            queries,
            block,
            self.catalogue_items,
            lambda ages: np.where(ages < self.window, 1 / (ages + 1), 0.0),
        )
        scores = (histories @ self.transitions).toarray()
        doubt = histories @ self.doubt + np.float32(FAINT)
        scores += np.outer(doubt, self.popularity)
        return scores


class MarkovChainConfig(BaseBaselineConfig):
    """The baseline :class:`MarkovChain`."""

    kind: Literal["markov"] = "markov"
    scorer: ClassVar = MarkovChain


def _follows(dataset: Dataset, part: Part, items: int, window: int) -> sparse.csr_array:
    """How much followed an item (row) within the window, float32 [items, items]."""
    events = learned_events(dataset, part)
    users = np.searchsorted(dataset.user_offsets, events, side="right") - 1
    begins = dataset.user_offsets[users]
    follows = sparse.csr_array((items, items), dtype=np.float32)
    for distance in range(1, window + 1):
        earlier = dataset.history_ends[events] - distance
        follow = earlier >= begins
        later = events[follow]
        places = (dataset.event_items[earlier[follow]], dataset.event_items[later])
        weights = dataset.event_weights[later] / np.float32(distance)
        follows += sparse.coo_array((weights, places), shape=(items, items)).tocsr()
    return follows


def _require_memory(dataset: Dataset, part: Part, window: int) -> None:
    items = dataset.manifest.known_items[part]
    events = float((dataset.part_range(part)[1] - dataset.user_offsets[:-1]).sum())
    counts = min(window * events, float(items) ** 2)
    # A float32 and an int32 each: as they are, as added, and divided.
    require_memory("markov", 3 * 8 * counts, items)
