"""Prints what private training does on JAX, as one JSON line.

Usage: private_step_check.py FOLDER

Under ``sums``, for several models, how far the clipped sums are from gradients that were worked
out user by user; how far one user who is removed moves them, in clip norms; and how much of the
gradients was cut. Under ``noise``, the standard deviation of the noise over what it should be,
and the share of rows that are chosen without users. Under ``fit``, what whole trainings leave.
"""

import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import keras
import numpy as np

from recsys.data.batches.user_batches import UserBatches
from recsys.data.dataset import Dataset
from recsys.models.retriever import ModelConfig
from recsys.training.build import build_retriever
from recsys.training.checkpoint_folder import places
from recsys.training.config import TrainingConfig
from recsys.training.fit import fit
from recsys.training.optimizer import OptimizerConfig
from recsys.training.privacy import SECRET, Mechanism, keep_secret
from recsys.training.private_step_jax import PrivateStep, Sums
from tests.datasets import checkerboard

CLIP = 0.05
SAMPLED = {"kind": "sampled_softmax", "negatives": {"kind": "uniform", "count": 3}}
ATTENTION = {"kind": "attention", "blocks": 1, "heads": 1, "dropout": 0.0}
MODELS = {
    "attention, sampled": {"query": {"encoder": ATTENTION}, "loss": SAMPLED},
    "gru, sampled": {"query": {"encoder": {"kind": "gru", "dropout": 0.0}}, "loss": SAMPLED},
    "gru, whole": {"query": {"encoder": {"kind": "gru", "dropout": 0.0}}},
}
ATTENDING = {"query": {"encoder": {**ATTENTION, "dropout": 0.5}}, "loss": SAMPLED}


def mechanism(row_noise: float | None = 3.0) -> Mechanism:
    return Mechanism(
        epsilon=8.0,
        delta=1e-3,
        clip_norm=CLIP,
        noise_multiplier=0.9,
        gradient_noise=1.5,
        row_noise=row_noise,
        row_threshold=None if row_noise is None else 2 * row_noise,
        users=24,
        sampling_rate=0.25,
        steps=10,
        accountant="none",
    )


def gradient_of(retriever, variables):
    """The gradient of the loss over whole tables, of one user's batch."""

    def loss(values, one):
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return retriever.loss_of(retriever(one, training=True), one)

    compiled = jax.jit(jax.grad(loss))  # users' batches are of one shape
    return lambda one: compiled([variable.value for variable in variables], one)


def clipped_by_hand(gradient, batch, user, lanes):
    """One user's gradient, cut down, as numbers."""
    width = batch["history"].shape[1] + ("segment_ids" not in batch)
    one = {}
    for name, array in batch.items():
        if name.startswith("negative"):
            one[name] = array
            continue
        cells = len(array) // lanes
        one[name] = array[user * cells : (user + 1) * cells]
    one["query_positions"] = one["query_positions"] % width
    if "query_ids" in one:
        one["query_ids"] = one["query_ids"] % width
    if "segment_ids" in one:
        one["segment_ids"] = np.minimum(one["segment_ids"], 0)
    gradients = [np.asarray(each) for each in gradient(one)]
    length = np.sqrt(sum(np.square(g).sum() for g in gradients))
    return [g * min(1.0, CLIP / length) for g in gradients], length


def sums(dataset, model) -> dict[str, float]:
    config = ModelConfig.model_validate({"dim": 6, "max_events": 3, **model})
    retriever = build_retriever(config, dataset, "train", seed=1)
    table = retriever.tables["item"]
    table.assign(np.random.default_rng(0).normal(size=table.shape))
    whole = bool(retriever.whole_tables)
    sampler = config.loss.build_sampler(np.ones(retriever.known_items, dtype=int))
    batches = UserBatches(
        dataset, retriever.batch_spec, "train", 6, [1, 2, 3, 4], 1, sampler=sampler
    )
    sample = batches.sample(0)
    dispatch = next(batches.dispatches(sample, 2))
    batch = batches.batch(dispatch, 0, sample)
    lanes, users = dispatch.placement.lanes, len(batches.users(dispatch, 0))
    step = PrivateStep(retriever, OptimizerConfig(), 10, mechanism(None if whole else 3.0), [5, 6])

    def found(batch) -> Sums:
        return step.clipped_sums(step._state, step._feature_values(), batch, jnp.zeros(2, "uint32"))

    together = found(batch)
    gradient = gradient_of(retriever, [*step._dense, table])
    alone = [clipped_by_hand(gradient, batch, user, lanes) for user in range(users)]
    expected = [np.sum(each, axis=0) for each in zip(*(one for one, _ in alone), strict=True)]
    off = [
        float(np.abs(np.asarray(new) - old).max())
        for new, old in zip([*together.dense, together.tables["item"]], expected, strict=True)
    ]
    room = len(batch["weights"]) // lanes
    weights = batch["weights"].copy()
    weights[:room] = 0.0
    without = found({**batch, "weights": weights})
    moved = jax.tree.map(
        lambda a, b: jnp.sum(jnp.square(a - b)),
        (together.dense, together.tables),
        (without.dense, without.tables),
    )
    counts = np.asarray(together.counts_R) - np.asarray(without.counts_R)
    return {
        "users": users,
        "off": max(off),
        "size": float(max(np.abs(each).max() for each in expected)),
        "cut": float(np.mean([length > CLIP for _, length in alone])),
        "moved": float(np.sqrt(sum(jax.tree.leaves(moved)))) / CLIP,
        "counts_moved": float(np.linalg.norm(counts)),
    }


