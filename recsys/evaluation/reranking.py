"""Orders the best items anew: less alike, less popular, fresher. The rule, and what it changes.

Legend of shapes: B queries, C candidates (the best items by score), K places, D dimensions,
N items.

The exported model applies the rule in its graph (:mod:`recsys.export.reranker`); what stands here
is what that is compared with, and what measures it.
"""

from typing import Any

import numpy as np

from recsys.config import Seen
from recsys.data.dataset import Dataset
from recsys.data.manifest import Part
from recsys.errors import InputError
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.evaluate import all_metrics
from recsys.evaluation.metrics import Ratio, intra_list_distance, item_shares
from recsys.evaluation.ranking import UNRANKED, Embedder, RankedQueries, rank, without_repeats
from recsys.evaluation.rerank_config import RerankConfig
from recsys.evaluation.thinning import thinned

# Queries that the effect is measured on, at most.
MEASURED = 10_000
# Candidates times dimensions of a block of queries, in numbers: 64 MiB.
BLOCK = 2**24
MICROSECONDS_PER_DAY = 86_400 * 10**6
# Scores that differ by less, relative to the largest of them, do not differ but by rounding.
ROUNDING = 1e-6


def check_rerank(config: RerankConfig | None, dataset: Dataset) -> None:
    """Refuses what the log does not say.

    Raises:
        InputError: freshness is asked for, and events have no times.
    """
    if config is not None and config.freshness is not None and not dataset.manifest.has_time:
        raise InputError(
            "export.rerank.freshness needs to know when an item was first there, and the log has "
            "no column with the role `time`. Leave it out."
        )


def item_bonus(config: RerankConfig, dataset: Dataset, items: int, fitted_part: Part) -> np.ndarray:
    """What is added to each item's standardised score, float32 [items].

    Args:
        config: the weights.
        dataset: the log.
        items: of the catalogue.
        fitted_part: the last part of the log that counts.
    """
    recommendable = dataset.recommendable(fitted_part)[:items]
    popularity = np.log(item_shares(dataset, fitted_part)[:items])
    among = popularity[recommendable]
    deviation = among.std() if len(among) else 0.0
    bonus = -config.popularity * (popularity - among.mean()) / (deviation or 1.0)
    if config.freshness is not None:
        days = _days_since_first_event(dataset, items, fitted_part)
        bonus += config.freshness.weight * 0.5 ** (days / config.freshness.half_life_days)
    return bonus.astype(np.float32)


def _days_since_first_event(dataset: Dataset, items: int, fitted_part: Part) -> np.ndarray:
    """float64 [items], before the last fitted event; of an item without events 0."""
    events = dataset.fitted_events(fitted_part)
    times = np.asarray(dataset.event_times)[events]
    last = times.max(initial=0)
    first = np.full(dataset.items, last)
    np.minimum.at(first, np.asarray(dataset.event_items)[events], times)
    return (last - first[:items]) / MICROSECONDS_PER_DAY


def mean_and_spread(scores_BC: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the finite scores of each row, float64 [B, 1].

    The latter is 1 where they do not differ.
    """
    is_real = np.isfinite(scores_BC)
    scores = np.where(is_real, scores_BC, 0.0).astype(np.float64)
    count = np.maximum(is_real.sum(axis=1, keepdims=True), 1)
    mean = scores.sum(axis=1, keepdims=True) / count
    squares = np.where(is_real, np.square(scores - mean), 0.0)
    spread = np.sqrt(squares.sum(axis=1, keepdims=True) / count)
    differs = spread > ROUNDING * np.abs(scores).max(axis=1, keepdims=True, initial=0.0)
    return mean, np.where(differs, spread, 1.0)


def rerank(
    scores_BC: np.ndarray,
    items_BC: np.ndarray,
    item_vectors_ND: np.ndarray,
    bonus_N: np.ndarray,
    diversity: float,
    k: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The best of some candidates by the rule, one after the other.

    The score ``s`` of a candidate becomes ``r = (s - mean) / spread + bonus``, by the mean and the
    standard deviation of the row's candidates. Then the item of the largest ``(1 - diversity) * r -
    diversity * max(0, cosine with any item chosen before)`` is chosen, ``k`` times (maximal
    marginal relevance: Carbonell and Goldstein, "The use of MMR, diversity-based reranking for
    reordering documents and producing summaries", SIGIR 1998).

    Args:
        scores_BC: of the candidates, best first; −∞: there is none.
        items_BC: their numbers.
        item_vectors_ND: of all items.
        bonus_N: of :func:`item_bonus`.
        diversity: as configured.
        k: how many to choose, at most C.

    Returns:
        int [B, k], the items chosen, −1 where there are no more; and float64 [B, k], by what they
        were, in the unit of the scores: ``mean + spread * value``, descending.

    >>> vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> scores, items = np.array([[3.0, 2.9, 2.0]]), np.array([[0, 1, 2]])
    >>> rerank(scores, items, vectors, np.zeros(3), diversity=0.8, k=3)[0]
    array([[0, 2, 1]])
    """
    mean_B1, spread_B1 = mean_and_spread(scores_BC)
    left_BC = np.where(
        np.isfinite(scores_BC), (scores_BC - mean_B1) / spread_B1 + bonus_N[items_BC], -np.inf
    )
    unit_BCD = _unit(item_vectors_ND[items_BC]) if diversity else None
    rows_B = np.arange(len(scores_BC))
    nearest_BC = np.zeros(scores_BC.shape)
    chosen_BK = np.zeros((len(scores_BC), k), np.int64)
    value_BK = np.zeros((len(scores_BC), k))
    for place in range(k):
        value_BC = (1 - diversity) * left_BC - diversity * nearest_BC
        best_B = value_BC.argmax(axis=1)
        value_BK[:, place] = value_BC[rows_B, best_B]
        chosen_BK[:, place] = items_BC[rows_B, best_B]
        left_BC[rows_B, best_B] = -np.inf
        if unit_BCD is not None:
            cosine_BC = (unit_BCD @ unit_BCD[rows_B, best_B][..., np.newaxis])[..., 0]
            nearest_BC = np.maximum(nearest_BC, cosine_BC)
    chosen_BK[np.isneginf(value_BK)] = -1
    return chosen_BK, mean_B1 + spread_B1 * value_BK


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1.0)


