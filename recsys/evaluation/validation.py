"""Validation after an epoch: what decides when training stops and which weights are kept."""

import numpy as np

from recsys.config import Seen
from recsys.data.dataset import Dataset
from recsys.errors import InputError
from recsys.evaluation.evaluate import EvaluationConfig, thinned
from recsys.evaluation.metrics import ranking_metrics
from recsys.evaluation.ranking import Ranker, RetrieverEmbedder
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
        self._k = config.k
        self._embedder = RetrieverEmbedder(retriever, dataset)
        self._ranker = Ranker(
            self._embedder,
            dataset,
            seen,
            max(config.k),
            config.block_size,
            every_rank=False,
            candidates=dataset.recommendable("train"),
        )

    def __call__(self, retriever: Retriever) -> dict[str, float]:
        """The mean of every ranking metric, with the weights as they are now."""
        self._embedder.refresh()
        values = ranking_metrics(self._ranker.rank(self._queries), self._k)
        return {name: float(np.mean(value)) for name, value in values.items()}
