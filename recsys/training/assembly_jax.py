"""Batches that are gathered on the device, within the training step.

The same arrays as :meth:`recsys.data.batches.training_batches.TrainingBatches.batch` makes of
them on the host, to the bit; what travels to the device is a number and a place per sequence.

Shapes have the suffixes of :mod:`recsys.batch`; C is the cells of all lanes, one after the other.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from recsys.batch import EVENT_FEATURE, USER_FEATURE, BatchSpec
from recsys.data.batches.recipe import Shape

# 68 years.
LONGEST = 2**31 - 1


def assembled(
    data: Mapping[str, jax.Array], table: Mapping[str, jax.Array], shape: Shape, spec: BatchSpec
) -> dict[str, Any]:
    """One batch.

    Args:
        data: what :meth:`TrainingBatches.data` returned for the epoch.
        table: ``numbers`` and ``origins`` int32 [S], as :meth:`TrainingBatches.table` has them;
            other arrays are part of the batch.
        shape: the batch's.
        spec: what the model reads.

    Returns:
        A :class:`recsys.batch.TrainingBatch`.
    """
    table = dict(table)
    numbers_S, origins_S = table.pop("numbers"), table.pop("origins")
    there_S = numbers_S >= 0
    numbers_S = jnp.maximum(numbers_S, 0)
    batch = _histories(data, numbers_S, there_S, origins_S, shape, spec)
    batch |= _predictions(data, numbers_S, there_S, origins_S, shape)
    users_S = jnp.where(there_S, data["users"][numbers_S], -1)
    if spec.user:
        batch["user"] = users_S
    for name in spec.user_features:
        batch[USER_FEATURE + name] = data[USER_FEATURE + name][users_S]
    return batch | table


def _histories(data, numbers_S, there_S, origins_S, shape: Shape, spec: BatchSpec):
    begins_S = data["begins"][numbers_S]
    counts_S = jnp.where(there_S, data["ends"][numbers_S] - begins_S + spec.whole_sequences, 0)
    cells_C = jnp.arange(shape.lanes * shape.width, dtype="int32")
    if spec.packed:
        # Sequences stand in the order of their cells, which all belong to the last one begun.
        begun_C = (
            jnp.zeros_like(cells_C)
            .at[origins_S]
            .max(jnp.arange(len(numbers_S), dtype="int32"), mode="drop")
        )
        segments_C = jax.lax.cummax(begun_C)
    else:
        segments_C = cells_C // shape.width
    places_C = cells_C - origins_S[segments_C]
    holds_C = (places_C >= 0) & (places_C < counts_S[segments_C])
    reads_C = holds_C & (places_C > 0)
    events_C = jnp.where(reads_C, begins_S[segments_C] + places_C - 1, 0)
    cells = {"history": jnp.where(reads_C, data["items"][events_C], 0)}
    if spec.times:
        passed_C = data["seconds"][events_C] - data["seconds"][begins_S[segments_C]]
        cells["history_times"] = jnp.where(reads_C, jnp.clip(passed_C, 0, LONGEST), 0)
    for name in spec.event_features:
        values_C = data[EVENT_FEATURE + name][events_C]
        cells[EVENT_FEATURE + name] = jnp.where(reads_C, values_C, jnp.zeros_like(values_C))
    if spec.packed:
        cells["segment_ids"] = jnp.where(holds_C, segments_C, -1)
        cells["position_ids"] = jnp.where(holds_C, places_C, 0)
    arrays = {name: each.reshape(shape.lanes, shape.width) for name, each in cells.items()}
    if not spec.packed:
        # A lane is a sequence, which always begins with the start.
        arrays = {name: each[:, 1:] for name, each in arrays.items()}
        if spec.whole_sequences:
            arrays["length"] = jnp.where(there_S, counts_S - 1, 0)
    return arrays


def _predictions(data, numbers_S, there_S, origins_S, shape: Shape):
    predicted_P, of_P, is_P, _ = _slices(data["offsets"], numbers_S, there_S, shape.predictions)
    asked_Q, of_Q, is_Q, before_S = _slices(
        data["query_offsets"], numbers_S, there_S, shape.queries
    )
    found = {
        "query_positions": jnp.where(is_Q, origins_S[of_Q] + data["columns"][asked_Q], 0),
        "targets": jnp.where(is_P, data["targets"][predicted_P], 0),
        "weights": jnp.where(is_P, data["weights"][predicted_P], 0.0),
    }
    if shape.grouped:
        query_ids_P = before_S[of_P] + data["queries"][predicted_P]
        found["query_ids"] = jnp.where(is_P, query_ids_P, 0)
    return found


def _slices(offsets, numbers_S, there_S, room: int):
    """Elements of the sequences' slices, one after the other.

    Returns:
        int32 [room], each element; the place of its sequence in the batch; bool [room], whether
        it is one; and int32 [S], how many stand before those of each sequence.
    """
    begins_S = offsets[numbers_S]
    counts_S = jnp.where(there_S, offsets[numbers_S + 1] - begins_S, 0)
    ends_S = jnp.cumsum(counts_S)
    before_S = ends_S - counts_S
    of = jnp.repeat(jnp.arange(len(numbers_S), dtype="int32"), counts_S, total_repeat_length=room)
    places = jnp.arange(room, dtype="int32")
    is_one = places < ends_S[-1]
    elements = jnp.where(is_one, begins_S[of] + places - before_S[of], 0)
    return elements, of, is_one, before_S
