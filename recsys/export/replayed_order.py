"""Whether an order follows the rule of reranking, place by place, for the parity gate."""

from collections.abc import Sequence

import numpy as np

from recsys.evaluation.rerank_config import RerankConfig
from recsys.evaluation.reranking import mean_and_spread


class ReplayedOrder:
    """Puts items in the order of a given answer, and says what would have been better.

    Two items whose values differ by rounding alone may change places, and what is chosen after
    them changes with them. So at each place the answer's own choices before it are taken.

    Args:
        config: the rule.
        bonus: float32 [items], of :func:`recsys.evaluation.reranking.item_bonus`.
        item_vectors: float32 [items, dim].
        k: answers of a query.
    """

    def __init__(
        self, config: RerankConfig, bonus: np.ndarray, item_vectors: np.ndarray, k: int
    ) -> None:
        self._config = config
        self._bonus = bonus
        self._vectors = item_vectors
        self._k = k

    def replay(
        self, scores: np.ndarray, pool: np.ndarray, returned: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The value of each item of an answer, and the best value there was at its place.

        Args:
            scores: of all items.
            pool: the items that may be recommended.
            returned: the answer.

        Returns:
            float64 [returned] each, in the unit of the scores. Where an item is not among the
            candidates, what its score lacks of theirs is added to the latter.
        """
        width = self._config.candidates * self._k
        candidates = pool[np.argsort(-scores[pool], kind="stable")[:width]]
        mean, spread = (each.item() for each in mean_and_spread(scores[candidates][np.newaxis]))
        # What rounding let in stands behind the candidates.
        outside = np.setdiff1d(np.asarray(returned, candidates.dtype), candidates)
        items = np.concatenate([candidates, outside])
        relevance = (scores[items] - mean) / spread + self._bonus[items]
        lacks = np.zeros(len(items))
        if len(outside):
            lacks[len(candidates) :] = (scores[candidates[-1]] - scores[outside]) / spread
        lengths = np.linalg.norm(self._vectors[items], axis=1, keepdims=True)
        unit = self._vectors[items] / np.where(lengths > 0, lengths, 1.0)
        place = {item: number for number, item in enumerate(items.tolist())}
        nearest, diversity = np.zeros(len(items)), self._config.diversity
        left = np.arange(len(items)) < len(candidates)
        values, best = np.zeros(len(returned)), np.zeros(len(returned))
        for number, item in enumerate(returned):
            value = (1 - diversity) * relevance - diversity * nearest
            chosen = place[item]
            values[number] = value[chosen]
            best[number] = value[left].max(initial=value[chosen]) + lacks[chosen]
            left[chosen] = False
            nearest = np.maximum(nearest, unit @ unit[chosen])
        return mean + spread * values, mean + spread * best
