"""From rankings to what ``metrics.json`` says of them."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, field_validator, model_validator

from recsys.config import Seen, StrictConfig
from recsys.data.dataset import Dataset, Part, Queries
from recsys.errors import InputError
from recsys.evaluation.baselines.candidates import (
    BaselineName,
    candidates,
    check_baselines,
    fit,
)
from recsys.evaluation.confidence import Interval, intervals
from recsys.evaluation.metrics import (
    Ratio,
    coverage,
    list_metrics,
    parse_metric,
    popularity_groups,
    ranking_metrics,
)
from recsys.evaluation.ranking import UNRANKED, RankedQueries, Scorer, rank
from recsys.evaluation.slices import slices
from recsys.system.files import atomic_path
from recsys.system.reading import reading

logger = logging.getLogger(__name__)

MEND = "Evaluate the run again (`recsys evaluate` with its experiment)"

Metrics = dict[str, dict[str, Any]]
BaselineSettings = dict[BaselineName, dict[str, Any]]
# Choosing a baseline's settings needs no more validation queries than this.
CHOICE_QUERIES = 5_000


class EvaluationConfig(StrictConfig):
    """How a model is judged."""

    k: tuple[int, ...] = Field(
        (5, 10, 20), min_length=1, description="recommendations that each metric looks at"
    )
    metric: str = Field(
        "ndcg@10",
        description="the headline: chosen by, stopped early by and compared by; its k is in `k`",
    )
    baselines: tuple[BaselineName, ...] = Field(
        ("popular", "recent_popular", "item_knn"), description="evaluated beside the model"
    )
    last_only: bool = Field(
        False,
        description="judge only the last event of every user, or the last basket (protocol "
        "TIME-LAST)",
    )
    validation_queries: int = Field(
        20_000, ge=1, description="ranked after each epoch at most, evenly spaced over the users"
    )
    draws: int = Field(1000, ge=100, description="bootstrap samples of users for the intervals")
    seed: int = Field(0, ge=0, description="of the bootstrap")
    block_size: int = Field(512, ge=1, description="queries that are scored at a time")

    @field_validator("k")
    @classmethod
    def _positive_and_ascending(cls, k: tuple[int, ...]) -> tuple[int, ...]:
        if min(k) < 1:
            raise ValueError(f"expected whole numbers of 1 or more, received {list(k)}")
        return tuple(sorted(set(k)))

    @model_validator(mode="after")
    def _metric_is_computed(self) -> "EvaluationConfig":
        if parse_metric(self.metric)[1] not in self.k:
            raise ValueError(f"`metric` is {self.metric}, and `k` holds {list(self.k)} only")
        return self


def evaluate(
    ranked: RankedQueries, dataset: Dataset, config: EvaluationConfig, fitted_part: Part
) -> dict[str, Any]:
    """Everything that is said of one ranking.

    Args:
        ranked: the ranking, with at least ``max(config.k)`` top items a query.
        dataset: what was ranked.
        config: how to judge.
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
        "metrics": _all_metrics(ranked, dataset, config, fitted_part),
        "slices": _slice_metrics(ranked, dataset, config, fitted_part),
        "counts": {
            **_counts(ranked),
            "unranked_targets": int(np.count_nonzero(ranked.ranks == UNRANKED)),
            "repeats_left_out": int(ranked.repeats_left_out),
        },
        "popularity": popularity_groups(ranked, max(config.k), dataset, fitted_part),
    }


def choose_settings(dataset: Dataset, seen: Seen, config: EvaluationConfig) -> BaselineSettings:
    """Chooses each baseline's window, decay and the like by the headline metric on validation.

    Baselines are fitted on the training part for this, whatever they are fitted
    on later. At most 5,000 validation queries, evenly spaced, are ranked.

    Returns:
        name to settings. A baseline that the log cannot feed (recent popularity
        without a time or an order) is left out, with a warning.

    Raises:
        InputError: a baseline does not fit into memory; said before any is fitted.
    """
    check_baselines(config.baselines, dataset, "validation")
    queries = thinned(dataset.queries("validation", config.last_only), CHOICE_QUERIES)
    chosen: BaselineSettings = {}
    for name in config.baselines:
        options = candidates(name, dataset, "train", seen)
        if not options:
            logger.warning("baseline %s is left out: the log has no time and no order", name)
            continue
        settings, _ = options[0]
        if len(options) > 1 and len(queries):
            settings, _ = max(
                options, key=lambda option: _headline(option[1](), dataset, queries, seen, config)
            )
            logger.info("baseline %s: %s chosen on validation", name, settings)
        chosen[name] = settings
    return chosen


