"""Prints what one step on some rows does to the tables, on the backend of the environment.

Usage: step_check.py DATASET. Prints one JSON line with, for each optimizer and table, the
largest change of a row that the batch does not hold, and the largest
difference, on rows that it holds, from one dense step of Keras' optimizer; on
TensorFlow, for the step as XLA compiles it, too. Under ``filled``, how many arrays of the
state differ after one of two batches from what they are with another second batch, and
the largest difference from what they are where that one stands alone. Under ``halved``, how
far the weights move that move least, and how far the rate's scale is from being a factor.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from recsys.data.dataset import Dataset
from recsys.models.retriever import ModelConfig
from recsys.training.build import build_retriever
from recsys.training.optimizer import OptimizerConfig
from recsys.training.step import Step, build_step
from tests.models import zoo

# Users 3 and 5 (3 twice, and a fill-up), items 0 to 4 of 16 (0 pads), some of them twice.
BATCH = {
    "history": np.array([[1, 2, 2], [3, 0, 0], [0, 0, 0], [2, 1, 0]], dtype=np.int32),
    "query_positions": np.array([0, 1, 2, 3, 4, 5, 12, 13, 14, 0], dtype=np.int32),
    "targets": np.array([1, 2, 2, 4, 3, 1, 2, 1, 3, 0], dtype=np.int32),
    "weights": np.array([1, 1, 1, 1, 1, 1, 1, 1, 1, 0], dtype=np.float32),
    "user": np.array([3, 5, -1, 3], dtype=np.int32),
    "negatives": np.array([0, 4, 4, 3], dtype=np.int32),
    "negative_log_counts": np.zeros(4, dtype=np.float32),
}
HELD = {"item": [0, 1, 2, 3, 4], "user": [3, 5]}
OPTIMIZERS = [
    OptimizerConfig(learning_rate=0.05),
    OptimizerConfig(kind="adagrad", learning_rate=0.05, initial_accumulator=1e-6),
]


def step_of(retriever, optimizer: OptimizerConfig, compiled: bool) -> Step:
    """The step that training takes, or TensorFlow's as XLA compiles it."""
    if not compiled:
        return build_step(retriever, optimizer, 10)
    from recsys.training.step_tensorflow import TensorFlowStep

    return TensorFlowStep(retriever, optimizer, 10, compiled=True)


def dense_step(retriever, optimizer: OptimizerConfig) -> None:
    """One step of Keras' optimizer on dense gradients."""
    if keras.backend.backend() == "jax":
        retriever.compile(optimizer=optimizer.build(optimizer.schedule(10)))
        retriever.train_on_batch(BATCH)
        return
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = retriever.loss_of(retriever(BATCH, training=True), BATCH)
    gradients = tape.gradient(loss, [v.value for v in retriever.trainable_variables])
    # Keras 3.15's optimizers square an IndexedSlices before they sum its
    # duplicates, which is another gradient: hence not train_on_batch.
    gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
    optimizer.build(optimizer.schedule(10)).apply(gradients, retriever.trainable_variables)


def filled(fresh) -> dict[str, float]:
    """What the second of two batches leaves behind where one is taken."""

    def after(*batches, steps: int | None = None) -> dict[str, np.ndarray]:
        step = build_step(fresh(), OPTIMIZERS[0], 10)
        stacked = {name: np.stack([batch[name] for batch in batches]) for name in BATCH}
        losses = np.asarray(step.run(stacked, steps))[: steps or len(batches)]
        return {**step.state(), "losses": losses}

    zeros = {name: np.zeros_like(array) for name, array in BATCH.items()}
    alone = after(BATCH)
    with_zeros, with_another = after(BATCH, zeros, steps=1), after(BATCH, BATCH, steps=1)
    return {
        "traces": sum(
            not np.array_equal(with_zeros[name], with_another[name]) for name in with_zeros
        ),
        "off": max(float(np.abs(with_zeros[name] - alone[name]).max()) for name in alone),
    }


def halved(fresh) -> dict[str, float]:
    """How far a step moves a table's and a layer's weights, and twice that at half the rate."""

    def moved(scale: float) -> list[np.ndarray]:
        retriever = fresh()
        before = retriever.get_weights()
        step = build_step(retriever, OPTIMIZERS[1], 10)
        step.scale_rate(scale)
        step.run({name: array[None] for name, array in BATCH.items()})
        step.synchronise()
        return [new - old for new, old in zip(retriever.get_weights(), before, strict=True)]

    whole, half = moved(1.0), moved(0.5)
    trained = [index for index, each in enumerate(whole) if each.dtype == np.float32]
    return {
        "least": min(float(np.abs(whole[index]).max()) for index in trained),
        "off": max(float(np.abs(2 * half[index] - whole[index]).max()) for index in trained),
    }


def main() -> None:
    dataset = Dataset(Path(sys.argv[1]))
    config = ModelConfig.model_validate(zoo.model("two-tower", "mixed"))

    def fresh():
        retriever = build_retriever(config, dataset, "train", seed=1)
        users = retriever.query_tower.table.embeddings
        users.assign(np.random.default_rng(0).normal(size=users.shape) * 0.1)
        return retriever

    def tables(retriever):
        return {n: keras.ops.convert_to_numpy(v).copy() for n, v in retriever.tables.items()}

    found = {}
    ways = [False, True] if keras.backend.backend() == "tensorflow" else [False]
    for optimizer in OPTIMIZERS:
        dense = fresh()
        before = tables(dense)
        dense_step(dense, optimizer)
        expected = tables(dense)
        for compiled in ways:
            rowwise = fresh()
            step = step_of(rowwise, optimizer, compiled)
            step.run({name: array[None] for name, array in BATCH.items()})
            step.synchronise()
            after = tables(rowwise)
            for name, held in HELD.items():
                others = np.setdiff1d(np.arange(len(before[name])), held)
                moved = np.abs(after[name] - before[name])
                found[f"{optimizer.kind} {name}{' compiled' * compiled}"] = {
                    "others_moved": float(moved[others].max()),
                    "held_moved": float(moved[held].min(axis=1).max()),
                    "held_differs": float(np.abs(after[name][held] - expected[name][held]).max()),
                }
    print(json.dumps({"rows": found, "filled": filled(fresh), "halved": halved(fresh)}))


if __name__ == "__main__":
    main()
