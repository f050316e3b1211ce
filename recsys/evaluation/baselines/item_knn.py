"""Neighbourhoods of items."""

from collections.abc import Iterator
from copy import copy
from functools import cache, partial
from typing import Any, ClassVar, Literal

import numpy as np
from scipy import sparse

from recsys.config import Seen
from recsys.data.dataset import Dataset
from recsys.data.manifest import Part
from recsys.data.queries import Queries
from recsys.evaluation.baselines.baseline import BaseBaselineConfig, Candidate
from recsys.evaluation.baselines.interactions import met, weighted_history
from recsys.evaluation.baselines.memory import require_memory
from recsys.evaluation.baselines.popular import tie_breaker

# Tried on the validation part.
DECAYS = (1.0, 0.8, 0.5)
NEIGHBOURS = 200
_BLOCK_ITEMS = 512  # rows of co-occurrences held at a time


class ItemKNN:
    """Items whose users are those of the history's items.

    The score of an item is the sum, over the events of the history, of its
    similarity to that event's item: the cosine between the sets of users who
    met each in the fitted part, shrunk for items that few have met,
    ``both / (sqrt(users_i · users_j) + shrinkage)`` (Sarwar et al., 2001; with
    the shrinkage of Ferrari Dacrema et al., 2019). Items that no event of the
    history is similar to follow by popularity.

    Args:
        dataset: the log.
        part: the last part to learn from.
        neighbours: items that each item keeps, the most similar ones.
        shrinkage: in users; larger values trust rare items less.
        decay: weight of an event relative to the one after it, in (0, 1]; 1
            reads the history as a set. Ignored where the log has no order.
        repeats: whether an item counts as similar to itself. It matters only where
            what was seen may be recommended again.

    Raises:
        InputError: the similarities do not fit into memory.
    """

    def __init__(
        self,
        dataset: Dataset,
        part: Part,
        neighbours: int = NEIGHBOURS,
        shrinkage: float = 10.0,
        decay: float = 1.0,
        repeats: bool = False,
    ) -> None:
        self.dataset = dataset
        self.catalogue_items = dataset.manifest.known_items[part]
        self.decay = decay if dataset.manifest.has_order else 1.0
        self.repeats = repeats
        users_items = met(dataset, dataset.fitted_events(part), self.catalogue_items)
        _require_memory(users_items, neighbours)
        self.similarity = _similarity(users_items, neighbours, shrinkage)
        users = users_items.sum(axis=0)
        self.own_similarity = (users / (users + shrinkage)).astype(np.float32)
        self.tie_breaker = tie_breaker(dataset, part)

    @classmethod
    def check(cls, dataset: Dataset, part: Part) -> None:
        items = dataset.manifest.known_items[part]
        _require_memory(met(dataset, dataset.fitted_events(part), items), NEIGHBOURS)

    @classmethod
    def candidates(cls, dataset: Dataset, part: Part, seen: Seen) -> list[Candidate]:
        """How fast a history fades, and whether items count as similar to themselves."""
        learned = cache(lambda: cls(dataset, part))

        def variant(decay: float, repeats: bool) -> "ItemKNN":
            return learned().variant(decay, repeats)

        decays = DECAYS if dataset.manifest.has_order else (1.0,)
        settings: list[dict[str, Any]] = [
            {"decay": decay, "repeats": repeats}
            for repeats in ((False, True) if seen == "allow" else (False,))
            for decay in decays
        ]
        return [(each, partial(variant, **each)) for each in settings]

    def variant(self, decay: float, repeats: bool) -> "ItemKNN":
        """The same similarities read with other settings, without learning them again."""
        other = copy(self)
        other.decay = decay if self.dataset.manifest.has_order else 1.0
        other.repeats = repeats
        return other

    def score(self, queries: Queries, block: slice) -> np.ndarray:
        """Similarities to the history, summed, float32 [block, catalogue_items]."""
        decay = np.float32(self.decay)
        histories = weighted_history(
            self.dataset,
            queries,
            block,
            self.catalogue_items,
            lambda ages: np.power(decay, ages, dtype=np.float32),
        )
        scores = (histories @ self.similarity).toarray()
        if self.repeats:
            scores += (histories * self.own_similarity).toarray()
        scores += self.tie_breaker
        return scores


class ItemKNNConfig(BaseBaselineConfig):
    """The baseline :class:`ItemKNN`."""

    kind: Literal["item_knn"] = "item_knn"
    scorer: ClassVar = ItemKNN


def _similarity(
    users_items: sparse.csr_array, neighbours: int, shrinkage: float
) -> sparse.csr_array:
    """Every item's most similar others, float32 [items, items], ``neighbours`` a row at most."""
    norms = np.sqrt(users_items.sum(axis=0)).astype(np.float32)
    columns, values, counts = [], [], []
    for item, (others, both) in enumerate(_co_occurrences(users_items)):
        similar = both / (norms[item] * norms[others] + np.float32(shrinkage))
        others, similar = others[others != item], similar[others != item]
        if len(others) > neighbours:
            nearest = np.argpartition(-similar, neighbours - 1)[:neighbours]
            others, similar = others[nearest], similar[nearest]
        columns.append(others)
        values.append(similar)
        counts.append(len(others))
    offsets = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
    items = users_items.shape[1]
    return sparse.csr_array(
        (np.concatenate(values), np.concatenate(columns), offsets), shape=(items, items)
    )


def _co_occurrences(users_items: sparse.csr_array) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each item in turn: the items that its users met too, and how many of them did."""
    by_item = users_items.T.tocsr()
    for begin in range(0, users_items.shape[1], _BLOCK_ITEMS):
        together = by_item[begin : begin + _BLOCK_ITEMS] @ users_items
        for first, last in zip(together.indptr[:-1], together.indptr[1:], strict=True):
            yield together.indices[first:last], together.data[first:last]


def _require_memory(users_items: sparse.csr_array, neighbours: int) -> None:
    items = users_items.shape[1]
    by_user = np.diff(users_items.indptr).astype(np.float64)
    pairs = float((by_user**2).sum())  # at least as many as there are similarities
    kept = min(pairs, float(items) * min(neighbours, items))
    block = min(pairs, float(items) * min(_BLOCK_ITEMS, items))
    # A float32 and an int32 each, held twice while joined.
    require_memory("item_knn", 2 * 8 * (kept + block), items)