def evaluate_baselines(
    dataset: Dataset,
    part: Part,
    seen: Seen,
    config: EvaluationConfig,
    fitted_part: Part,
    settings: BaselineSettings | None = None,
) -> dict[str, tuple[Metrics, RankedQueries]]:
    """Ranks and judges baselines on the queries of a part.

    Args:
        dataset: the log.
        part: whose events are the targets.
        seen: whether seen items may be recommended.
        config: how to judge.
        fitted_part: the last part that the baselines, as the model, are fitted on.
        settings: of :func:`choose_settings`, which is called where none are given.

    Returns:
        name to its metrics and its ranking.

    Raises:
        InputError: there are no queries, or a baseline does not fit into memory.
    """
    queries = dataset.queries(part, config.last_only)
    candidates = dataset.recommendable(fitted_part)
    if settings is None:
        settings = choose_settings(dataset, seen, config)
    found: dict[str, tuple[Metrics, RankedQueries]] = {}
    for name, chosen in settings.items():
        scorer = fit(name, dataset, fitted_part, chosen)
        ranked = rank(
            scorer,
            dataset,
            queries,
            seen,
            max(config.k),
            config.block_size,
            candidates=candidates,
        )
        found[name] = (_all_metrics(ranked, dataset, config, fitted_part), ranked)
    return found


def write_ranks(ranked: RankedQueries, dataset: Dataset, path: Path) -> None:
    """Writes ``ranks.parquet``, a row per held-out item, in whole or not at all.

    Columns: ``user_id`` and ``item_id`` (text), ``rank`` (int32, 1 = best, null
    where the scorer cannot return the item), ``event`` (int64, where the event
    stands in the dataset).
    """
    owners = ranked.queries.users[ranked.queries.target_queries]
    table = pa.table(
        {
            "user_id": pa.array(dataset.user_ids, pa.string()).take(pa.array(owners)),
            "item_id": pa.array(dataset.item_ids, pa.string()).take(
                pa.array(ranked.queries.target_items)
            ),
            "rank": pa.array(ranked.ranks, pa.int32(), mask=ranked.ranks == UNRANKED),
            "event": pa.array(ranked.queries.target_events, pa.int64()),
        }
    )
    with atomic_path(path) as partial:
        pq.write_table(table, partial)


def read_ranks(path: Path, dataset: Dataset) -> RankedQueries:
    """Reads ``ranks.parquet`` back, to compare runs on one dataset with each other.

    The top items are not in the file, so the result has none (k is 0), and
    ``repeats_left_out`` is 0.

    Raises:
        InputError: the ranks are damaged, or were made with another dataset.
    """
    with reading(path, MEND):
        table = pq.read_table(path)
        events = table["event"].to_numpy()
        ids = table["item_id"].to_pylist()
        found = table["rank"].fill_null(UNRANKED).to_numpy().astype(np.int32)
    if len(events) and (
        events.max() >= dataset.events
        or ids != [dataset.item_ids[item] for item in dataset.event_items[events]]
    ):
        raise InputError(
            f"{path} was made with another dataset than {dataset.path}: only runs on one dataset "
            "can be compared"
        )
    users = np.searchsorted(dataset.user_offsets, events, side="right") - 1
    history_ends = dataset.history_ends[events]
    same_user = np.diff(users, prepend=-1) == 0
    same_moment = np.diff(history_ends, prepend=-1) == 0
    starts = np.flatnonzero(~(same_user & same_moment))
    queries = Queries(
        users=users[starts].astype(np.int32),
        history_ends=history_ends[starts],
        target_offsets=np.append(starts, len(events)).astype(np.int64),
        target_items=dataset.event_items[events],
        target_events=events,
    )
    return RankedQueries(queries, found, np.empty((len(starts), 0), np.int32), 0)


def _all_metrics(
    ranked: RankedQueries, dataset: Dataset, config: EvaluationConfig, part: Part
) -> Metrics:
    """Accuracy, novelty, popularity and coverage, at every k."""
    found = _with_intervals(
        {
            **_accuracy(ranked, config.k),
            **list_metrics(ranked, config.k, dataset, part),
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
    found = intervals(ratios, users, config.draws, config.seed)
    return {name: interval.as_dict() for name, interval in found.items()}


def _counts(ranked: RankedQueries) -> dict[str, int]:
    queries = ranked.queries
    return {
        "queries": len(queries),
        "users": len(np.unique(queries.users)),
        "targets": len(queries.target_items),
    }


def _headline(
    scorer: Scorer, dataset: Dataset, queries: Queries, seen: Seen, config: EvaluationConfig
) -> float:
    k = parse_metric(config.metric)[1]
    ranked = rank(
        scorer,
        dataset,
        queries,
        seen,
        k,
        config.block_size,
        every_rank=False,
        candidates=dataset.recommendable("train"),
    )
    if not len(ranked.queries):
        return 0.0
    return float(ranking_metrics(ranked, [k])[config.metric].mean())


def thinned(queries: Queries, most: int) -> Queries:
    """At most ``most`` of the queries, evenly spaced, so that all kinds of users stay in."""
    if len(queries) <= most:
        return queries
    chosen = np.linspace(0, len(queries) - 1, most).astype(np.int64)
    return queries.with_targets(np.isin(queries.target_queries, chosen))[0]
