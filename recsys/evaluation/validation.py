"""Validation after an epoch: what decides when training stops and which weights are kept."""

import numpy as np

from recsys.config import Seen
from recsys.data.dataset import Dataset
from recsys.errors import InputError
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.findings import evaluated_on, too_long
from recsys.evaluation.metrics import no_queries, parse_metric, ranking_metrics
from recsys.evaluation.ranking import Ranker, RetrieverEmbedder, without_repeats
from recsys.evaluation.thinning import thinned
from recsys.models.retriever import Retriever


class Validation:
    """Ranks the validation part, or an even sample of it.

    Args:
        retriever: the model in training.
        dataset: the log.
        seen: whether seen items may be recommended.
        config: the evaluation's settings.

    Attributes:
        notes: what a person should know before training, a sentence each.

    Raises:
        InputError: the validation part has no events, or all repeat the history of their
            user under ``seen: exclude``.
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
        asked = thinned(queries, config.validation_queries)
        repeats = 0
        if seen == "exclude":
            asked, repeats = without_repeats(dataset, asked)
        if not len(asked):
            raise InputError(f"the validation part: {no_queries(repeats)}")
        self._queries = asked
        self.notes = evaluated_on("validation", len(asked.target_items), repeats)
        self.notes += too_long([parse_metric(config.metric)[1]], retriever.catalogue_items)
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