def noise(dataset) -> dict[str, float]:
    config = ModelConfig.model_validate({"dim": 6, "max_events": 3, **MODELS["gru, sampled"]})
    step = PrivateStep(
        build_retriever(config, dataset, "train", seed=1),
        OptimizerConfig(),
        10,
        mechanism(),
        [5, 6],
    )
    rows = 50_000
    nothing = Sums(
        [jnp.zeros((400, 500))],
        {"item": jnp.zeros((rows, 4))},
        jnp.zeros(rows),
        jnp.zeros(()),
        jnp.zeros(()),
    )
    key = jax.random.key(0)
    negatives = {"negatives": jnp.array([7, 9])}
    chosen = step._chosen(nothing.counts_R, negatives, key)
    dense, tables = step._noisy(nothing, chosen, key)
    expected = 1.5 * CLIP / (24 * 0.25)
    item = np.asarray(tables["item"])
    return {
        "dense": float(np.std(dense[0])) / expected,
        "rows": float(np.std(item[np.asarray(chosen)])) / expected,
        "others": float(np.abs(item[~np.asarray(chosen)]).max()),
        "chosen": float(np.mean(chosen)),
        "negatives": bool(chosen[7] and chosen[9]),
    }


class _Killed(Exception):
    pass


class _Killing:
    """Raises after so many dispatches."""

    def __init__(self, dispatches: int) -> None:
        self._left = dispatches

    def step_ended(self, progress, steps_per_epoch) -> None:
        self._left -= 1
        if not self._left:
            raise _Killed

    def epoch_ended(self, epoch, metrics) -> None:
        pass


def trainings(dataset, folder: Path) -> dict[str, object]:
    model = ModelConfig.model_validate({"dim": 6, "max_events": 3, **ATTENDING})
    config = TrainingConfig.model_validate(
        {
            "epochs": 3,
            "batch_size": 6,
            "steps_per_dispatch": 2,
            "checkpoint_seconds": 0,
            "privacy": {"epsilon": 8, "delta": 1e-3},
        }
    )
    worse = iter([0.3, 0.2, 0.1])

    def trained(name, secret=None, callbacks=()):
        retriever = build_retriever(model, dataset, "train", seed=1)
        if secret and not (folder / name).exists():
            keep_secret(folder / name, secret)
        validate = None if name != "validated" else lambda _: {"m": next(worse)}
        progress = fit(
            retriever,
            dataset,
            config,
            1,
            folder / name,
            validate=validate,
            metric="m",
            callbacks=callbacks,
        )
        return progress, [np.array(w) for w in retriever.get_weights()]

    secret = [1, 2, 3, 4]
    progress, whole = trained("whole", secret)
    try:
        trained("killed", secret, [_Killing(3)])
    except _Killed:
        kept = (folder / "killed" / SECRET).is_file()
    begun = len(places(folder / "killed"))
    resumed = trained("killed", secret)[1]
    validated, drawn = trained("validated")
    equal = [np.array_equal(a, b) for a, b in zip(whole, resumed, strict=True)]
    finite = all(np.isfinite(w).all() for w in whole if w.dtype.kind == "f")
    held = b"".join(path.read_bytes() for path in (folder / "whole").iterdir())
    return {
        "resumed": all(equal),
        "begun": begun,
        "kept": kept,
        "left": (folder / "whole" / SECRET).exists(),
        "key_in_checkpoints": np.array(secret[:2], np.uint32).tobytes() in held,
        "finite": finite,
        "apart": max(float(np.abs(a - b).max()) for a, b in zip(whole, drawn, strict=True)),
        "best_epoch": validated.best_epoch,
        "epochs": len(validated.history),
        "privacy": progress.privacy,
    }


def with_baskets(dataset: Dataset) -> Dataset:
    """The same log, in which each user's last two training events share a timestamp."""
    begins = np.array(dataset.history_ends)
    _, ends = dataset.part_range("train")
    begins[ends - 1] = ends - 2
    np.save(dataset.path / "history_ends.npy", begins)
    return Dataset(dataset.path)


def main() -> None:
    folder = Path(sys.argv[1])
    dataset = checkerboard(folder / "dataset", users=24, items=12)
    baskets = with_baskets(checkerboard(folder / "baskets", users=24, items=12))
    found = {
        "sums": {
            **{name: sums(dataset, model) for name, model in MODELS.items()},
            "baskets": sums(baskets, MODELS["attention, sampled"]),
        },
        "noise": noise(dataset),
        "fit": trainings(dataset, folder),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
