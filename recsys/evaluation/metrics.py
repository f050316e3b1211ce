"""Ranking metrics and list metrics, query by query.

Every metric of a set of queries is a ratio of two sums over queries. For most
it is a mean (the denominator is 1 for each query); for some, such as the
popularity lift, it is not. :class:`Ratio` holds both terms per query, which is
all that an interval clustered by user needs.

Ranks count ties against the target (see :mod:`recsys.evaluation.ranking`), and
other targets of a query are not removed from its ranking.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recsys.data.dataset import Dataset
from recsys.data.manifest import Part
from recsys.errors import InputError

if TYPE_CHECKING:  # Keras is imported with it, which metrics do not need
    from recsys.evaluation.ranking import RankedQueries

RANKING_METRICS = ("recall", "precision", "hit_rate", "ndcg", "map", "mrr")
LIST_METRICS = ("coverage", "novelty", "popularity_bias")


@dataclass(frozen=True)
class Ratio:
    """A metric as sum(numerators) / sum(denominators), both float64 [queries]."""

    numerators: np.ndarray
    denominators: np.ndarray

    @classmethod
    def mean(cls, values: np.ndarray) -> "Ratio":
        """The mean over queries; queries whose value is NaN do not count."""
        defined = ~np.isnan(values)
        return cls(np.where(defined, values, 0.0), defined.astype(np.float64))

    @property
    def value(self) -> float:
        """The metric; NaN where no query defines it."""
        denominator = self.denominators.sum()
        return float(self.numerators.sum() / denominator) if denominator else float("nan")


def parse_metric(metric: str) -> tuple[str, int]:
    """Splits a metric's name, such as ``ndcg@10``, into its kind and its k.

    Raises:
        InputError: it is not one of the ranking metrics at a positive k.
    """
    match = re.fullmatch(rf"({'|'.join(RANKING_METRICS)})@([1-9]\d*)", metric)
    if match is None:
        kind, _, k = metric.partition("@")
        near = difflib.get_close_matches(kind, RANKING_METRICS, n=1)
        mend = f"; did you mean {f'{near[0]}@{k or 10}'!r}?" if near else ", such as ndcg@10"
        raise InputError(
            f"unknown metric {metric!r}: expected one of {', '.join(RANKING_METRICS)}, "
            f"followed by @ and how many recommendations it looks at{mend}"
        )
    return match[1], int(match[2])


def no_queries(repeats: int) -> str:
    """Why no query of a part of the log is left, and what to do about it.

    Args:
        repeats: events left out as they repeat their user's history.
    """
    if repeats:
        return (
            "there are no queries to evaluate: the part has no event but those that repeat the "
            f"history of their user ({repeats:,}), which `seen: exclude` leaves out. People come "
            "back to the same items in this log: set `seen: allow`, or hold out more in "
            "`data.split`."
        )
    return (
        "there are no queries to evaluate: the part of the log that is evaluated holds no event "
        "that counts as a target. Check the split (`data.split`) and the event weights."
    )


def ranking_metrics(ranked: "RankedQueries", k: Sequence[int]) -> dict[str, np.ndarray]:
    """Computes the accuracy of every query, its targets taken as a set.

    With ``n`` targets, of which ``h`` are ranked k or better, in binary relevance:

    ================  =======================================================
    ``recall@k``      h / n
    ``precision@k``   h / k
    ``hit_rate@k``    1 if h > 0, else 0
    ``ndcg@k``        sum over hits of 1 / log2(rank + 1), divided by the same
                      sum for an ideal ranking, whose first min(k, n) ranks
                      are targets (Järvelin and Kekäläinen, 2002)
    ``map@k``         sum over hits of (targets at or above the hit / its
                      rank), divided by min(k, n), so that a perfect list
                      reaches 1 at every k
    ``mrr@k``         1 / rank of the best target if that is k or better, else
                      0 (Voorhees, 1999)
    ================  =======================================================

    Args:
        ranked: the queries and the ranks of their targets.
        k: the list lengths to compute each metric at.

    Returns:
        ``"<metric>@<k>"`` to float64 [queries].

    Raises:
        InputError: there are no queries.
        ValueError: a query without targets, or a rank below 1.

    >>> from recsys.data.queries import Queries
    >>> from recsys.evaluation.ranking import RankedQueries
    >>> queries = Queries(np.array([0]), np.array([0]), np.array([0, 2]),
    ...                   np.array([3, 7]), np.array([0, 1]))
    >>> ranked = RankedQueries(queries, np.array([1, 4]), np.array([[3, 5]]), 0)
    >>> float(ranking_metrics(ranked, [2])["recall@2"][0])
    0.5
    """
    _check(ranked)
    queries = len(ranked.queries)
    owner = ranked.queries.target_queries
    order = np.lexsort((ranked.ranks, owner))
    ranks = ranked.ranks[order].astype(np.float64)
    starts = ranked.queries.target_offsets[:-1]
    targets = np.diff(ranked.queries.target_offsets)
    place = np.arange(1, len(ranks) + 1) - starts[owner]  # among its query's targets, best = 1
    best = ranks[starts]

    def per_query(values: np.ndarray) -> np.ndarray:
        return np.bincount(owner, weights=values, minlength=queries)

    values: dict[str, np.ndarray] = {}
    for cut in k:
        hit = ranks <= cut
        hits = per_query(hit)
        ideal = np.minimum(targets, cut)
        ideal_gain = np.cumsum(1.0 / np.log2(np.arange(2, cut + 2)))
        values[f"recall@{cut}"] = hits / targets
        values[f"precision@{cut}"] = hits / cut
        values[f"hit_rate@{cut}"] = (hits > 0).astype(np.float64)
        values[f"ndcg@{cut}"] = per_query(hit / np.log2(ranks + 1)) / ideal_gain[ideal - 1]
        values[f"map@{cut}"] = per_query(hit * place / ranks) / ideal
        values[f"mrr@{cut}"] = np.where(best <= cut, 1.0 / best, 0.0)
    return values


def _check(ranked: "RankedQueries") -> None:
    if not len(ranked.queries):
        raise InputError(no_queries(ranked.repeats_left_out))
    if np.diff(ranked.queries.target_offsets).min() < 1:
        raise ValueError("expected at least one target in every query")
    if ranked.ranks.min() < 1:
        raise ValueError(f"expected ranks of 1 or more, received {ranked.ranks.min()}")


def item_shares(dataset: Dataset, part: Part) -> np.ndarray:
    """The share of each item in the events up to and including ``part``, float64 [items].

    Events of weight 0 are left out. One is added to every count (Laplace), so that
    an item nobody has met yet has a small share rather than none.
    """
    columns = ("train", "validation", "test").index(part) + 1
    counts = dataset.item_targets[:, :columns].sum(axis=1) + 1.0
    return counts / counts.sum()


def list_metrics(
    ranked: "RankedQueries", k: Sequence[int], dataset: Dataset, part: Part
) -> dict[str, Ratio]:
    """Says how novel and how popular what is recommended is.

    ``novelty@k``
        mean over queries of the mean self-information, -log2(share of the
        item in the fitted events, Laplace-smoothed), of the first k
        recommendations, in bits (Zhou et al., 2010).
    ``popularity_bias@k``
        the popularity lift: (GAP of recommendations - GAP of histories) / GAP
        of histories, where GAP is the mean over queries of the mean share of
        the items in a list (Abdollahpouri et al., 2019, "The Unfairness of
        Popularity Bias in Recommendation"). 0: recommended as popular as
        consumed; 1: twice as popular. Items that are context only are left out
        of histories; queries without a history have nothing to compare with
        and do not count.

    Args:
        ranked: the queries and their top items.
        k: the list lengths.
        dataset: where histories and item counts come from.
        part: the last part that the scorer was fitted on; popularity is
            counted up to its end.

    Returns:
        ``"<metric>@<k>"`` to the two terms per query.
    """
    shares = item_shares(dataset, part)
    surprise = -np.log2(shares)
    consumed = _mean_over_history(shares, dataset.recommendable(part), ranked, dataset)
    metrics: dict[str, Ratio] = {}
    for cut in k:
        items = _top(ranked, cut)
        metrics[f"novelty@{cut}"] = Ratio.mean(_mean_over_list(surprise, items))
        recommended = _mean_over_list(shares, items)
        defined = ~np.isnan(recommended) & ~np.isnan(consumed)
        metrics[f"popularity_bias@{cut}"] = Ratio(
            np.where(defined, recommended - consumed, 0.0), np.where(defined, consumed, 0.0)
        )
    return metrics


def intra_list_distance(items: np.ndarray, item_vectors: np.ndarray) -> np.ndarray:
    """The mean of 1 minus the cosine over all pairs of a list (Ziegler et al., 2005).

    Args:
        items: int [queries, k], -1 where there are fewer.
        item_vectors: float [items, dim].

    Returns:
        float64 [queries]; NaN for lists of fewer than two items.

    >>> vectors = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    >>> intra_list_distance(np.array([[0, 1, -1], [0, 1, 2], [2, -1, -1]]), vectors).round(3)
    array([0.   , 0.667,   nan])
    """
    lengths = np.linalg.norm(item_vectors, axis=1, keepdims=True)
    unit = item_vectors / np.where(lengths > 0, lengths, 1.0)
    # The sum of all cosines is the squared length of the sum of the vectors.
    sums = np.zeros((len(items), item_vectors.shape[1]))
    own = np.zeros(len(items))
    for column in items.T:
        there = unit[np.maximum(column, 0)] * (column >= 0)[:, np.newaxis]
        sums += there
        own += np.square(there).sum(axis=1)
    counts = (items >= 0).sum(axis=1)
    pairs = counts * (counts - 1)
    cosines = np.square(sums).sum(axis=1) - own
    return np.where(pairs > 0, 1 - cosines / np.maximum(pairs, 1), np.nan)


def coverage(ranked: "RankedQueries", k: int, items: int) -> float:
    """The share of all ``items`` that the first k recommendations name at least once."""
    top = _top(ranked, k)
    return len(np.unique(top[top >= 0])) / items


def _top(ranked: "RankedQueries", k: int) -> np.ndarray:
    if k > ranked.top_items.shape[1]:
        raise ValueError(
            f"expected at least {k} recommendations a query, received {ranked.top_items.shape[1]}"
        )
    return ranked.top_items[:, :k]


def _mean_over_list(values: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Means of ``values[items]`` by row, float64 [queries]; NaN for empty rows (all -1)."""
    named = items >= 0
    counts = named.sum(axis=1)
    sums = np.where(named, values[np.maximum(items, 0)], 0.0).sum(axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _mean_over_history(
    values: np.ndarray, counted: np.ndarray, ranked: "RankedQueries", dataset: Dataset
) -> np.ndarray:
    """Means of ``values`` over each query's history, float64 [queries]; NaN where empty.

    Items that are not ``counted`` (bool [items]) are left out.
    """
    items, counts = dataset.event_items, counted[dataset.event_items]
    running = np.concatenate(([0.0], np.cumsum(np.where(counts, values[items], 0.0))))
    begins = dataset.user_offsets[ranked.queries.users]
    ends = ranked.queries.history_ends
    before = np.concatenate(([0], np.cumsum(counts)))
    lengths = before[ends] - before[begins]
    means = (running[ends] - running[begins]) / np.maximum(lengths, 1)
    return np.where(lengths > 0, means, np.nan)


def popularity_groups(
    ranked: "RankedQueries", k: int, dataset: Dataset, part: Part, groups: int = 10
) -> dict[str, list[float]]:
    """How recommendations and histories spread over popular and rare items.

    The items that may be recommended are put in order of their events up to and
    including ``part`` and cut into ``groups`` of equally many, the most popular first.

    Returns:
        ``recommended``: the share of the first k recommendations that fall in
        each group; ``consumed``: the share of the events of the histories of
        the same queries. Each adds up to 1, or is all 0 where there is none.
    """
    order = np.argsort(-item_shares(dataset, part), kind="stable")
    order = order[dataset.recommendable(part)[order]]
    # What is context only is in no group.
    group_of = np.full(dataset.items, groups)
    group_of[order] = np.arange(len(order)) * groups // len(order)
    top = _top(ranked, k)
    recommended = np.bincount(group_of[top[top >= 0]], minlength=groups)
    # A history is counted once for every query that it precedes.
    begins = dataset.user_offsets[ranked.queries.users]
    times_read = np.zeros(dataset.events + 1)
    np.add.at(times_read, begins, 1)
    np.subtract.at(times_read, ranked.queries.history_ends, 1)
    consumed = np.bincount(
        group_of[dataset.event_items], weights=np.cumsum(times_read)[:-1], minlength=groups
    )[:groups]
    return {
        "recommended": (recommended / max(int(recommended.sum()), 1)).tolist(),
        "consumed": (consumed / max(float(consumed.sum()), 1.0)).tolist(),
    }
