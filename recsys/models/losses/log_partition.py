"""The softmax's partition function over many items, in little memory.

Legend of shapes: Q queries, V items, D width of a vector, C queries of a chunk.
"""

from typing import Any, NamedTuple

import keras
from keras import ops

# Logits held at a time: on a CPU what its cache holds, on an accelerator what keeps it busy.
LOGITS_ON_CPU = 2**21
LOGITS_ON_ACCELERATOR = 2**27
SMALLEST_CHUNK = 16
# Of logits no larger, sums of exponentials neither overflow nor vanish in float32.
LARGEST_LOGIT = 60.0


class Others(NamedTuple):
    """What partition functions hold beside the items' own exponentials.

    Attributes:
        item_weights_V: float32 [items], how often each item counts.
        first_P: float32 [predictions], one more logit of each prediction.
        ids_V, left_out_P: int32 [items] and [predictions]: an item whose id is that
            of the prediction is left out of its sum. Items of the same id have the
            same vector and weight, and ``first_P`` is that item's logit, lest the
            rest be lost in what is subtracted.
        query_of_P: int32 [predictions], the query of each; None: its own.
    """

    item_weights_V: Any
    first_P: Any
    ids_V: Any
    left_out_P: Any
    query_of_P: Any = None


def weighted_log_partition(queries_QD, items_VD, weights_P, others: Others | None = None):
    """``Σ_p w_p log(Σ_i exp(q_p · v_i))``, a float32 scalar; with ``others`` ``Σ_p w_p
    log(exp(f_p) + Σ_i a_i exp(q_p · v_i))``.

    Queries are taken in chunks. Of each chunk the logits, the loss and the
    gradient are computed at once, so that the logits of the next can take their
    place: six operations per query, item and element, as without chunks, and
    memory for a chunk's logits instead of all (after Hsu et al., "Liger Kernel:
    Efficient Triton Kernels for LLM Training", 2024). The price is a gradient
    that is computed even where none is asked for.

    Beside its three matrix products a chunk costs one pass over its logits, the
    exponential: weights are applied to the items, not to the logits; sums come
    with the product; what is left out is subtracted; and the largest logit is
    looked for only where a bound says that it may be too large. Predictions of
    the same query share its logits.

    Args:
        queries_QD: [queries, dim].
        items_VD: [items, dim].
        weights_P: float32 [predictions]; no gradient is given for them.
        others: see :class:`Others`; a gradient is given for ``first_P`` alone.
            Without it, a prediction a query.
    """

    @ops.custom_gradient
    def summed(queries_QD, items_VD, first_P):
        count, dim = ops.shape(queries_QD)
        chunks, size = _chunks(count, ops.shape(items_VD)[0])
        padding = chunks * size - count

        def in_chunks(values):
            widths = ((0, padding), *(((0, 0),) * (len(values.shape) - 1)))
            return ops.reshape(ops.pad(values, widths), (chunks, size, *ops.shape(values)[1:]))

        sides = [weights_P] if others is None else [weights_P, first_P, *_hits(others)]
        shared = None if others is None else others.query_of_P
        aligned = [] if shared is not None else [in_chunks(side) for side in sides]
        queries = in_chunks(queries_QD)
        items = _items(items_VD, others)

        def add_chunk(index, sums):
            total, of_items_VD, of_queries, of_first = sums
            if shared is None:
                query_of_P = None
                chunk = [ops.take(side, index, axis=0) for side in aligned]
            else:
                # Predictions of other chunks' queries weigh nothing.
                query_of_P = shared - index * size
                here = ops.logical_and(query_of_P >= 0, query_of_P < size)
                query_of_P = ops.where(here, query_of_P, 0)
                chunk = [ops.where(here, weights_P, 0.0), *sides[1:]]
            found = _chunk(items, ops.take(queries, index, axis=0), query_of_P, *chunk)
            where = ops.reshape(index, (1, 1))
            if shared is None:
                of_first = ops.scatter_update(of_first, where, found.of_first_P[None])
            else:
                of_first = of_first + found.of_first_P
            return (
                total + found.loss,
                of_items_VD + found.of_items_VD,
                ops.scatter_update(of_queries, where, found.of_queries_CD[None]),
                of_first,
            )

        sums = (
            ops.zeros((), "float32"),
            ops.zeros(ops.shape(items_VD), "float32"),
            ops.zeros((chunks, size, dim), "float32"),
            ops.zeros((chunks, size) if shared is None else ops.shape(shared), "float32"),
        )
        total, of_items_VD, of_queries, of_first = ops.fori_loop(0, chunks, add_chunk, sums)
        of_queries_QD = ops.reshape(of_queries, (-1, dim))[:count]
        of_first_P = ops.reshape(of_first, (-1,))[: ops.shape(first_P)[0]]

        def gradient(*arguments, upstream=None):
            scale = arguments[0] if upstream is None else upstream
            return (
                ops.cast(of_queries_QD * scale, queries_QD.dtype),
                ops.cast(of_items_VD * scale, items_VD.dtype),
                of_first_P * scale,
            )

        return total, gradient

    first_P = ops.zeros(ops.shape(queries_QD)[:1]) if others is None else others.first_P
    return summed(queries_QD, items_VD, first_P)


