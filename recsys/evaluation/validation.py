"""Validation after an epoch: what decides when training stops and which weights are kept."""

import numpy as np

from recsys.config import Seen
from recsys.data.dataset import Dataset
from recsys.errors import InputError
from recsys.evaluation.evaluate import EvaluationConfig, thinned
from recsys.evaluation.metrics import ranking_metrics
from recsys.evaluation.ranking import RetrieverScorer, rank
from recsys.models.retriever import Retriever


class Validation:
    """Ranks the validation part, or an even sample of it.

    Args:
        retriever: the model in training.
        dataset: the log.
        seen: whether seen items may be recommended.
        config: how to judge.

    Raises:
        InputError: the validation part has no events.
    """

    def __init__(
        self, retriever: Retriever, dataset: Dataset, seen: Seen, config: EvaluationConfig
    ) -> None:
        queries = dataset.queries("validation", config.last_only)
        if not len(queries):
            raise InputError(
                "the validation part has no events, so no epoch can be chosen: "
                "widen it in data.split"
            )
        self._queries = thinned(queries, config.validation_queries)
        self._dataset = dataset
        self._seen = seen
        self._config = config
        self._scorer = RetrieverScorer(retriever, dataset)

    def __call__(self, retriever: Retriever) -> dict[str, float]:
        """The mean of every ranking metric, with the weights as they are now."""
        config = self._config
        self._scorer.refresh()
        ranked = rank(
            self._scorer,
            self._dataset,
            self._queries,
            self._seen,
            k=0,
            block_size=config.block_size,
        )
        values = ranking_metrics(ranked, config.k)
        return {name: float(np.mean(value)) for name, value in values.items()}
