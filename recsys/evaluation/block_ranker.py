"""Ranks a block of queries on the device that Keras runs on.

Legend of shapes: B queries, I items (filled up to whole groups, by one at least), G groups of
W items, K best items, S pairs of a query and a seen item, T targets.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from recsys.system.fused import fused

# Below every score; −∞ times the zeros of a matrix product would not be a number.
LOWEST = -3e38
# Targets whose place among all items is counted at a time: their rows stay in a CPU's cache.
COUNTED = 8


class BlockRanker(keras.Model):
    """The best items of each query, and the places of its targets.

    The best K items lie in the K groups with the best maxima, so beside the scores
    themselves one pass over them is enough, and a sort of few candidates. Among
    equal scores the lower index comes first: groups and candidates stand in the
    order of items, and one group more than needed is looked into.

    Args:
        items: items that are ranked.
        k: best items to return, at most ``items``.
        dim: width of query and item vectors, if scores are their products.
    """

    def __init__(self, items: int, k: int, dim: int | None = None) -> None:
        super().__init__(dtype="float32")
        self.items = items
        self.k = k
        self.group = _group(items, k)
        self.filled = self.group - items % self.group
        if dim is not None:
            # One dimension more, in which what fills the groups up loses.
            self.item_vectors = self.add_weight(
                shape=(items + self.filled, dim + 1),
                initializer="zeros",
                trainable=False,
                name="item_vectors",
            )
        # Only JAX needs a compiler; XLA's sorts and scatters are slow on CPUs.
        self.compile(jit_compile=keras.backend.backend() == "jax")
        self.built = True

    def take_up(self, item_vectors: np.ndarray, candidates: np.ndarray | None = None) -> None:
        """Ranks with these vectors from now on.

        Args:
            item_vectors: float32 [items, dim].
            candidates: bool [items], which items are ranked; None: all.
        """
        table = np.zeros(self.item_vectors.shape, dtype=np.float32)
        table[: self.items, :-1] = item_vectors
        table[self.items :, -1] = LOWEST
        if candidates is not None:
            table[: self.items][~candidates] = 0.0
            table[: self.items, -1][~candidates] = LOWEST
        self.item_vectors.assign(table)

    def call(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Ranks one block.

        Args:
            inputs: ``queries`` float32 [B, dim], or ``scores`` float32 [B, items];
                ``seen`` int32 [S, 2], rows and items that are not ranked (may be
                missing; item ``items`` is none); ``targets`` int32 [T, 2], rows and items, T a
                multiple of :data:`COUNTED`; ``every_place`` bool [1], whether the places of
                targets beyond the best K are counted, too.

        Returns:
            ``top_items`` int32 [B, K], -1 where there are fewer; ``places`` int32
            [T], from 1, ties against the target; beyond K only if every place is
            counted, and K + 1 otherwise.
        """
        scores_BI = self._scores(inputs)
        if "seen" in inputs:
            seen_S2 = inputs["seen"]
            lowest_S = ops.full((ops.shape(seen_S2)[0],), LOWEST, "float32")
            scores_BI = ops.scatter_update(scores_BI, seen_S2, lowest_S)
        groups = (self.items + self.filled) // self.group
        queries = ops.shape(scores_BI)[0]
        scores_BGW = ops.reshape(scores_BI, (queries, groups, self.group))
        wanted = min(self.k + 1, groups)
        _, best_BK = ops.top_k(ops.max(scores_BGW, axis=-1), wanted)
        best_BK = ops.sort(best_BK, axis=-1)
        # Rows of the flattened arrays: gathers along an axis are slow.
        row_B1 = ops.arange(queries, dtype="int32")[:, None]
        rows_RW = ops.reshape(scores_BI, (-1, self.group))
        candidates = ops.take(rows_RW, row_B1 * groups + best_BK, axis=0)
        candidates = ops.reshape(candidates, (queries, wanted * self.group))
        values_BK, index_BK = ops.top_k(candidates, min(self.k + 1, wanted * self.group))
        best = row_B1 * wanted + index_BK // self.group
        group_BK = ops.take(ops.reshape(best_BK, (-1,)), best, axis=0)
        items_BK = group_BK * self.group + index_BK % self.group
        top_BK = ops.where(values_BK > LOWEST / 2, items_BK, -1)[:, : self.k]
        rows_T, items_T = inputs["targets"][:, 0], inputs["targets"][:, 1]
        flat = ops.reshape(scores_BI, (-1,))
        own_T = ops.take(flat, rows_T * ops.shape(scores_BI)[1] + items_T, axis=0)
        places_T = ops.cond(
            inputs["every_place"][0],
            lambda: fused(_counted)(scores_BI, rows_T, own_T),
            lambda: _reaching(ops.take(values_BK, rows_T, axis=0), own_T),
        )
        return {"top_items": ops.cast(top_BK, "int32"), "places": places_T}

    def _scores(self, inputs: dict[str, Any]):
        if "scores" in inputs:
            return ops.pad(inputs["scores"], ((0, 0), (0, self.filled)), constant_values=LOWEST)
        ones = ops.ones_like(inputs["queries"][:, :1])
        queries_BE = ops.concatenate([inputs["queries"], ones], axis=1)
        return ops.matmul(queries_BE, ops.transpose(self.item_vectors))


def _group(items: int, k: int) -> int:
    """A power of two, such that there are about as many groups as candidates."""
    return 2 ** max(round(np.log2(max(items / (k + 1), 1)) / 2), 0)


def _reaching(values_TN, own_T):
    """int32 [T]: how many of each row's values reach its own."""
    return ops.sum(ops.cast(values_TN >= own_T[:, None], "int32"), axis=-1)


def _counted(scores_BI, rows_T, own_T):
    """int32 [T]: how many items score at least as much, a few targets at a time.

    A comparison and a sum for each score of each target's row: fused, they are one pass over
    the row; unfused the row is copied, compared, converted and added up, one after the other.
    """

    def places(chunk):
        rows_C, own_C = chunk
        return _reaching(ops.take(scores_BI, rows_C, axis=0), own_C)

    chunks = ops.reshape(rows_T, (-1, COUNTED)), ops.reshape(own_T, (-1, COUNTED))
    return ops.reshape(ops.map(places, chunks), (-1,))