class _Items(NamedTuple):
    """The items as a chunk needs them.

    Attributes:
        vectors_VD: as given.
        weights_V: float32, how often each counts.
        weighted_VE: vectors times weights, and the weights: E = D + 1.
        length: the largest length of a vector.
    """

    vectors_VD: Any
    weights_V: Any
    weighted_VE: Any
    length: Any


def _items(items_VD, others: Others | None) -> _Items:
    weights_V = ops.ones(ops.shape(items_VD)[:1]) if others is None else others.item_weights_V
    vectors_VD = ops.cast(items_VD, "float32")
    weighted_VE = ops.concatenate([vectors_VD * weights_V[:, None], weights_V[:, None]], axis=1)
    length = ops.sqrt(ops.max(ops.sum(ops.square(vectors_VD), axis=-1)))
    return _Items(items_VD, weights_V, ops.cast(weighted_VE, items_VD.dtype), length)


def _hits(others: Others):
    """Where the item that a prediction leaves out stands (if anywhere), and how often."""
    order_V = ops.argsort(others.ids_V)
    sorted_V = ops.take(others.ids_V, order_V, axis=0)
    first_P = ops.searchsorted(sorted_V, others.left_out_P, side="left")
    end_P = ops.searchsorted(sorted_V, others.left_out_P, side="right")
    place_P = ops.minimum(first_P, ops.shape(order_V)[0] - 1)
    hits_P = ops.cast(end_P - first_P, "float32")
    return ops.cast(ops.take(order_V, place_P, axis=0), "int32"), hits_P


class _Chunk(NamedTuple):
    """A chunk's loss, and its gradient for items, queries and first logits."""

    loss: Any
    of_items_VD: Any
    of_queries_CD: Any
    of_first_P: Any


