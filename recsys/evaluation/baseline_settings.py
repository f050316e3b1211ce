"""What baselines are set to: chosen on validation, as the model is."""

import logging
from typing import Any

from recsys.config import Seen
from recsys.data.dataset import Dataset
from recsys.data.queries import Queries
from recsys.evaluation.baselines.kinds import check_baselines
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.metrics import parse_metric, ranking_metrics
from recsys.evaluation.ranking import Scorer, rank
from recsys.evaluation.thinning import thinned

logger = logging.getLogger(__name__)

BaselineSettings = dict[str, dict[str, Any]]
# Choosing a baseline's settings needs no more validation queries than this.
CHOICE_QUERIES = 5_000


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
    for baseline in config.baselines:
        name = baseline.kind
        options = baseline.candidates(dataset, "train", seen)
        if not options:
            logger.warning("baseline %s is left out: the log lacks what it reads", name)
            continue
        settings, _ = options[0]
        if len(options) > 1 and len(queries):
            settings, _ = max(
                options, key=lambda option: _headline(option[1](), dataset, queries, seen, config)
            )
            logger.debug("baseline %s: %s chosen on validation", name, settings)
        chosen[name] = settings
    return chosen


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
