"""Computes what ``metrics.json`` holds of rankings."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recsys.config import Seen
from recsys.data.dataset import Dataset
from recsys.data.manifest import Part
from recsys.data.queries import Queries
from recsys.evaluation.baseline_settings import BaselineSettings, choose_settings
from recsys.evaluation.confidence import Interval, intervals
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.metrics import (
    Ratio,
    coverage,
    list_metrics,
    popularity_groups,
    ranking_metrics,
)
from recsys.evaluation.ranking import UNRANKED, Embedder, RankedQueries, Scorer, rank
from recsys.evaluation.slices import slices

Metrics = dict[str, dict[str, Any]]


def evaluate(
    ranked: RankedQueries, dataset: Dataset, config: EvaluationConfig, fitted_part: Part
) -> dict[str, Any]:
    """Computes everything that ``metrics.json`` holds of one ranking.

    Args:
        ranked: the ranking, with at least ``max(config.k)`` top items a query.
        dataset: what was ranked.
        config: the evaluation's settings.
        fitted_part: the last part of the log that the scorer was fitted on.

    Returns:
        ``metrics``: name to value, low and high. ``slices``: name to definition,
        counts and metrics. ``counts``: queries, users, targets, targets beyond
        the catalogue and repeats left out. ``popularity``: how recommendations
        and histories spread over popular and rare items.

    Raises:
        InputError: there are no queries.
    """
    return {
        "metrics": all_metrics(ranked, dataset, config, fitted_part),
        "slices": _slice_metrics(ranked, dataset, config, fitted_part),
        "counts": {
            **_counts(ranked),
            "unranked_targets": int(np.count_nonzero(ranked.ranks == UNRANKED)),
            "repeats_left_out": int(ranked.repeats_left_out),
        },
        "popularity": popularity_groups(ranked, max(config.k), dataset, fitted_part),
    }


def rank_as_evaluated(
    scorer: Scorer | Embedder,
    dataset: Dataset,
    queries: Queries,
    seen: Seen,
    config: EvaluationConfig,
    fitted_part: Part,
) -> RankedQueries:
    """Ranks queries as deep as the metrics look, among the items that could be known.

    Args:
        scorer: what ranks.
        dataset: the log.
        queries: what is asked.
        seen: whether seen items may be recommended.
        config: the evaluation's settings.
        fitted_part: the last part of the log that the scorer was fitted on.
    """
    return rank(
        scorer,
        dataset,
        queries,
        seen,
        max(config.k),
        config.block_size,
        candidates=dataset.recommendable(fitted_part),
    )


def evaluate_baselines(
    dataset: Dataset,
    part: Part,
    seen: Seen,
    config: EvaluationConfig,
    fitted_part: Part,
    settings: BaselineSettings | None = None,
) -> dict[str, tuple[Metrics, RankedQueries]]:
    """Ranks, and computes the metrics of, baselines on the queries of a part.

    Args:
        dataset: the log.
        part: whose events are the targets.
        seen: whether seen items may be recommended.
        config: the evaluation's settings.
        fitted_part: the last part that the baselines, as the model, are fitted on.
        settings: of :func:`choose_settings`, which is called where none are given.

    Returns:
        name to its metrics and its ranking.

    Raises:
        InputError: there are no queries, or a baseline does not fit into memory.
    """
    queries = dataset.queries(part, config.last_only)
    if settings is None:
        settings = choose_settings(dataset, seen, config)
    found: dict[str, tuple[Metrics, RankedQueries]] = {}
    for baseline in config.baselines:
        name = baseline.kind
        if name not in settings:
            continue
        scorer = baseline.fit(dataset, fitted_part, settings[name])
        ranked = rank_as_evaluated(scorer, dataset, queries, seen, config, fitted_part)
        found[name] = (all_metrics(ranked, dataset, config, fitted_part), ranked)
    return found


def all_metrics(
    ranked: RankedQueries,
    dataset: Dataset,
    config: EvaluationConfig,
    part: Part,
    more: Mapping[str, Ratio] | None = None,
) -> Metrics:
    """Accuracy, novelty, popularity and coverage, at every k.

    Args:
        ranked: the ranking.
        dataset: what was ranked.
        config: the evaluation's settings.
        part: the last part of the log that the scorer was fitted on.
        more: further metrics of the same queries.
    """
    found = _with_intervals(
        {
            **_accuracy(ranked, config.k),
            **list_metrics(ranked, config.k, dataset, part),
            **(more or {}),
        },
        ranked.queries.users,
        config,
    )
    for k in config.k:
        # No mean over queries, so it has no interval: fewer users drawn would cover less.
        covered = coverage(ranked, k, int(dataset.recommendable(part).sum()))
        found[f"coverage@{k}"] = Interval(covered).as_dict()
    return found


def _slice_metrics(
    ranked: RankedQueries, dataset: Dataset, config: EvaluationConfig, part: Part
) -> dict[str, dict[str, Any]]:
    found = {}
    for cut in slices(ranked, dataset, part):
        queries = cut.ranked.queries
        ratios = _accuracy(cut.ranked, config.k) if len(queries) else {}
        found[cut.name] = {
            "definition": cut.definition,
            **_counts(cut.ranked),
            "metrics": _with_intervals(ratios, queries.users, config),
        }
    return found


def _accuracy(ranked: RankedQueries, k: Sequence[int]) -> dict[str, Ratio]:
    return {name: Ratio.mean(values) for name, values in ranking_metrics(ranked, k).items()}


def _with_intervals(
    ratios: dict[str, Ratio], users: np.ndarray, config: EvaluationConfig
) -> Metrics:
    found = intervals(ratios, users, config.bootstrap_samples, config.seed)
    return {name: interval.as_dict() for name, interval in found.items()}


def _counts(ranked: RankedQueries) -> dict[str, int]:
    queries = ranked.queries
    return {
        "queries": len(queries),
        "users": len(np.unique(queries.users)),
        "targets": len(queries.target_items),
    }