def _chunk(
    items: _Items, queries_CD, query_of_P, weights_P, first_P=None, hit_P=None, hits_P=None
) -> _Chunk:
    """One chunk.

    Args:
        items: what they share.
        queries_CD: its queries.
        query_of_P: int32, the query of each prediction; None: its own.
        weights_P: float32, of the predictions.
        first_P: float32, one more logit of each.
        hit_P, hits_P: int32 and float32, an item that is left out, and how many of the
            same id there are.
    """
    dtype = items.vectors_VD.dtype

    def of_query(values):
        return values if query_of_P is None else ops.take(values, query_of_P, axis=0)

    def summed_by_query(values):
        if query_of_P is None:
            return values
        return ops.segment_sum(values, query_of_P, num_segments=ops.shape(queries_CD)[0])

    logits_CV = ops.cast(ops.matmul(queries_CD, ops.transpose(items.vectors_VD)), "float32")
    queries32_CD = ops.cast(queries_CD, "float32")
    bound = items.length * ops.sqrt(ops.max(ops.sum(ops.square(queries32_CD), axis=-1)))

    def as_they_are():
        return ops.exp(logits_CV), ops.zeros_like(logits_CV[:, 0])

    def shifted():
        largest_C = ops.max(logits_CV, axis=-1)
        return ops.exp(logits_CV - largest_C[:, None]), largest_C

    shares_CV, shift_C = ops.cond(bound < LARGEST_LOGIT, as_they_are, shifted)
    narrow_CV = ops.cast(shares_CV, dtype)
    product_CE = ops.cast(ops.matmul(narrow_CV, items.weighted_VE), "float32")
    of_queries_CD, sums_C = product_CE[:, :-1], product_CE[:, -1]
    if dtype != "float32":
        # The product rounds them, and the loss is to be in float32.
        sums_C = ops.sum(shares_CV * items.weights_V, axis=-1)
    sums_P, shift_P = of_query(sums_C), of_query(shift_C)
    if first_P is None:
        log_sums_P = ops.log(sums_P)
        scale_P = weights_P / sums_P
        of_first_P = ops.zeros_like(weights_P)
    else:
        rows_P = ops.arange(ops.shape(queries_CD)[0]) if query_of_P is None else query_of_P
        share_P = ops.take(ops.reshape(shares_CV, (-1,)), rows_P * ops.shape(shares_CV)[1] + hit_P)
        share_P = share_P * hits_P * ops.take(items.weights_V, hit_P, axis=0)
        hit_PD = ops.cast(ops.take(items.vectors_VD, hit_P, axis=0), "float32")
        rest_P = ops.maximum(sums_P - share_P, 1e-30)
        # The first logit may be the largest by far.
        log_sums_P = ops.logaddexp(ops.log(rest_P), first_P - shift_P)
        scale_P = weights_P * ops.exp(-log_sums_P)
        of_first_P = weights_P * ops.exp(first_P - shift_P - log_sums_P)
    loss = ops.sum(weights_P * (log_sums_P + shift_P))
    # Scaled on the narrow side: the shares are many more.
    scale_C = summed_by_query(scale_P)
    of_queries_CD = of_queries_CD * scale_C[:, None]
    scaled_CD = ops.cast(queries32_CD * scale_C[:, None], dtype)
    of_items_VD = ops.cast(ops.matmul(ops.transpose(narrow_CV), scaled_CD), "float32")
    if first_P is not None:
        of_items_VD = of_items_VD * items.weights_V[:, None]
        left_out_P1 = (share_P * scale_P)[:, None]
        of_queries_CD = of_queries_CD - summed_by_query(left_out_P1 * hit_PD)
        of_items_VD = of_items_VD - ops.segment_sum(
            left_out_P1 * of_query(queries32_CD),
            hit_P,
            num_segments=ops.shape(items.vectors_VD)[0],
        )
    return _Chunk(loss, of_items_VD, of_queries_CD, of_first_P)


def logits_at_a_time(queries: int, items: int) -> int:
    """How many logits :func:`weighted_log_partition` holds."""
    return _chunks(queries, items)[1] * items


def _chunks(queries, items):
    """How many chunks there are, and how many queries each has.

    Whole numbers; tensors where a graph does not know them, as in Keras's ``fit`` on TensorFlow.
    """
    logits = LOGITS_ON_ACCELERATOR if _on_accelerator() else LOGITS_ON_CPU
    largest = _maximum(SMALLEST_CHUNK, logits // items)
    chunks = _maximum(1, -(-queries // largest))
    return chunks, -(-queries // chunks)


def _maximum(least: int, number):
    return max(least, number) if isinstance(number, int) else ops.maximum(least, number)


def _on_accelerator() -> bool:
    return any("cpu" not in device for device in keras.distribution.list_devices())
