"""A loss that is not a number: what is behind it is named, and no checkpoint has it."""

from typing import Literal

import keras
import numpy as np
import pytest
from keras import ops

from recsys.data.feature import Feature
from recsys.errors import TrainingDiverged
from recsys.models.query.encoder import BaseEncoderConfig
from recsys.models.retriever import ModelConfig
from recsys.training.build import build_retriever
from recsys.training.checkpoint import load_checkpoint
from recsys.training.checkpoint_folder import places
from recsys.training.config import TrainingConfig
from recsys.training.divergence import all_finite
from recsys.training.fit import fit
from tests.datasets import write_dataset

USERS, ITEMS = 12, 8


def dataset(folder, bad_item=None, bad_user=None, bad_event=None):
    """Every user has had four items in training; one number may be bad."""
    generator = np.random.default_rng(0)
    users = [[generator.permutation(ITEMS)[:4].tolist(), [1], [2]] for _ in range(USERS)]
    arrays = {
        "item": generator.normal(size=(ITEMS, 3)).astype(np.float32),
        "user": generator.normal(size=USERS).astype(np.float32),
        "event": generator.normal(size=USERS * 6).astype(np.float32),
    }
    for side, bad in (("item", bad_item), ("user", bad_user), ("event", bad_event)):
        if bad is not None:
            number, value = bad
            arrays[side].reshape(len(arrays[side]), -1)[number, -1] = value
    return write_dataset(
        folder / "dataset",
        users,
        ITEMS,
        item_features={
            "picture": (Feature(name="picture", kind="vector", width=3), arrays["item"])
        },
        user_features={"age": (Feature(name="age", kind="numeric"), arrays["user"])},
        event_features={"price": (Feature(name="price", kind="numeric"), arrays["event"])},
    )


def train(folder, data, encoder="average", callbacks=(), validate=None, **training):
    query = {
        "encoder": {"kind": encoder} if isinstance(encoder, str) else encoder,
        "user_features": ["age"],
        "event_features": ["price"],
    }
    model = {"dim": 4, "max_events": 4, "query": query, "item": {"features": ["picture"]}}
    settings = {"epochs": 3, "batch_size": 4, "steps_per_dispatch": 2, "checkpoint_seconds": 0}
    config = TrainingConfig.model_validate({**settings, **training})
    retriever = build_retriever(ModelConfig.model_validate(model), data, "train", 1)
    return fit(
        retriever,
        data,
        config,
        1,
        folder / "checkpoints",
        validate=validate,
        metric="size",
        callbacks=callbacks,
    )


@pytest.mark.parametrize(
    "side, number, value, said",
    [
        ("bad_item", 3, np.nan, "feature 'picture' of item 'i3' is nan"),
        ("bad_item", 3, -1e30, r"feature 'picture' of item 'i3' is -1e\+30"),
        ("bad_user", 5, 1e30, r"feature 'age' of user 'u5' is 1e\+30"),
        # The second of the seventh user's.
        ("bad_event", 6 * 6 + 1, np.inf, r"feature 'price' of an event of user 'u6' with item '"),
    ],
)
def test_the_feature_is_named(tmp_path, side, number, value, said):
    data = dataset(tmp_path, **{side: (number, value)})
    with pytest.raises(TrainingDiverged, match=said) as raised:
        train(tmp_path, data)
    assert "in epoch 1, step " in str(raised.value) and "overwrite=True" in str(raised.value)


def test_a_rate_that_is_too_high_is_blamed_where_no_value_stands_out(tmp_path):
    data = dataset(tmp_path)
    optimizer = {"learning_rate": 1e38}
    with pytest.raises(
        TrainingDiverged, match=r"No value .*users 'u\d+', 'u\d+', 'u\d+' and 1 other"
    ):
        train(tmp_path, data, optimizer=optimizer)


class SpikeConfig(BaseEncoderConfig):
    """An encoder of one's own, with a fault."""

    kind: Literal["spike"] = "spike"

    def build(self, dim, positions, **kwargs):
        return Spike(**kwargs)


class Spike(keras.layers.Layer):
    """Divides by zero after three events."""

    def call(self, history_BLD, training=False):
        ages = ops.cumsum(ops.ones_like(history_BLD), axis=1)
        return history_BLD / ops.where(ages > 3.5, 0.0 * ages, ages)


def test_the_sequence_is_named(tmp_path):
    with pytest.raises(TrainingDiverged, match=r"The sequence of user 'u\d+' has a vector that"):
        train(tmp_path, dataset(tmp_path), encoder=SpikeConfig())


class Loser:
    """Loses a weight at a step of the second epoch, as an update that overflows does."""

    def __init__(self) -> None:
        self.retriever = None

    def validate(self, retriever):
        self.retriever = retriever
        return {"size": 1.0}

    def step_ended(self, progress, steps_per_epoch) -> None:
        if (progress.epoch, progress.step) == (1, 4):
            self.retriever.start.assign(np.full(4, np.nan))

    def epoch_ended(self, epoch, metrics) -> None:
        pass


@pytest.mark.parametrize("seconds, said", [(0, "weights are not numbers"), (60, "loss is not a")])
def test_no_checkpoint_has_what_is_not_a_number(tmp_path, seconds, said):
    loser = Loser()
    with pytest.raises(TrainingDiverged, match=rf"in epoch 2, step \d+: the {said}.* ran away"):
        train(
            *(tmp_path, dataset(tmp_path), "average", [loser], loser.validate),
            checkpoint_seconds=seconds,
            steps_per_dispatch=1,
            batch_size=1,
        )
    newest = places(tmp_path / "checkpoints")[0]
    assert (newest.epoch, newest.step) == ((1, 3) if seconds == 0 else (1, 0))
    for path in (tmp_path / "checkpoints").glob("*.npz"):
        assert all_finite(load_checkpoint(path)[0])


def test_what_is_finite():
    large = np.full(3, 3e38, dtype=np.float32)
    assert all_finite({"large": large, "whole": np.arange(3)})  # though their sum is not
    assert not all_finite({"a": np.zeros(2, np.float32), "b": np.array([1.0, np.nan])})
    assert not all_finite({"a": np.array([np.inf, -np.inf])})
