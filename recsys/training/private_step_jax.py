"""The training step under differential privacy of users, on JAX.

DP-SGD of Abadi et al., "Deep Learning with Differential Privacy" (2016), with users in the place
of examples; of the item table, where a loss is against negatives, DP-AdaFEST of Ghazi et al.,
"Sparsity-Preserving Differentially Private Training of Large Embedding Models" (2023).

Shapes have the suffixes of :mod:`recsys.batch`: a sequence (S) is a user; R are the table's rows,
and U those of them that a user's batch refers to.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from recsys.data.batches.recipe import Shape
from recsys.data.batches.user_batches import USERS_AT_ONCE
from recsys.errors import InputError
from recsys.models.retriever import Retriever
from recsys.training.checkpoint import State
from recsys.training.optimizer import OptimizerConfig, update_rows
from recsys.training.privacy import Mechanism
from recsys.training.step_jax import JaxStep

# Bytes that the gradients of users who are worked out together may take.
AT_ONCE = 2**28
# Copies of scores that a loss holds.
LOGITS = 3
# Keys of a batch that its users share.
SHARED = ("negatives", "negative_log_counts")
KEY = "noise_key"


class Sums(NamedTuple):
    """What the users of a step add up to, before the noise.

    Attributes:
        dense: their clipped gradients of weights that are not tables.
        tables: those of the tables, by name, [R, D].
        counts_R: how much each row of the item table is theirs; a user's have length 1 at most.
        loss, weight: of all their predictions.
    """

    dense: list[jax.Array]
    tables: dict[str, jax.Array]
    counts_R: jax.Array
    loss: jax.Array
    weight: jax.Array


class PrivateStep(JaxStep):
    """See :class:`recsys.training.step.Step`; batches are those of ``UserBatches``.

    The gradient of each user's loss, over dense weights and rows together, is cut down to length
    ``clip_norm``. To the sum Gaussian noise is added, and the optimizer is given that, divided by
    the users that a step has on average: what it makes of it tells no more of anyone.

    Of the item table, with a loss against negatives, only some rows change: those of the
    negatives, which were drawn without a look at users, and those that enough users have, by a
    noisy count. Noise for all others would be most of what training does.

    Dropout is drawn by the key of the noise, so that nobody knows which users shared a mask.

    Args:
        retriever, config, total_steps: see :class:`JaxStep`.
        mechanism: what keeps the promise.
        key: two words of 32 bits, the secret that noise follows from. It is not part of
            :meth:`state`.

    Raises:
        InputError: the model has weights that change without a gradient, such as moving means of
            a batch: they would tell of users.
    """

    def __init__(
        self,
        retriever: Retriever,
        config: OptimizerConfig,
        total_steps: int,
        mechanism: Mechanism,
        key: Sequence[int],
    ) -> None:
        super().__init__(retriever, config, total_steps)
        self._mechanism = mechanism
        moving = [v.path for v in self._fixed if v.dtype.startswith(("float", "bfloat"))]
        if moving:
            raise InputError(
                f"training.privacy cannot be kept: {', '.join(moving)} would follow from a whole "
                "batch without noise. Use a layer without moving statistics"
            )
        self._seeds = [
            index for index, v in enumerate(self._fixed) if (v.dtype, v.shape) == ("uint32", (2,))
        ]
        # Of the state, so that no compiled program has it.
        self._state[KEY] = jnp.asarray(np.asarray(key, dtype=np.uint32))

    def state(self) -> State:
        key = self._state.pop(KEY)
        try:
            return super().state()
        finally:
            self._state[KEY] = key

    def restore(self, state: State) -> None:
        key = self._state.pop(KEY)
        try:
            super().restore(state)
        finally:
            self._state[KEY] = key

    def _step(self, features, data, shape: Shape | None, state, batch_and_taken):
        batch, taken = batch_and_taken
        keys = jax.random.split(jax.random.fold_in(state[KEY], state["step"]), 3)
        sums = self.clipped_sums(state, features, batch, keys[0])
        chosen_R = self._chosen(sums.counts_R, batch, keys[1])
        dense_gradient, gradients = self._noisy(sums, chosen_R, keys[2])

        def kept(new, old):
            return jax.tree.map(partial(jnp.where, taken), new, old)

        rate = self._schedule(state["step"]) * state["rate_scale"]
        optimizer = list(state["optimizer"])
        optimizer[self._rate_index] = rate
        dense, optimizer = self._optimizer.stateless_apply(
            optimizer, dense_gradient, state["dense"]
        )
        tables = {}
        for name, table in state["tables"].items():
            updated = update_rows(table, gradients[name], state["step"], rate, self._config)
            changes_R1 = (chosen_R & taken)[:, None]
            tables[name] = jax.tree.map(partial(jnp.where, changes_R1), updated, table)
        new = {
            "dense": kept(dense, state["dense"]),
            # Seeds of dropout are not used up: each step has its own.
            "fixed": state["fixed"],
            "optimizer": kept(optimizer, state["optimizer"]),
            "tables": tables,
            "step": state["step"] + taken,
            "rate_scale": state["rate_scale"],
            KEY: state[KEY],
        }
        loss = sums.loss / jnp.maximum(sums.weight, 1e-9)
        return new, jnp.where(taken, loss, 0.0)

    def clipped_sums(self, state, features, batch: Mapping[str, Any], key) -> Sums:
        """What the users of a batch add up to.

        Args:
            state: of the step.
            features: the catalogue's.
            batch: of ``UserBatches``.
            key: of dropout.
        """
        shared = {name: batch[name] for name in SHARED if name in batch}
        of_users, at_once = self._by_user(batch)
        lanes = len(of_users["history"])
        seeds = jax.random.bits(key, (lanes, len(self._seeds), 2), "uint32")
        chunked = jax.tree.map(
            lambda each: each.reshape(lanes // at_once, at_once, *each.shape[1:]), (of_users, seeds)
        )
        of_user = jax.vmap(partial(self._of_user, state, features, shared))

        def add(sums: Sums, users):
            found, ids = of_user(*users)
            return _added(sums, found, ids), None

        tables = {name: table.values for name, table in state["tables"].items()}
        rows = len(tables["item"]) if "item" in tables else 0
        nothing = Sums(
            [jnp.zeros_like(each) for each in state["dense"]],
            {name: jnp.zeros_like(each) for name, each in tables.items()},
            jnp.zeros(rows),
            jnp.zeros(()),
            jnp.zeros(()),
        )
        return jax.lax.scan(add, nothing, chunked)[0]

    def _by_user(self, batch: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
        """The arrays of a batch, a user's after the other's; and how many fit into memory."""
        lanes, width = batch["history"].shape
        packed = "segment_ids" in batch
        width += not packed
        found = {}
        for name, each in batch.items():
            if name in SHARED:
                continue
            # As many cells for every user, whatever an array has for a user.
            cells = each.shape[0] // lanes
            matrix = name in ("targets", "weights", "query_positions", "query_ids")
            found[name] = each.reshape(lanes, cells if matrix else 1, *each.shape[1:])
        found["query_positions"] = found["query_positions"] % width
        if "query_ids" in found:
            found["query_ids"] = found["query_ids"] % width
        if packed:
            found["segment_ids"] = jnp.minimum(found["segment_ids"], 0)
        numbers = sum(int(np.prod(v.shape)) for v in self._dense)
        if "item" in self._tables:
            table = self._tables["item"].shape
            predictions = found["targets"].shape[1]
            ids = negatives = table[0]
            if not self._whole:
                negatives = batch["negatives"].shape[0]
                ids = min(width + predictions + negatives, table[0])
            # Gradients of rows, and what a loss holds of scores.
            numbers += ids * table[1] + LOGITS * predictions * negatives
        at_once = USERS_AT_ONCE
        while at_once > 1 and 4 * numbers * at_once > AT_ONCE:
            at_once //= 2
        return found, at_once

    def _of_user(self, state, features, shared, batch, seeds) -> tuple[Sums, dict[str, Any]]:
        """A user's clipped gradient, whose rows are those of the ids that come with it."""
        fixed = list(state["fixed"])
        for index, seed in zip(self._seeds, seeds, strict=True):
            fixed[index] = seed
        local, unique = self._localise({**batch, **shared})
        values = {name: table.values for name, table in state["tables"].items()}
        for name, ids in unique.items():
            values[name] = values[name].at[ids].get(mode="clip")
        gradient = jax.value_and_grad(self._loss, argnums=(0, 1), has_aux=True)
        (loss, _), (dense, rows) = gradient(state["dense"], values, [*fixed, *features], local)
        weight = jnp.sum(batch["weights"])
        # A lane without a user has no gradient, not even one that is not a number.
        loss, dense, rows = jax.tree.map(
            lambda each: jnp.where(weight > 0, each, 0.0), (loss, dense, rows)
        )
        squares = [jnp.sum(jnp.square(each)) for each in jax.tree.leaves((dense, rows))]
        length = jnp.sqrt(sum(squares))
        scale = jnp.minimum(1.0, self._mechanism.clip_norm / jnp.maximum(length, 1e-30))
        dense, rows = jax.tree.map(lambda each: each * scale, (dense, rows))
        counts_U = jnp.zeros(0)
        if "item" in unique:
            touched_U = jnp.any(rows["item"] != 0, axis=-1)
            touched_U = touched_U.at[local["negatives"]].set(False)
            length = jnp.sqrt(jnp.sum(touched_U, dtype="float32"))
            counts_U = touched_U / jnp.maximum(length, 1.0)
        return Sums(dense, rows, counts_U, loss * weight, weight), unique

    def _chosen(self, counts_R, batch: Mapping[str, Any], key) -> jax.Array:
        """Which rows of the item table change."""
        if self._mechanism.row_noise is None:
            return jnp.ones(len(counts_R), dtype=bool)
        noise_R = self._mechanism.row_noise * jax.random.normal(key, counts_R.shape)
        chosen_R = counts_R + noise_R > self._mechanism.row_threshold
        return chosen_R.at[batch["negatives"]].set(True, mode="drop")

    def _noisy(self, sums: Sums, chosen_R, key) -> tuple[list[jax.Array], dict[str, jax.Array]]:
        """The mean gradients, with noise; of rows that are not chosen 0."""
        deviation = self._mechanism.gradient_noise * self._mechanism.clip_norm
        leaves, structure = jax.tree.flatten((sums.dense, sums.tables))
        keys = jax.random.split(key, len(leaves))
        noisy = [
            (leaf + deviation * jax.random.normal(each, leaf.shape))
            / self._mechanism.expected_users
            for each, leaf in zip(keys, leaves, strict=True)
        ]
        dense, tables = jax.tree.unflatten(structure, noisy)
        return dense, {
            name: jnp.where(chosen_R[:, None], each, 0.0) for name, each in tables.items()
        }


def _added(sums: Sums, found: Sums, ids: Mapping[str, Any]) -> Sums:
    """Sums with those of more users, whose rows are those of their ids, or the whole table."""
    dim_of = {name: each.shape[-1] for name, each in sums.tables.items()}
    tables = {
        name: (
            each.at[ids[name].ravel()].add(
                found.tables[name].reshape(-1, dim_of[name]), mode="drop"
            )
            if name in ids
            else each + found.tables[name].sum(axis=0)
        )
        for name, each in sums.tables.items()
    }
    counts_R = sums.counts_R
    if "item" in ids:
        counts_R = counts_R.at[ids["item"].ravel()].add(found.counts_R.ravel(), mode="drop")
    return Sums(
        [old + new.sum(axis=0) for old, new in zip(sums.dense, found.dense, strict=True)],
        tables,
        counts_R,
        sums.loss + found.loss.sum(),
        sums.weight + found.weight.sum(),
    )
