"""What training takes of the device's memory, known before its first step."""

from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np

from recsys.data.batches.recipe import Batches, Recipe
from recsys.errors import InputError
from recsys.models.losses.log_partition import logits_at_a_time
from recsys.models.retriever import Retriever
from recsys.training.optimizer import OptimizerConfig

FLOAT = 4
GIB = 2**30
# What TensorFlow holds at its peak, measured on CPUs (see docs/benchmarks.md). Of each
# position, in vectors: what the encoder reads, its output, queries, and their gradients.
VECTORS_OF_A_POSITION = 9
# A sampled loss also has the positive's vector, what is left out, and their gradients.
VECTORS_OF_A_PREDICTION = 3
# Copies of a chunk's logits, of a table that a step updates as a whole, and of a table's rows.
COPIES_OF_LOGITS, COPIES_OF_TABLE, COPIES_OF_ROWS = 3, 18, 8
# Copies of what is held of an item whose features are read. Of pictures 1.1 to 1.8 were measured,
# as the threads happen to meet: enough for all.
COPIES_OF_FEATURES = 2


@dataclass(frozen=True)
class MemoryForecast:
    """Bytes on the device, or on each of several.

    Attributes:
        tables: one vector per item and user.
        weights: all others.
        optimizer: the optimizer's slots.
        features: of the catalogue's items.
        data: the log, where the device gathers the batches.
        logits: of one chunk of the loss.
        activations: everything else that a step needs while it runs.
    """

    tables: int
    weights: int = 0
    optimizer: int = 0
    features: int = 0
    data: int = 0
    logits: int = 0
    activations: int = 0

    @property
    def total(self) -> int:
        return sum(vars(self).values())

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {value / GIB:.2f}" for name, value in vars(self).items())
        return f"{self.total / GIB:.2f} GiB ({parts})"


def forecast(
    retriever: Retriever,
    optimizer: OptimizerConfig,
    batches: Batches | None = None,
    working: int = 0,
) -> MemoryForecast:
    """What training holds.

    Args:
        retriever: what is trained.
        optimizer: whose slots each weight has.
        batches: the largest that a step will see; None before the step is built.
        working: what :meth:`recsys.training.step.Step.working_memory` gives for them.
    """
    tables = sum(_bytes(variable) for variable in retriever.tables.values())
    weights = sum(_bytes(variable) for variable in retriever.changing_variables) - tables
    features = held_by(retriever) - tables - weights
    slots = len(optimizer.initial_slots) * (tables + weights)
    if keras.backend.backend() == "jax":
        # A step's weights are its own: they are donated to the next.
        tables, weights = 2 * tables, 2 * weights
    logits = 0 if batches is None else min(FLOAT * _logits(retriever, batches), working)
    data = batches.bytes if isinstance(batches, Recipe) else 0
    return MemoryForecast(tables, weights, slots, features, data, logits, working - logits)


def held_by(retriever: Retriever) -> int:
    """Bytes of a retriever's own weights."""
    return sum(_bytes(variable) for variable in retriever.variables)


def require_memory(needed: MemoryForecast, unallocated: int, free: int) -> None:
    """Compares what is still to be allocated with what is free.

    Args:
        needed: everything, for the message.
        unallocated: bytes of it that are not yet.
        free: bytes that the device has left.

    Raises:
        InputError: it does not fit.
    """
    if unallocated > free:
        raise InputError(
            f"training needs about {needed}; {unallocated / GIB:.2f} GiB of it are not allocated "
            f"yet, and the device has {free / GIB:.2f} GiB left. Activations shrink with "
            "training.batch_size and model.max_events, tables and slots with model.dim and with "
            "fewer rare items (data.minimum_item_events); training.optimizer.kind adagrad has one "
            "slot a weight instead of two. A sampled loss reads the features of a batch's items "
            "instead of all."
        )


def estimate_working_memory(retriever: Retriever, batches: Mapping[str, np.ndarray]) -> int:
    """Bytes that a step on TensorFlow needs beside weights and slots.

    A formula with constants measured on CPUs (``docs/benchmarks.md`` has forecast over
    peak, which differs by processor) for the zoo's encoders, and for item features, of which
    pictures are what counts.

    Args:
        retriever: what is trained.
        batches: as :meth:`recsys.training.step.Step.run` takes them.
    """
    _, lanes, width = batches["history"].shape
    config = retriever.config
    packed = "segment_ids" in batches
    width += not packed
    encoder = config.query.encoder
    numbers = 0.0
    if encoder is not None:
        each = VECTORS_OF_A_POSITION * config.dim + encoder.activations(config.dim, width)
        numbers += lanes * width * each
    if retriever.query_tower.event_features is not None:
        of_an_event = retriever.query_tower.event_features.activations
        numbers += COPIES_OF_FEATURES * lanes * width * of_an_event
    whole = retriever.loss_function.needs_whole_catalogue
    predictions = batches["targets"].shape[1]
    if encoder is None or not whole:
        numbers += VECTORS_OF_A_PREDICTION * config.dim * predictions
    rows = COPIES_OF_ROWS * batches["user"].shape[1] if "user" in retriever.tables else 0
    ids = retriever.catalogue_items
    if whole:
        rows += COPIES_OF_TABLE * retriever.known_items
    else:
        ids = predictions + batches["negatives"].shape[1]
        ids += lanes * width if retriever.batch_spec.history else 0
        rows += COPIES_OF_ROWS * min(ids, retriever.known_items)
    if retriever.item_tower.features is not None:
        read = min(ids, retriever.catalogue_items)
        numbers += COPIES_OF_FEATURES * read * retriever.item_tower.features.activations
    itemsize = 2 if retriever.compute_dtype in ("bfloat16", "float16") else FLOAT
    shared = COPIES_OF_LOGITS * _logits(retriever, batches) + rows * config.dim
    return round(itemsize * numbers + FLOAT * shared)


def _logits(retriever: Retriever, batches: Batches) -> int:
    """Logits that the loss holds at a time."""
    if isinstance(batches, Recipe):
        queries, stacked = batches.shape.queries, batches.table
    else:
        queries, stacked = batches["query_positions"].shape[1], batches
    if retriever.loss_function.needs_whole_catalogue:
        return logits_at_a_time(queries, retriever.known_items)
    return logits_at_a_time(queries, stacked["negatives"].shape[1])


def _bytes(variable: keras.Variable) -> int:
    return np.dtype(variable.dtype).itemsize * int(np.prod(variable.shape))
