"""What a request allows of the items, in TensorFlow; see :mod:`recsys.export.filters`.

Legend of shapes: B queries, X values allowed, V values that there are, N items, P pairs of an
item and a value that it has.
"""

from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf

from recsys.export.lookup import look_up, lookup_table


class ItemFilter(Protocol):
    """One attribute of the items that are searched.

    Attributes:
        spec: of the input, a row per query.
        table: of the attribute's values, to be saved with the graph; None: it has none.
    """

    spec: tf.TensorSpec
    table: tf.lookup.StaticHashTable | None

    def allowed(self, given: tf.Tensor) -> tf.Tensor:
        """bool [B, N]: which items each query allows.

        Args:
            given: as ``spec`` has it.
        """
        ...


def item_filter(column: pa.Array) -> ItemFilter:
    """The filter of an attribute.

    Args:
        column: of the items that are searched, in their order
            (:meth:`recsys.data.dataset.Dataset.attribute`).
    """
    return ValuesFilter(column) if pa.types.is_list(column.type) else RangeFilter(column)


class RangeFilter:
    """A number: float32 [B, 2], the least and the largest allowed; NaN: no end."""

    spec = tf.TensorSpec([None, 2], tf.float32)
    table = None

    def __init__(self, column: pa.Array) -> None:
        numbers = column.to_numpy(zero_copy_only=False).astype(np.float32)
        # A missing number is NaN, which is neither above nor below any end.
        self._numbers_N = tf.Variable(numbers, trainable=False)

    def allowed(self, given: tf.Tensor) -> tf.Tensor:
        """bool [B, N]."""
        least_B1, largest_B1 = given[:, :1], given[:, 1:]
        above_BN = (self._numbers_N >= least_B1) | tf.math.is_nan(least_B1)
        below_BN = (self._numbers_N <= largest_B1) | tf.math.is_nan(largest_B1)
        return above_BN & below_BN


class ValuesFilter:
    """Texts: string [B, X], of which an item must have one; none but ``""``: every item."""

    spec = tf.TensorSpec([None, None], tf.string)

    def __init__(self, column: pa.ListArray) -> None:
        values = pc.unique(column.flatten()).sort()
        self.table: tf.lookup.StaticHashTable = lookup_table(values.to_pylist(), 1, missing=0)
        self._values = len(values)
        self._items = len(column)
        codes_P = pc.index_in(column.flatten(), values).to_numpy(zero_copy_only=False) + 1
        items_P = column.value_parent_indices().to_numpy()
        self._has_several = len(np.unique(items_P)) < len(items_P)
        if self._has_several:
            pairs_P2 = np.stack([items_P, codes_P], axis=1).astype(np.int64)
            self._pairs_P2 = tf.Variable(pairs_P2, trainable=False)
        else:
            codes_N = np.zeros(len(column), np.int32)
            codes_N[items_P] = codes_P
            self._codes_N = tf.Variable(codes_N, trainable=False)

    def allowed(self, given: tf.Tensor) -> tf.Tensor:
        """bool [B, N]."""
        codes_BX = look_up(self.table, given, missing=0)
        queries = tf.shape(codes_BX)[0]
        row_BX = tf.broadcast_to(tf.range(queries)[:, tf.newaxis], tf.shape(codes_BX))
        # How often each value is named; of 0, which is no value, never.
        named_BV = tf.scatter_nd(
            tf.stack([row_BX, codes_BX], axis=-1),
            tf.cast(codes_BX != 0, tf.float32),
            tf.stack([queries, 1 + self._values]),
        )
        every_B1 = tf.reduce_all(given == "", axis=1, keepdims=True)
        return self._having(named_BV) | every_B1

    def _having(self, named_BV: tf.Tensor) -> tf.Tensor:
        """bool [B, N]: whether an item has a value that is named."""
        if not self._has_several:
            return tf.gather(named_BV > 0, self._codes_N, axis=1)
        ones_P = tf.ones_like(self._pairs_P2[:, 0], tf.float32)
        has_NV = tf.SparseTensor(self._pairs_P2, ones_P, [self._items, 1 + self._values])
        return tf.transpose(tf.sparse.sparse_dense_matmul(has_NV, named_BV, adjoint_b=True)) > 0
