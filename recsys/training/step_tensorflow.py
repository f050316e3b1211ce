"""The training step on TensorFlow: a loop inside one ``tf.function``."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from recsys.models.retriever import Retriever
from recsys.training.checkpoint import State
from recsys.training.optimizer import OptimizerConfig, Rows, update_rows


class TensorFlowStep:
    """See :class:`recsys.training.step.Step`."""

    def __init__(self, retriever: Retriever, config: OptimizerConfig, total_steps: int) -> None:
        self._retriever = retriever
        self._config = config
        self._schedule = config.schedule(total_steps)
        self._tables = {
            name: Rows(
                variable.value,
                tf.Variable(tf.zeros(variable.shape), trainable=False),
                tf.Variable(tf.zeros(variable.shape), trainable=False),
            )
            for name, variable in retriever.tables.items()
        }
        self._whole = retriever.whole_tables & self._tables.keys()
        tables = {id(variable) for variable in retriever.tables.values()}
        self._dense = [v for v in retriever.trainable_variables if id(v) not in tables]
        self._optimizer = config.build(total_steps)
        self._optimizer.build(self._dense)
        self._step_count = tf.Variable(0, trainable=False)
        self._loop = tf.function(self._steps, reduce_retracing=True)

    def run(self, batches: Mapping[str, np.ndarray]) -> tf.Tensor:
        return self._loop({name: tf.convert_to_tensor(array) for name, array in batches.items()})

    def _steps(self, batches):
        steps = tf.shape(batches["targets"])[0]
        losses = tf.TensorArray(tf.float32, size=steps)
        for index in tf.range(steps):
            batch = {name: array[index] for name, array in batches.items()}
            losses = losses.write(index, self._step(batch))
        return losses.stack()

    def _step(self, batch):
        batch, unique = self._localise(batch)
        rows = {
            # Nobody (-1, an empty row) reads some row and writes none.
            name: Rows(*(tf.gather(part, tf.maximum(ids, 0)) for part in self._tables[name]))
            for name, ids in unique.items()
        }
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
        rate = self._schedule(self._step_count)
        for name, gradient in whole_gradient.items():
            table = Rows(*(part.value() for part in self._tables[name]))
            gradient = tf.convert_to_tensor(gradient)
            updated = update_rows(table, gradient, self._step_count, rate, self._config)
            for part, new in zip(self._tables[name], updated, strict=True):
                part.assign(new)
        for name, row in rows.items():
            gradient = tf.convert_to_tensor(row_gradient[name])
            updated = update_rows(row, gradient, self._step_count, rate, self._config)
            somebody = unique[name] >= 0
            ids = tf.boolean_mask(unique[name], somebody)
            for table, new in zip(self._tables[name], updated, strict=True):
                table.scatter_update(tf.IndexedSlices(tf.boolean_mask(new, somebody), ids))
        self._optimizer.apply(dense_gradient, self._dense)
        self._step_count.assign_add(1)
        return loss

    def _localise(self, batch):
        """Replaces ids by positions among the batch's unique ids."""
        batch = dict(batch)
        unique = {}
        if "item" in self._tables.keys() - self._whole:
            names = ("history", "targets", "negatives")
            sizes = [tf.size(batch[name]) for name in names]
            ids = tf.concat([tf.reshape(batch[name], (-1,)) for name in names], axis=0)
            unique["item"], local = tf.unique(ids)
            for name, part in zip(names, tf.split(local, sizes), strict=True):
                batch[name] = tf.reshape(part, tf.shape(batch[name]))
            batch["item_ids"] = unique["item"]
        if "user" in self._tables:
            unique["user"], batch["user"] = tf.unique(batch["user"])
        return batch, unique

    def _variables(self) -> dict[str, tf.Variable]:
        named = {"step": self._step_count}
        for index, variable in enumerate(self._retriever.variables):
            named[f"retriever_{index:04d}"] = variable.value
        for index, variable in enumerate(self._optimizer.variables):
            named[f"optimizer_{index:04d}"] = variable.value
        for name, rows in self._tables.items():
            named[f"{name}_momentum"] = rows.momentum
            named[f"{name}_velocity"] = rows.velocity
        return named

    def state(self) -> State:
        return {name: variable.numpy() for name, variable in self._variables().items()}

    def restore(self, state: State) -> None:
        for name, variable in self._variables().items():
            variable.assign(state[name])

    def synchronise(self) -> None:
        """The model's own variables are what is trained."""
