"""Simple recommenders that every model has to beat, on the model's footing.

All are fitted on the same part of the log as the model, may return the items
that have events there, and read the same history of a query. Each follows the
``Scorer`` protocol of :mod:`recsys.evaluation.ranking`.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from typing import Any, Literal

import numpy as np
import psutil
from scipy import sparse

from recsys.config import Seen
from recsys.data.dataset import Dataset, Part, Queries, ranges
from recsys.errors import InputError
from recsys.evaluation.ranking import Scorer

BaselineName = Literal["popular", "recent_popular", "item_knn"]
# Tried on the validation part.
WINDOW_DAYS = (1, 7, 30, 90, 365)
WINDOW_SHARES = (0.02, 0.05, 0.1, 0.25, 0.5)
DECAYS = (1.0, 0.8, 0.5)
# A faded event that weighs less than this says nothing.
FAINT = 1e-6
_BLOCK_ITEMS = 512  # rows of co-occurrences held at a time
MICROSECONDS_A_DAY = 86_400_000_000


def _weighted_counts(dataset: Dataset, events: np.ndarray, catalogue_items: int) -> np.ndarray:
    """The summed weight of every item's events, float64 [catalogue_items]."""
    items = dataset.event_items[events]
    weights = dataset.event_weights[events]
    return np.bincount(items, weights=weights, minlength=catalogue_items)


class Popular:
    """The items with the most (weighted) events in the fitted part, for everybody.

    Args:
        dataset: the log.
        part: the last part to count.
    """

    def __init__(self, dataset: Dataset, part: Part) -> None:
        self.catalogue_items = dataset.manifest.known_items[part]
        events = dataset.fitted_events(part)
        self.scores = _weighted_counts(dataset, events, self.catalogue_items).astype(np.float32)

    def score(self, queries: Queries, block: slice) -> np.ndarray:
        """The same scores for every query, float32 [block, catalogue_items]."""
        return _for_every_query(self.scores, queries, block)


class RecentPopular:
    """The items with the most (weighted) events lately; of equals, the more popular overall.

    With a time column, lately means the last ``days`` before the latest fitted
    event. Where the log only has an order within each user, it means the last
    ``share`` of every user's fitted events (at least one).

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
        overall = _weighted_counts(dataset, events, self.catalogue_items)
        lately = _weighted_counts(dataset, recent, self.catalogue_items)
        # The place of each distinct pair (lately, overall) is an exact float32
        # up to 16 million items, which a sum of both would not be.
        _, places = np.unique(np.stack((lately, overall), axis=1), axis=0, return_inverse=True)
        self.scores = places.reshape(-1).astype(np.float32)

    def score(self, queries: Queries, block: slice) -> np.ndarray:
        """The same scores for every query, float32 [block, catalogue_items]."""
        return _for_every_query(self.scores, queries, block)


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
    return events >= np.repeat(first_recent, counts)


def _for_every_query(scores: np.ndarray, queries: Queries, block: slice) -> np.ndarray:
    return np.broadcast_to(scores, (len(queries.users[block]), len(scores)))


class ItemKNN:
    """Items whose users are those of the history's items.

    The score of an item is the sum, over the events of the history, of its
    similarity to that event's item: the cosine between the sets of users who
    met each in the fitted part, shrunk for items that few have met,
    ``both / (sqrt(users_i · users_j) + shrinkage)`` (Sarwar et al., 2001; with
    the shrinkage of Ferrari Dacrema et al., 2019). Items that no event of the
    history speaks for follow by popularity.

    Args:
        dataset: the log.
        part: the last part to learn from.
        neighbours: items that each item keeps, the most similar ones.
        shrinkage: in users; larger values trust rare items less.
        decay: weight of an event relative to the one after it, in (0, 1]; 1
            reads the history as a set. Ignored where the log has no order.
        repeats: whether an item speaks for itself, too. It matters only where
            what was seen may be recommended again.

    Raises:
        InputError: the similarities do not fit into memory.
    """

    def __init__(
        self,
        dataset: Dataset,
        part: Part,
        neighbours: int = 200,
        shrinkage: float = 10.0,
        decay: float = 1.0,
        repeats: bool = False,
    ) -> None:
        self.dataset = dataset
        self.catalogue_items = dataset.manifest.known_items[part]
        self.decay = decay if dataset.manifest.has_order else 1.0
        self.repeats = repeats
        met = _met(dataset, part, self.catalogue_items)
        self.similarity = _similarity(met, neighbours, shrinkage)
        users = met.sum(axis=0)
        self.own_similarity = (users / (users + shrinkage)).astype(np.float32)
        popularity = Popular(dataset, part).scores
        # Too small to outweigh a similarity, it only orders the items without one.
        self.tie_breaker = FAINT * popularity / max(float(popularity.max(initial=0)), 1.0)

    def variant(self, decay: float, repeats: bool) -> "ItemKNN":
        """The same similarities read with other settings, without learning them again."""
        other = copy(self)
        other.decay = decay if self.dataset.manifest.has_order else 1.0
        other.repeats = repeats
        return other

    def score(self, queries: Queries, block: slice) -> np.ndarray:
        """Similarities to the history, summed, float32 [block, catalogue_items]."""
        histories = self._histories(queries, block)
        scores = (histories @ self.similarity).toarray()
        if self.repeats:
            scores += (histories * self.own_similarity).toarray()
        scores += self.tie_breaker
        return scores

    def _histories(self, queries: Queries, block: slice) -> sparse.csr_array:
        """The weight of every item in every history, [block, catalogue_items]."""
        users, ends = queries.users[block], queries.history_ends[block]
        begins = self.dataset.user_offsets[users]
        lengths = ends - begins
        events = ranges(begins, ends)
        items = self.dataset.event_items[events]
        rows = np.repeat(np.arange(len(users)), lengths)
        ages = np.repeat(ends, lengths) - 1 - events
        weights = np.power(np.float32(self.decay), ages, dtype=np.float32)
        heard = (items < self.catalogue_items) & (weights > FAINT)
        return sparse.coo_array(
            (weights[heard], (rows[heard], items[heard])),
            shape=(len(users), self.catalogue_items),
        ).tocsr()


def _met(dataset: Dataset, part: Part, catalogue_items: int) -> sparse.csr_array:
    """1 where the user has met the item in the fitted part, float32 [users, items]."""
    events = dataset.fitted_events(part)
    counts = dataset.part_range(part)[1] - dataset.user_offsets[:-1]
    users = np.repeat(np.arange(dataset.users), counts)
    met = sparse.coo_array(
        (np.ones(len(events), np.float32), (users, dataset.event_items[events])),
        shape=(dataset.users, catalogue_items),
    ).tocsr()
    met.data[:] = 1.0  # however often
    return met


def _similarity(met: sparse.csr_array, neighbours: int, shrinkage: float) -> sparse.csr_array:
    """Every item's most similar others, float32 [items, items], ``neighbours`` a row at most."""
    _check_memory(met, neighbours)
    norms = np.sqrt(met.sum(axis=0)).astype(np.float32)
    columns, values, counts = [], [], []
    for item, (others, both) in enumerate(_co_occurrences(met)):
        similar = both / (norms[item] * norms[others] + np.float32(shrinkage))
        others, similar = others[others != item], similar[others != item]
        if len(others) > neighbours:
            nearest = np.argpartition(-similar, neighbours - 1)[:neighbours]
            others, similar = others[nearest], similar[nearest]
        columns.append(others)
        values.append(similar)
        counts.append(len(others))
    offsets = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
    items = met.shape[1]
    return sparse.csr_array(
        (np.concatenate(values), np.concatenate(columns), offsets), shape=(items, items)
    )


