"""The search for the best items, in TensorFlow.

Legend of shapes: B queries, X rows to leave out, N items that are searched, D dimensions,
K answers.
"""

from collections.abc import Sequence

import tensorflow as tf
from tensorflow_recommenders.layers.factorized_top_k import BruteForce

from recsys.export.inputs import UNKNOWN
from recsys.export.top_k import filling, top_k


class MaskedSearch(BruteForce):
    """TFRS's exact search, where some items are out of the question.

    Their scores are −∞ before the best are looked for, so whatever else there is, is found. That
    costs a write for each of them: the scores are not copied. The best are looked for in groups
    (:func:`recsys.export.top_k.top_k`). The index is filled up to whole groups with vectors of
    zeros, which no answer has.

    Example:

    >>> search = MaskedSearch(k=2).index(tf.constant([[1.0], [2.0], [3.0]]))
    >>> scores, items = search.best(tf.constant([[1.0]]), tf.constant([[2, UNKNOWN]]))
    >>> items.numpy().tolist(), scores.numpy().tolist()
    ([[1, 0]], [[2.0, 1.0]])
    """

    def index(self, candidates: tf.Tensor, identifiers: tf.Tensor | None = None) -> "MaskedSearch":
        """As of TFRS; K vectors are needed at least."""
        self._rows = int(candidates.shape[0])
        if identifiers is None:
            identifiers = tf.range(self._rows)
        zeros = filling(self._rows, self._k)
        candidates = tf.pad(candidates, [[0, zeros], [0, 0]])
        return super().index(candidates, tf.pad(identifiers, [[0, zeros]]))

    def best(
        self,
        query_BD: tf.Tensor,
        left_out_BX: tf.Tensor | None = None,
        allowed: Sequence[tf.Tensor] = (),
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Scores and identifiers of the best items, [B, K], best first; −∞ where none is left.

        Args:
            query_BD: vectors.
            left_out_BX: rows of the index (int32) that are no answers; ``UNKNOWN`` is none. None:
                all may be answers.
            allowed: bool [B, N] each; answers are allowed by all.
        """
        scores_BN = self._compute_score(query_BD, self._candidates)
        zeros = range(self._rows, self._candidates.shape[0])
        for allowed_BN in allowed:
            allowed_BN = tf.pad(allowed_BN, [[0, 0], [0, len(zeros)]])
            scores_BN = tf.where(allowed_BN, scores_BN, -float("inf"))
        left_out = [] if left_out_BX is None else [left_out_BX]
        if zeros:
            left_out.append(tf.tile([list(zeros)], [tf.shape(query_BD)[0], 1]))
        if left_out:
            scores_BN = _without(scores_BN, tf.concat(left_out, axis=1))
        score_BK, rows_BK = top_k(scores_BN, self._k)
        return score_BK, tf.gather(self._identifiers, rows_BK)


def _without(scores_BN: tf.Tensor, left_out_BX: tf.Tensor) -> tf.Tensor:
    is_item_BX = left_out_BX != UNKNOWN
    queries_BX = tf.zeros_like(left_out_BX) + tf.range(tf.shape(left_out_BX)[0])[:, tf.newaxis]
    places_BX2 = tf.stack([queries_BX, tf.maximum(left_out_BX, 0)], axis=2)
    # What is no item changes nothing, wherever it is written.
    highest_BX = tf.where(is_item_BX, -float("inf"), float("inf"))
    return tf.tensor_scatter_nd_min(scores_BN, places_BX2, highest_BX)
