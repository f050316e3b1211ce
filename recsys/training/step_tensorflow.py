"""The training step on TensorFlow: a loop inside one ``tf.function``."""

from collections.abc import Callable

import keras
import tensorflow as tf

from recsys.data.batches.recipe import Batches, Recipe
from recsys.models.retriever import Retriever
from recsys.training.checkpoint import State
from recsys.training.memory import estimate_working_memory
from recsys.training.optimizer import (
    OptimizerConfig,
    OptimizerState,
    TableRows,
    slot_places,
    update_rows,
)


class TensorFlowStep:
    """See :class:`recsys.training.step.Step`."""

    def __init__(
        self, retriever: Retriever, config: OptimizerConfig, total_steps: int, compiled: bool
    ) -> None:
        self._retriever = retriever
        self._config = config
        self._schedule = config.schedule(total_steps)
        self._tables = {
            name: TableRows(
                variable.value,
                tuple(
                    tf.Variable(tf.fill(variable.shape, initial), trainable=False)
                    for initial in config.initial_slots
                ),
            )
            for name, variable in retriever.tables.items()
        }
        self._whole = retriever.whole_tables & self._tables.keys()
        self._dense = retriever.dense_variables
        self._optimizer = config.build(config.learning_rate)
        self._optimizer.build(self._dense)
        self._step_count = tf.Variable(0, trainable=False)
        # Taken by the training that this one goes on from.
        self._earlier_steps = 0
        self._rate_scale = tf.Variable(1.0, trainable=False)
        self._compiled = compiled
        self._update = tf.function(self._update_weights, autograph=False, jit_compile=compiled)
        self._loops: dict[tuple, Callable] = {}

    def run(self, batches: Batches, steps: int | None = None) -> tf.Tensor:
        assert not isinstance(batches, Recipe)  # JAX alone gathers on the device
        # One trace per shape of a batch, whatever the number of steps.
        signature = {
            name: tf.TensorSpec([None, *array.shape[1:]], array.dtype)
            for name, array in batches.items()
        }
        shapes = tuple(sorted((name, *array.shape[1:]) for name, array in batches.items()))
        if shapes not in self._loops:
            count = tf.TensorSpec([], tf.int32)
            self._loops[shapes] = tf.function(self._steps, input_signature=[signature, count])
        placed = {name: tf.convert_to_tensor(array) for name, array in batches.items()}
        taken = len(batches["targets"]) if steps is None else steps
        return self._loops[shapes](placed, tf.constant(taken))

    def scale_rate(self, scale: float) -> None:
        self._rate_scale.assign(scale)

    def working_memory(self, batches: Batches) -> int:
        assert not isinstance(batches, Recipe)
        return estimate_working_memory(self._retriever, batches)

    def _steps(self, batches, steps):
        losses = tf.TensorArray(tf.float32, size=steps)
        for index in tf.range(steps):
            batch = {name: array[index] for name, array in batches.items()}
            losses = losses.write(index, self._step(batch))
        return losses.stack()

    # Only the loop needs AutoGraph, which takes seconds to rewrite all that a step calls.
    @tf.autograph.experimental.do_not_convert
    def _step(self, batch):
        batch, unique, read = self._localise(batch)
        rows = {
            # -1, where there is no sequence, reads some row and writes none.
            name: keras.tree.map_structure(
                lambda part, ids=ids: tf.gather(part, tf.maximum(ids, 0)), self._tables[name]
            )
            for name, ids in read.items()
        }
        loss, updated = self._update(batch, rows)
        for name, ids in unique.items():
            somebody = tf.where(ids >= 0)[:, 0]
            ids = tf.gather(ids, somebody)
            for part, new in _pairs(self._tables[name], updated[name]):
                part.scatter_update(tf.IndexedSlices(tf.gather(new, somebody), ids))
        return loss

    def _update_weights(self, batch, rows):
        """Updates what is not a table, and tables as a whole; returns the loss and the new rows."""
        values = {name: row.values for name, row in rows.items()}
        wholes = {name: self._tables[name].values for name in self._whole}
        with tf.GradientTape() as tape:
            tape.watch(values)
            outputs = self._retriever(
                batch, training=True, item_rows=values.get("item"), user_rows=values.get("user")
            )
            loss = self._retriever.loss_of(outputs, batch)
        dense = [variable.value for variable in self._dense]
        dense_gradient, row_gradient, whole_gradient = tape.gradient(loss, (dense, values, wholes))
        rate = self._schedule(self._step_count - self._earlier_steps) * self._rate_scale
        for name, gradient in whole_gradient.items():
            table = keras.tree.map_structure(lambda part: part.value(), self._tables[name])
            gradient = tf.convert_to_tensor(gradient)
            updated = update_rows(table, gradient, self._step_count, rate, self._config)
            for part, new in _pairs(self._tables[name], updated):
                part.assign(new)
        new_rows = {
            name: update_rows(
                row, tf.convert_to_tensor(row_gradient[name]), self._step_count, rate, self._config
            )
            for name, row in rows.items()
        }
        self._optimizer.learning_rate.assign(rate)
        self._optimizer.apply(dense_gradient, self._dense)
        self._step_count.assign_add(1)
        return loss, new_rows

    def _localise(self, batch):
        """Replaces ids by positions among the batch's unique ids.

        Returns:
            The batch; the unique ids by table, which are written; and those that are read: the
            same, but for XLA, which wants static shapes, as many as there are ids.
        """
        batch = dict(batch)
        unique, read = {}, {}
        if self._retriever.gathers_items:
            names = (
                *(("history",) if self._retriever.batch_spec.history else ()),
                "targets",
                "negatives",
            )
            sizes = [batch[name].shape.num_elements() for name in names]
            ids = tf.concat([tf.reshape(batch[name], (-1,)) for name in names], axis=0)
            found, local = tf.unique(ids)
            for name, part in zip(names, tf.split(local, sizes), strict=True):
                batch[name] = tf.reshape(part, batch[name].shape)
            batch["item_ids"] = self._filled_up(found, sum(sizes))
            if "item" in self._tables:
                unique["item"], read["item"] = found, batch["item_ids"]
        if "user" in self._tables:
            rows = batch["user"].shape[0]
            unique["user"], batch["user"] = tf.unique(batch["user"])
            read["user"] = self._filled_up(unique["user"], rows)
        return batch, unique, read

    def _filled_up(self, unique: tf.Tensor, room: int) -> tf.Tensor:
        """As many ids as there is room for, if shapes must be static."""
        if not self._compiled:
            return unique
        filled = tf.pad(unique, [[0, room - tf.shape(unique)[0]]])
        return tf.ensure_shape(filled, [room])

    def _variables(self) -> dict[str, tf.Variable]:
        named = {"step": self._step_count}
        for index, variable in enumerate(self._retriever.changing_variables):
            named[f"retriever_{index:04d}"] = variable.value
        for index, variable in enumerate(self._optimizer.variables):
            named[f"optimizer_{index:04d}"] = variable.value
        for name, rows in self._tables.items():
            for index, slot in enumerate(rows.slots):
                named[f"{name}_slot_{index}"] = slot
        return named

    def state(self) -> State:
        return {name: variable.numpy() for name, variable in self._variables().items()}

    def restore(self, state: State) -> None:
        for name, variable in self._variables().items():
            variable.assign(state[name])

    def optimizer_state(self) -> OptimizerState:
        return OptimizerState(
            int(self._step_count),
            self._config.initial_slots,
            {
                name: tuple(slot.numpy() for slot in rows.slots)
                for name, rows in self._tables.items()
            },
            [tuple(slot.numpy() for slot in slots) for slots in self._dense_slots()],
        )

    def take_up(self, state: OptimizerState) -> None:
        self._earlier_steps = state.steps
        self._step_count.assign(state.steps)
        self._optimizer.iterations.assign(state.steps)
        for name, rows in self._tables.items():
            for slot, value in zip(rows.slots, state.tables[name], strict=True):
                slot.assign(value)
        for slots, values in zip(self._dense_slots(), state.dense, strict=True):
            for slot, value in zip(slots, values, strict=True):
                slot.assign(value)

    def _dense_slots(self) -> list[list[tf.Variable]]:
        """The slots of each weight that is not in a table."""
        return [
            [self._optimizer.variables[place].value for place in each]
            for each in slot_places(self._optimizer, len(self._dense))
        ]

    def synchronise(self) -> None:
        """The model's own variables are what is trained."""


def _pairs(variables: TableRows, new: TableRows) -> zip:
    """Each variable of some rows with its new value."""
    return zip(keras.tree.flatten(variables), keras.tree.flatten(new), strict=True)