def _co_occurrences(met: sparse.csr_array) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each item in turn: the items that its users met too, and how many of them did."""
    by_item = met.T.tocsr()
    for begin in range(0, met.shape[1], _BLOCK_ITEMS):
        together = by_item[begin : begin + _BLOCK_ITEMS] @ met
        for first, last in zip(together.indptr[:-1], together.indptr[1:], strict=True):
            yield together.indices[first:last], together.data[first:last]


def _check_memory(met: sparse.csr_array, neighbours: int) -> None:
    """Refuses before the work starts where the similarities would not fit."""
    items = met.shape[1]
    by_user = np.diff(met.indptr).astype(np.float64)
    pairs = float((by_user**2).sum())  # at least as many as there are similarities
    kept = min(pairs, float(items) * min(neighbours, items))
    block = min(pairs, float(items) * min(_BLOCK_ITEMS, items))
    needed = 2 * 8 * (kept + block)  # a float32 and an int32 each, held twice while joined
    available = psutil.virtual_memory().available
    if needed > available:
        raise InputError(
            f"item_knn needs about {needed / 2**30:.1f} GiB for the neighbours of {items:,} items "
            f"and {available / 2**30:.1f} GiB are free: take it out of `evaluation.baselines`, or "
            "drop rare items (`data`, k-core filter)"
        )


def candidates(
    name: BaselineName, dataset: Dataset, part: Part, seen: Seen
) -> Iterator[tuple[dict[str, Any], Scorer]]:
    """Fits a baseline with each setting worth trying, for the validation part to choose from.

    Args:
        name: which baseline.
        dataset: the log.
        part: the last part to learn from.
        seen: whether seen items may be recommended; decides if ``repeats`` is worth trying.

    Yields:
        The settings, as :func:`fit` takes them, and the fitted scorer. Nothing
        where the log does not hold what the baseline reads.
    """
    match name:
        case "popular":
            yield {}, Popular(dataset, part)
        case "recent_popular":
            for settings in _windows(dataset):
                yield settings, RecentPopular(dataset, part, **settings)
        case "item_knn":
            knn = ItemKNN(dataset, part)
            decays = DECAYS if dataset.manifest.has_order else (1.0,)
            for repeats in (False, True) if seen == "allow" else (False,):
                for decay in decays:
                    yield {"decay": decay, "repeats": repeats}, knn.variant(decay, repeats)


def _windows(dataset: Dataset) -> list[dict[str, float]]:
    if dataset.manifest.has_time:
        return [{"days": days} for days in WINDOW_DAYS]
    if dataset.manifest.has_order:
        return [{"share": share} for share in WINDOW_SHARES]
    return []


def fit(name: BaselineName, dataset: Dataset, part: Part, settings: Mapping[str, Any]) -> Scorer:
    """Fits a baseline with given settings on the events up to and including ``part``."""
    kinds: dict[BaselineName, Callable[..., Scorer]] = {
        "popular": Popular,
        "recent_popular": RecentPopular,
        "item_knn": ItemKNN,
    }
    return kinds[name](dataset, part, **settings)
