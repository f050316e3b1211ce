"""The rule of :func:`recsys.evaluation.reranking.rerank`, in TensorFlow.

Legend of shapes: B queries, C candidates, K answers, D dimensions, N items.
"""

import numpy as np
import tensorflow as tf

from recsys.evaluation.reranking import ROUNDING

NOTHING = -float("inf")


class Reranker:
    """Orders the candidates of each query anew.

    Args:
        diversity: as configured.
        bonus: of :func:`recsys.evaluation.reranking.item_bonus`.
        k: answers of a query.
    """

    def __init__(self, diversity: float, bonus: np.ndarray, k: int) -> None:
        self._diversity = diversity
        self._bonus_N = tf.Variable(bonus, trainable=False)
        self._k = k

    def __call__(
        self, scores_BC: tf.Tensor, items_BC: tf.Tensor, vectors_ND: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The best of some candidates.

        Args:
            scores_BC: best first; −∞: there is none.
            items_BC: their numbers; C is at least K.
            vectors_ND: float32, of all items.

        Returns:
            By what each is where it is, in the unit of the scores, float32 [B, K], descending; and
            its place among the candidates, int32 [B, K].
        """
        mean_B1, spread_B1 = _mean_and_spread(scores_BC)
        bonus_BC = tf.gather(self._bonus_N, items_BC)
        relevance_BC = (scores_BC - mean_B1) / spread_B1 + bonus_BC
        if self._diversity:
            value_BK, place_BK = self._marginally_relevant(
                relevance_BC, tf.gather(vectors_ND, items_BC)
            )
        else:
            value_BK, place_BK = tf.math.top_k(relevance_BC, k=self._k)
        return mean_B1 + spread_B1 * value_BK, place_BK

    def _marginally_relevant(
        self, relevance_BC: tf.Tensor, vectors_BCD: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        unit_BCD = tf.math.l2_normalize(vectors_BCD, axis=-1)
        width = tf.shape(relevance_BC)[1]
        values = tf.TensorArray(tf.float32, self._k, element_shape=[None])
        places = tf.TensorArray(tf.int32, self._k, element_shape=[None])

        def choose(number, left_BC, nearest_BC, values, places):
            value_BC = (1 - self._diversity) * left_BC - self._diversity * nearest_BC
            best_B = tf.argmax(value_BC, axis=1, output_type=tf.int32)
            values = values.write(number, tf.gather(value_BC, best_B, batch_dims=1))
            places = places.write(number, best_B)
            chosen_BD = tf.gather(unit_BCD, best_B, batch_dims=1)
            cosine_BC = tf.linalg.matvec(unit_BCD, chosen_BD)
            is_best_BC = tf.range(width) == best_B[:, tf.newaxis]
            left_BC = tf.where(is_best_BC, NOTHING, left_BC)
            return number + 1, left_BC, tf.maximum(nearest_BC, cosine_BC), values, places

        start = (0, relevance_BC, tf.zeros_like(relevance_BC), values, places)
        *_, values, places = tf.while_loop(lambda number, *_: number < self._k, choose, start)
        return tf.transpose(values.stack()), tf.transpose(places.stack())


def _mean_and_spread(scores_BC: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """As :func:`recsys.evaluation.reranking.mean_and_spread`."""
    is_real = tf.math.is_finite(scores_BC)
    scores = tf.where(is_real, scores_BC, 0.0)
    count = tf.reduce_sum(tf.cast(is_real, tf.float32), axis=1, keepdims=True)
    count = tf.maximum(count, 1.0)
    mean = tf.reduce_sum(scores, axis=1, keepdims=True) / count
    squares = tf.where(is_real, tf.square(scores - mean), 0.0)
    spread = tf.sqrt(tf.reduce_sum(squares, axis=1, keepdims=True) / count)
    largest = tf.reduce_max(tf.abs(scores), axis=1, keepdims=True)
    return mean, tf.where(spread > ROUNDING * largest, spread, 1.0)
