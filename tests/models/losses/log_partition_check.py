"""Prints how far the log partition in chunks is from NumPy's, on the backend of the environment.

Prints one JSON line: for each case the largest relative error of the value and of each
gradient; on JAX also the bytes that a gradient needs of few and of many queries.
"""

import json

import keras
import numpy as np
from keras import ops

from recsys.models.losses import log_partition
from recsys.models.losses.log_partition import Others, weighted_log_partition

QUERIES, ITEMS, DIM, PREDICTIONS = 70, 40, 8, 110
MODES = ("full", "sampled", "shared")
generator = np.random.default_rng(0)
QUERY = generator.normal(size=(QUERIES, DIM)).astype(np.float32)
ITEM = generator.normal(size=(ITEMS, DIM)).astype(np.float32)
ITEM_WEIGHTS = np.exp(generator.normal(size=ITEMS)).astype(np.float32)
# Items of one id have one vector and one weight.
IDS = generator.integers(0, 5, ITEMS).astype(np.int32)
ALIKE = np.argmax(IDS[None] == IDS[:, None], axis=1)
ITEM, ITEM_WEIGHTS = ITEM[ALIKE], ITEM_WEIGHTS[ALIKE]
# Of the predictions; ids 5 and 6 are nowhere, and some queries predict nothing.
FIRST = generator.normal(size=PREDICTIONS).astype(np.float32)
WEIGHTS = generator.random(PREDICTIONS).astype(np.float32)
LEFT_OUT = generator.integers(0, 7, PREDICTIONS).astype(np.int32)
QUERY_OF = generator.integers(0, QUERIES, PREDICTIONS).astype(np.int32)


def plain(query, item, first, mode: str):
    """Value and gradients, term by term in float64."""
    queries = QUERY_OF if mode == "shared" else np.arange(QUERIES)
    logits = query.astype(np.float64)[queries] @ item.T
    own = np.full(len(queries), -np.inf)
    if mode != "full":
        left_out = IDS[None] == LEFT_OUT[: len(queries), None]
        logits = np.where(left_out, -np.inf, logits + np.log(ITEM_WEIGHTS))
        own = first.astype(np.float64)
    everything = np.concatenate([logits, own[:, None]], axis=1)
    partition = np.logaddexp.reduce(everything, axis=1)
    weights = WEIGHTS[: len(queries)]
    shares = np.exp(everything - partition[:, None]) * weights[:, None]
    of_queries = np.zeros(query.shape)
    np.add.at(of_queries, queries, shares[:, :-1] @ item)
    of_items = shares[:, :-1].T @ query[queries]
    return (weights * partition).sum(), of_queries, of_items, shares[:, -1]


def chunked(query, item, first, mode: str):
    tensor = ops.convert_to_tensor
    if mode == "full":
        return weighted_log_partition(query, item, tensor(WEIGHTS[:QUERIES]))
    count = len(first)
    others = Others(
        tensor(ITEM_WEIGHTS),
        first_P=first,
        ids_V=tensor(IDS),
        left_out_P=tensor(LEFT_OUT[:count]),
        query_of_P=tensor(QUERY_OF) if mode == "shared" else None,
    )
    return weighted_log_partition(query, item, tensor(WEIGHTS[:count]), others)


def differentiated(given, mode: str):
    if keras.backend.backend() == "jax":
        import jax

        value, gradients = jax.jit(
            jax.value_and_grad(lambda *given: chunked(*given, mode), argnums=(0, 1, 2))
        )(*given)
        return value, *gradients
    import tensorflow as tf

    given = [tf.constant(array) for array in given]
    with tf.GradientTape() as tape:
        tape.watch(given)
        value = chunked(*given, mode)
    return value, *tape.gradient(value, given, unconnected_gradients="zero")


def gradient_bytes(queries: int) -> int:
    """What the compiler sets aside for the gradient of so many queries of 4,096 items."""
    import jax

    shapes = [
        jax.ShapeDtypeStruct(shape, np.float32)
        for shape in ((queries, DIM), (4096, DIM), (queries,))
    ]
    compiled = jax.jit(jax.grad(weighted_log_partition, argnums=(0, 1))).lower(*shapes).compile()
    return compiled.memory_analysis().temp_size_in_bytes


def errors(mode: str, scale: float) -> list[float]:
    """Of the value and of each gradient, summed over items of one id."""
    count = PREDICTIONS if mode == "shared" else QUERIES
    query = QUERY * np.float32(scale)
    # The first logit is that of the item left out, if there is one.
    queries = QUERY_OF if mode == "shared" else np.arange(QUERIES)
    there = IDS[None] == LEFT_OUT[:count, None]
    own = (query[queries] * ITEM[np.argmax(there, axis=1)]).sum(axis=1)
    given = query, ITEM, np.where(there.any(axis=1), own, FIRST[:count])
    together = IDS[None] == np.arange(5)[:, None] if mode != "full" else np.eye(ITEMS)
    found = []
    for index, (got, wanted) in enumerate(
        zip(differentiated(given, mode), plain(*given, mode), strict=True)
    ):
        got = np.asarray(got, dtype=np.float64)
        if index == 2:
            got, wanted = together @ got, together @ wanted
        found.append(float(np.abs(got - wanted).max() / max(np.abs(wanted).max(), 1e-3)))
    return found


def main() -> None:
    found: dict = {"errors": {}}
    for chunk in (16, 30, 1000):
        log_partition.LOGITS_ON_CPU = chunk * ITEMS
        for mode in MODES:
            # Logits up to some 10, and some 200.
            for scale in (1.0, 20.0):
                found["errors"][f"{chunk} {mode} {scale}"] = errors(mode, scale)
    if keras.backend.backend() == "jax":
        log_partition.LOGITS_ON_CPU = 64 * 4096
        found["bytes"] = [gradient_bytes(queries) for queries in (256, 8192)]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
