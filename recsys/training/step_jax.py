"""The training step on JAX: a pure function, scanned, its state donated."""

from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from recsys.data.batches.recipe import Batches, Recipe, Shape
from recsys.models.retriever import Retriever
from recsys.training.assembly_jax import assembled
from recsys.training.checkpoint import State
from recsys.training.optimizer import (
    OptimizerConfig,
    OptimizerState,
    TableRows,
    slot_places,
    update_rows,
)


class JaxStep:
    """See :class:`recsys.training.step.Step`."""

    def __init__(self, retriever: Retriever, config: OptimizerConfig, total_steps: int) -> None:
        self._retriever = retriever
        self._config = config
        self._schedule = config.schedule(total_steps)
        # Taken by the training that this one goes on from.
        self._earlier_steps = 0
        self._tables = retriever.tables
        self._whole = retriever.whole_tables & self._tables.keys()
        self._dense = retriever.dense_variables
        features = retriever.item_tower.feature_values.values()
        self._features = list(features)
        fixed = {id(v) for v in retriever.non_trainable_variables}
        self._fixed = [v for v in retriever.changing_variables if id(v) in fixed]
        self._optimizer = config.build(config.learning_rate)
        self._optimizer.build(self._dense)
        places = {id(variable): place for place, variable in enumerate(self._optimizer.variables)}
        self._rate_index = places[id(self._optimizer.learning_rate)]
        self._count_index = places[id(self._optimizer.iterations)]
        # Copies: the state is donated to the step, the model's own buffers must survive it.
        self._mesh = jax.sharding.Mesh(np.array(jax.devices()), ("batch",))
        self._copied = jax.jit(partial(jax.tree.map, jnp.copy))
        self._state: dict[str, Any] = _put(
            jax.jit(self._first_state)(
                [v.value for v in self._dense],
                [v.value for v in self._fixed],
                [v.value for v in self._optimizer.variables],
                {name: v.value for name, v in self._tables.items()},
            ),
            self._placed(),
        )
        self._replicated = None
        if self._mesh.size > 1:
            copies = self._copied([v.value for v in self._features])
            self._replicated = _put(copies, self._placed())
        self._scan = jax.jit(
            self._training_steps,
            static_argnames="shape",
            donate_argnums=0,
            out_shardings=self._placed(),
        )
        self._executables: dict[tuple, jax.stages.Compiled] = {}
        # By name, what the device holds of the dataset, and what it was sent from.
        self._data: dict[str, tuple[np.ndarray, jax.Array]] = {}

    def _first_state(self, dense, fixed, optimizer, tables) -> dict[str, Any]:
        """Copies of weights, and slots; one program instead of one a shape."""
        copied = partial(jax.tree.map, jnp.copy)
        return {
            "dense": copied(dense),
            "fixed": copied(fixed),
            "optimizer": copied(optimizer),
            "tables": {
                name: TableRows(
                    jnp.copy(values),
                    tuple(jnp.full_like(values, slot) for slot in self._config.initial_slots),
                )
                for name, values in tables.items()
            },
            "step": jnp.zeros((), dtype="int32"),
            "rate_scale": jnp.ones((), dtype="float32"),
        }

    def scale_rate(self, scale: float) -> None:
        self._state["rate_scale"] = _put(np.float32(scale), self._placed())

    def run(self, batches: Batches, steps: int | None = None) -> jax.Array:
        stacked = _stacked(batches)
        room = _room(stacked)
        taken = np.arange(room) < (room if steps is None else steps)
        placed = {name: _put(array, self._placed(array)) for name, array in stacked.items()}
        executable = self.executable(batches)
        taken = _put(taken, self._placed())
        data = self._held(batches)
        self._state, losses = executable(self._state, self._feature_values(), data, placed, taken)
        return losses

    def _held(self, batches: Batches) -> dict[str, jax.Array]:
        """The data that the device gathers batches from; only what has changed is sent again."""
        if not isinstance(batches, Recipe):
            return {}
        for name, array in batches.data.items():
            if name not in self._data or self._data[name][0] is not array:
                self._data[name] = (array, jax.device_put(array))
        return {name: held for name, (_, held) in self._data.items()}

    def _feature_values(self) -> list[jax.Array]:
        """The catalogue's features, which are not part of the state: they never change.

        On one device they are the model's own, not a copy, and read anew for every call:
        Keras's prediction donates the model's buffers, and puts others in their place.
        """
        if self._replicated is not None:
            return self._replicated
        return jax.device_put([v.value for v in self._features], self._placed())

    def working_memory(self, batches: Batches) -> int:
        # The compiler has laid its buffers out.
        analysis = self.executable(batches).memory_analysis()
        return analysis.temp_size_in_bytes if analysis else 0

    def traced(self, batches: Batches) -> jax.stages.Traced:
        """The program for batches of these shapes, before it is lowered for a platform."""
        stacked = _stacked(batches)
        shape = batches.shape if isinstance(batches, Recipe) else None
        data = batches.data if isinstance(batches, Recipe) else {}
        described = {
            name: jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=self._placed(array))
            for name, array in stacked.items()
        }
        held = {
            name: jax.ShapeDtypeStruct(array.shape, array.dtype) for name, array in data.items()
        }
        taken = jax.ShapeDtypeStruct((_room(stacked),), bool, sharding=self._placed())
        # A kernel of attention is shared out along the axis of the mesh in force.
        with jax.set_mesh(self._mesh) if self._mesh.size > 1 else nullcontext():
            return self._scan.trace(
                self._state, self._feature_values(), held, described, taken, shape
            )

    def executable(self, batches: Batches) -> jax.stages.Compiled:
        """The program for batches of these shapes, compiled once."""
        shape = batches.shape if isinstance(batches, Recipe) else None
        shapes = (shape, *sorted((name, each.shape) for name, each in _stacked(batches).items()))
        if shapes not in self._executables:
            self._executables[shapes] = self.traced(batches).lower().compile()
        return self._executables[shapes]

    def _placed(self, stacked: np.ndarray | None = None) -> jax.sharding.NamedSharding | None:
        """Where an array lies: a batch in equal shares on all devices, all else on each.

        None for the only device: what is bound to one, and what is not, would be compiled apart.

        The step is written for the whole batch, and the compiler shares its work out: means,
        negatives and unique rows are those of all devices together.
        """
        devices = self._mesh.size
        if devices == 1:
            return None
        if stacked is None or stacked.shape[1] % devices:
            return jax.sharding.NamedSharding(self._mesh, jax.sharding.PartitionSpec())
        return jax.sharding.NamedSharding(self._mesh, jax.sharding.PartitionSpec(None, "batch"))

    def _training_steps(self, state, features, data, batches, taken, shape: Shape | None):
        step = partial(self._step, features, data, shape)
        return jax.lax.scan(step, state, (batches, taken))

    def _step(self, features, data, shape, state, batch_and_taken):
        batch, taken = batch_and_taken
        if shape is not None:
            batch = assembled(data, batch, shape, self._retriever.batch_spec)

        def kept(new, old):
            """Of a step that is not taken the old; part of the update, and no pass of its own."""
            return jax.tree.map(partial(jnp.where, taken), new, old)

        batch, unique = self._localise(batch)
        rows = {
            name: jax.tree.map(
                lambda table, ids=ids: table.at[ids].get(mode="clip"), state["tables"][name]
            )
            for name, ids in unique.items()
        }
        rows |= {name: state["tables"][name] for name in self._whole}
        values = {name: row.values for name, row in rows.items()}
        gradient = jax.value_and_grad(self._loss, argnums=(0, 1), has_aux=True)
        (loss, fixed), (dense_gradient, row_gradient) = gradient(
            state["dense"], values, [*state["fixed"], *features], batch
        )
        rate = self._schedule(state["step"] - self._earlier_steps) * state["rate_scale"]
        optimizer = list(state["optimizer"])
        optimizer[self._rate_index] = rate
        dense, optimizer = self._optimizer.stateless_apply(
            optimizer, dense_gradient, state["dense"]
        )
        tables = {}
        for name, table in state["tables"].items():
            updated = update_rows(rows[name], row_gradient[name], state["step"], rate, self._config)
            if name in self._whole:
                tables[name] = kept(updated, table)
                continue
            # Past the end of the table, where nothing is written.
            ids = jnp.where(taken, unique[name], len(table.values))
            tables[name] = jax.tree.map(
                lambda old, new, ids=ids: old.at[ids].set(new, mode="drop"), table, updated
            )
        state = {
            "dense": kept(dense, state["dense"]),
            "fixed": kept(fixed, state["fixed"]),
            "optimizer": kept(optimizer, state["optimizer"]),
            "tables": tables,
            "step": state["step"] + taken,
            "rate_scale": state["rate_scale"],
        }
        return state, jnp.where(taken, loss, 0.0)

    def _localise(self, batch):
        """Replaces ids by positions among the batch's unique ids.

        Shapes are static, so the unique ids are filled up with one past the
        end, which gathers any row and scatters none.
        """
        batch = dict(batch)
        unique = {}
        if self._retriever.gathers_items:
            names = (
                *(("history",) if self._retriever.batch_spec.history else ()),
                "targets",
                "negatives",
            )
            ids = jnp.concatenate([batch[name].ravel() for name in names])
            catalogue = self._retriever.catalogue_items
            found, local = jnp.unique(
                ids, return_inverse=True, size=min(len(ids), catalogue), fill_value=catalogue
            )
            cuts = np.cumsum([batch[name].size for name in names])[:-1]
            for name, part in zip(names, jnp.split(local, cuts), strict=True):
                batch[name] = part.reshape(batch[name].shape)
            # Features are gathered by these: one past the end would be NaN.
            batch["item_ids"] = jnp.minimum(found, catalogue - 1)
            if "item" in self._tables:
                unique["item"] = found
        if "user" in self._tables:
            # -1, where there is no sequence, is one past the end too.
            users = jnp.where(batch["user"] < 0, self._retriever.users, batch["user"])
            unique["user"], local = jnp.unique(
                users, return_inverse=True, size=len(users), fill_value=self._retriever.users
            )
            batch["user"] = local.reshape(users.shape)
        return batch, unique

    def _loss(self, dense, tables, fixed, batch):
        wholes = [(self._tables[name], tables[name]) for name in self._whole]
        rows = {name: values for name, values in tables.items() if name not in self._whole}
        mapping = [
            *zip(self._dense, dense, strict=True),
            *zip([*self._fixed, *self._features], fixed, strict=True),
            *wholes,
        ]
        with keras.StatelessScope(state_mapping=mapping) as scope:
            outputs = self._retriever(
                batch, training=True, item_rows=rows.get("item"), user_rows=rows.get("user")
            )
            loss = self._retriever.loss_of(outputs, batch)
        return loss, [scope.get_current_value(variable) for variable in self._fixed]

    def state(self) -> State:
        leaves, _ = jax.tree.flatten(self._state)
        return {f"leaf_{index:04d}": np.asarray(leaf) for index, leaf in enumerate(leaves)}

    def restore(self, state: State) -> None:
        leaves, structure = jax.tree.flatten(self._state)
        restored = [jnp.array(state[f"leaf_{index:04d}"]) for index in range(len(leaves))]
        self._state = _put(jax.tree.unflatten(structure, restored), self._placed())

    def optimizer_state(self) -> OptimizerState:
        places = slot_places(self._optimizer, len(self._dense))
        found = jax.tree.map(np.asarray, self._state["optimizer"])
        return OptimizerState(
            int(self._state["step"]),
            self._config.initial_slots,
            {
                name: tuple(map(np.asarray, table.slots))
                for name, table in self._state["tables"].items()
            },
            [tuple(found[place] for place in each) for each in places],
        )

    def take_up(self, state: OptimizerState) -> None:
        self._earlier_steps = state.steps
        optimizer = list(self._state["optimizer"])
        count = optimizer[self._count_index]
        optimizer[self._count_index] = jnp.full_like(count, state.steps)
        for each, slots in zip(
            slot_places(self._optimizer, len(self._dense)), state.dense, strict=True
        ):
            for place, slot in zip(each, slots, strict=True):
                optimizer[place] = jnp.asarray(slot)
        tables = {
            name: TableRows(table.values, tuple(map(jnp.asarray, state.tables[name])))
            for name, table in self._state["tables"].items()
        }
        taken = {"optimizer": optimizer, "tables": tables, "step": jnp.int32(state.steps)}
        self._state = _put({**self._state, **taken}, self._placed())

    def synchronise(self) -> None:
        variables = [*self._dense, *self._fixed, *self._tables.values()]
        tables = [self._state["tables"][name].values for name in self._tables]
        values = [*self._state["dense"], *self._state["fixed"], *tables]
        if self._mesh.size > 1:  # each device of this process holds the whole
            values = [value.addressable_data(0) for value in values]
        # Copies: the state is donated to the next step.
        values = self._copied(values)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def _put(tree: Any, sharding: jax.sharding.NamedSharding | None) -> Any:
    """Arrays where they are to lie; of several processes, each has them and sends its share."""
    if jax.process_count() == 1:
        return jax.device_put(tree, sharding)

    def spread(array: Any) -> jax.Array:
        host = np.asarray(array)
        return jax.make_array_from_callback(host.shape, sharding, lambda share: host[share])

    return jax.tree.map(spread, tree)


def _stacked(batches: Batches) -> Mapping[str, np.ndarray]:
    """The arrays that are sent to the device, a step after the other."""
    return batches.table if isinstance(batches, Recipe) else batches


def _room(stacked: Mapping[str, np.ndarray]) -> int:
    """The steps of these arrays."""
    return len(next(iter(stacked.values())))