def rerank_effect(
    rerank_config: RerankConfig,
    scorer: Embedder,
    dataset: Dataset,
    seen: Seen,
    config: EvaluationConfig,
    fitted_part: Part,
    k: int,
) -> dict[str, Any]:
    """What the rule changes on the test part: the same queries in the plain order and in the other.

    Args:
        rerank_config: the rule.
        scorer: the model.
        dataset: the log.
        seen: whether seen items may be recommended.
        config: the evaluation's settings.
        fitted_part: the last part of the log that the model was fitted on.
        k: items that the exported model returns.

    Returns:
        ``settings``, as configured; ``queries``, how many were asked, at most 10,000, ``of`` how
        many; and of ``plain`` and ``reranked`` the metrics as ``metrics.json`` has them, with
        ``diversity@k``: the mean of 1 minus the cosine over all pairs of the first k.
    """
    asked = dataset.queries("test", config.last_only)
    if seen == "exclude":
        asked, _ = without_repeats(dataset, asked)
    width = min(rerank_config.candidates * k, scorer.catalogue_items)
    ranked = rank(
        scorer,
        dataset,
        thinned(asked, MEASURED),
        seen,
        max(width, *config.k),
        config.block_size,
        every_rank=False,
        candidates=dataset.recommendable(fitted_part),
    )
    top_items = _reranked(rerank_config, scorer, dataset, ranked, width, max(config.k), fitted_part)
    other = RankedQueries(
        ranked.queries, _places(ranked, top_items), top_items, ranked.repeats_left_out
    )
    found: dict[str, Any] = {
        "settings": rerank_config.model_dump(mode="json"),
        "queries": len(ranked.queries),
        "of": len(asked),
    }
    for name, each in (("plain", ranked), ("reranked", other)):
        distances = {
            f"diversity@{cut}": Ratio.mean(
                intra_list_distance(each.top_items[:, :cut], scorer.item_vectors)
            )
            for cut in config.k
        }
        found[name] = all_metrics(each, dataset, config, fitted_part, distances)
    return found


def _reranked(
    config: RerankConfig,
    scorer: Embedder,
    dataset: Dataset,
    ranked: RankedQueries,
    width: int,
    k: int,
    fitted_part: Part,
) -> np.ndarray:
    """int32 [queries, k]: the best items by the rule; -1 where there are fewer."""
    vectors = np.asarray(scorer.item_vectors)
    bonus = item_bonus(config, dataset, scorer.catalogue_items, fitted_part)
    found = np.full((len(ranked.queries), k), -1, np.int32)
    rows = max(1, BLOCK // (width * vectors.shape[1]))
    for begin in range(0, len(found), rows):
        block = slice(begin, min(begin + rows, len(found)))
        queries = scorer.embed(ranked.queries, block, rows)
        items = ranked.top_items[block, :width]
        scores = np.einsum("bcd,bd->bc", vectors[items], queries)
        scores = np.where(items >= 0, scores, -np.inf)
        chosen, _ = rerank(scores, items, vectors, bonus, config.diversity, min(k, width))
        found[block, : chosen.shape[1]] = chosen
    return found


def _places(ranked: RankedQueries, top_items: np.ndarray) -> np.ndarray:
    """int32 [targets]: the place of each target among the items of its query, from 1."""
    queries = ranked.queries
    there = top_items[queries.target_queries] == queries.target_items[:, np.newaxis]
    return np.where(there.any(axis=1), there.argmax(axis=1) + 1, UNRANKED).astype(np.int32)
