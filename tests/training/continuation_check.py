"""Prints how training goes on from an earlier one, on the backend of the environment.

Usage: continuation_check.py FOLDER, an empty one. Prints one JSON line: under ``resumed``, by
optimizer, how far the weights of two steps, then two of a step that takes its slots up, are from
those of four steps in a row, and how far without the slots; under ``carried``, how far the vector
of an item or a value is from what it was, and what is new from the mean of what is known; under
``killed``, how far the weights of a training that was stopped and went on are from those of one
that was not.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from recsys.data.dataset import Dataset
from recsys.data.feature import Feature
from recsys.models.retriever import ModelConfig
from recsys.training.build import build_retriever
from recsys.training.config import TrainingConfig
from recsys.training.continuation import Earlier, carry_over, optimizer_state
from recsys.training.fit import fit
from recsys.training.optimizer import OptimizerConfig
from recsys.training.step import build_step
from tests.datasets import write_dataset
from tests.training.step_check import BATCH

OPTIMIZERS = {
    "adam": OptimizerConfig(learning_rate=0.05),
    "adagrad": OptimizerConfig(kind="adagrad", learning_rate=0.05),
}


class StoppedHere(Exception):
    """In the middle of an epoch."""


class StopsAt:
    def __init__(self, step: int) -> None:
        self.step = step

    def step_ended(self, progress, steps_per_epoch):
        if progress.step >= self.step:
            raise StoppedHere

    def epoch_ended(self, epoch, metrics): ...


def weights(retriever) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable) for variable in retriever.trainable_variables]


def off(one, other) -> float:
    pairs = zip(one, other, strict=True)
    return max(float(np.abs(a - b).max(initial=0)) for a, b in pairs)


def resumed(fresh, optimizer: OptimizerConfig) -> dict[str, float]:
    def after(retriever, slots, steps: int):
        step = build_step(retriever, optimizer, 10)
        if slots is not None:
            step.take_up(slots)
        step.run({name: np.stack([each] * steps) for name, each in BATCH.items()})
        step.synchronise()
        return step.optimizer_state()

    whole, half, without = fresh(), fresh(), fresh()
    after(whole, None, 4)
    slots = after(half, None, 2)
    without.set_weights(half.get_weights())
    after(half, slots, 2)
    after(without, None, 2)
    return {
        "with": off(weights(whole), weights(half)),
        "without": off(weights(whole), weights(without)),
    }


def write(folder: Path, words: list[str], items: list[int], users: int) -> Dataset:
    """Items are named by number, in the order of the list; colours are words, by turns."""
    colours = np.array([1 + item % len(words) for item in range(len(items))], dtype=np.int32)
    feature = Feature(name="colour", kind="categorical", vocabulary_size=len(words) + 1)
    events = [[list(range(len(items))), [0], [1]] for _ in range(users)]
    made = write_dataset(folder, events, len(items), item_features={"colour": (feature, colours)})
    import pandas as pd

    ids = pd.DataFrame({"item_id": [f"i{i}" for i in items], "title": [f"i{i}" for i in items]})
    ids.to_parquet(folder / "items.parquet")
    pd.DataFrame({"value": words}).to_parquet(
        folder / "features" / "item.colour.vocabulary.parquet"
    )
    made.manifest.write(folder)
    return Dataset(folder)


def carried(folder: Path) -> tuple[dict[str, float], dict[str, int]]:
    before = write(folder / "before", ["red", "blue"], [0, 1, 2, 3], users=3)
    now = write(folder / "now", ["blue", "green", "red"], [7, 3, 1, 0], users=5)
    config = ModelConfig.model_validate(
        {"dim": 4, "max_events": 4, "query": {"user_id": True}, "item": {"features": ["colour"]}}
    )
    old, new = (build_retriever(config, data, "train", 1) for data in (before, now))
    old.tables["user"].assign(np.arange(12.0).reshape(3, 4))
    step = build_step(old, OPTIMIZERS["adagrad"], 10)
    state = step.optimizer_state()
    marked = np.arange(16.0, dtype=np.float32).reshape(4, 4)
    state = state._replace(tables={**state.tables, "item": (marked,)})
    earlier = Earlier(old, before, "train", "", state, 0.0)
    slots, counts = carry_over(earlier, new, now)
    item, value, user = (
        [keras.ops.convert_to_numpy(v) for v in pair]
        for pair in (
            (old.tables["item"], new.tables["item"]),
            (old.vocabulary_tables("item")["colour"], new.vocabulary_tables("item")["colour"]),
            (old.tables["user"], new.tables["user"]),
        )
    )
    (slot,) = slots.tables["item"]
    return {
        "items": off([item[0][[3, 1, 0]]], [item[1][1:]]),
        "new_item": off([item[0][[3, 1, 0]].mean(axis=0)], [item[1][0]]),
        "values": off([value[0][[0, 2, 1]]], [value[1][[0, 1, 3]]]),
        "new_value": off([value[0].mean(axis=0)], [value[1][2]]),
        "users": off([user[0]], [user[1][:3]]),
        "new_users": float(np.abs(user[1][3:]).max()),
        "slots": off([marked[[3, 1, 0]]], [slot[1:]]),
        "new_slot": off([np.full(4, 0.1)], [slot[0]]),
    }, counts


def killed(folder: Path) -> float:
    users = [[[(u + e) % 9 for e in range(4 + u % 3)], [1], [2]] for u in range(12)]
    before = write_dataset(folder / "small", [[u[0][:3], [1], [2]] for u in users], 10)
    now = write_dataset(folder / "grown", users, 10)
    config = ModelConfig.model_validate(
        {"dim": 4, "max_events": 4, "query": {"encoder": {"kind": "gru"}}}
    )
    training = TrainingConfig.model_validate(
        {"epochs": 2, "batch_size": 2, "steps_per_dispatch": 1, "checkpoint_seconds": 0}
    )
    first = build_retriever(config, before, "train", 1)
    fit(first, before, training, 1, folder / "first")
    origin = {"backend": keras.backend.backend(), "dataset": before.fingerprint, "seed": 1}

    def go_on(name: str, *callbacks) -> list[np.ndarray]:
        slots = optimizer_state(first, training.optimizer, origin, folder / "first")
        assert slots is not None
        # The times of this log are numbers of events: what is old is told by their number.
        small = before.manifest.model_copy(update={"has_time": False})
        before.manifest = small
        earlier = Earlier(first, before, "train", "digest", slots, 0.5)
        retriever = build_retriever(config, now, "train", 1)
        fit(retriever, now, training, 1, folder / name, callbacks=callbacks, earlier=earlier)
        return weights(retriever)

    whole = go_on("whole")
    try:
        go_on("stopped", StopsAt(2))
        raise AssertionError("it was not stopped")
    except StoppedHere:
        pass
    return off(whole, go_on("stopped"))


def main(folder: str) -> None:
    root = Path(folder)
    users = [[[(u + e) % 16 for e in range(4)], [1], [2]] for u in range(10)]
    dataset = write_dataset(root / "steps", users, 16)
    config = ModelConfig.model_validate(
        {
            "dim": 8,
            "max_events": 3,
            "query": {"encoder": {"kind": "gru"}, "user_id": True, "user_id_dropout": 0},
            "loss": {"kind": "sampled_softmax", "negatives": {"kind": "uniform", "count": 4}},
        }
    )

    def fresh():
        return build_retriever(config, dataset, "train", 1)

    found, counts = carried(root)
    print(
        json.dumps(
            {
                "resumed": {name: resumed(fresh, each) for name, each in OPTIMIZERS.items()},
                "carried": found,
                "counts": counts,
                "killed": killed(root),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
