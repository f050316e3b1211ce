"""The steps of an epoch, grouped for the device."""

import numpy as np

from recsys.data.batches.training_batches import TrainingBatches
from recsys.training.loader import Feed
from tests.datasets import write_dataset


def feed_of(folder, epochs: int = 3) -> Feed:
    """Sixty short rows, and one long one."""
    users = [[list(range(length)), [0], [1]] for length in [3] * 60 + [20]]
    batches = TrainingBatches(write_dataset(folder, users, 20), "train", 30, 4, seed=1)
    return Feed(batches, None, 1, 8, epochs)


def test_the_largest_step_may_be_alone(tmp_path):
    """Fifteen steps of short rows hold more together, but a step holds one alone."""
    largest = feed_of(tmp_path / "dataset").largest()
    assert largest["history"].shape == (1, 4, 19)


def test_an_epoch_asked_for_again_is_the_same(tmp_path):
    feed = feed_of(tmp_path / "dataset")
    first, again = ([batches["targets"] for batches, _ in feed.epoch(epoch, 0)] for epoch in (0, 0))
    assert len(first) == len(again)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    feed.close()
