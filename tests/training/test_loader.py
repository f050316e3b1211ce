"""The steps of an epoch, grouped for the device."""

import numpy as np

from recsys.batch import BatchSpec
from recsys.data.batches.training_batches import TrainingBatches
from recsys.training.loader import Loader
from tests.datasets import write_dataset


def loader_of(folder, epochs: int = 3) -> Loader:
    """Sixty short sequences, and one long one."""
    users = [[list(range(length)), [0], [1]] for length in [3] * 60 + [30]]
    dataset = write_dataset(folder, users, 30)
    return Loader(TrainingBatches(dataset, BatchSpec(30), batch_size=4), 8, epochs)


def test_the_largest_step_may_be_alone(tmp_path):
    """Many steps of short sequences hold more together, but a step of them holds less."""
    largest = loader_of(tmp_path / "dataset").largest()
    assert largest["history"].shape == (1, 1, 29)


def test_an_epoch_asked_for_again_is_the_same(tmp_path):
    loader = loader_of(tmp_path / "dataset")
    first, again = (
        [load.batches["targets"] for load in loader.epoch(epoch, 0)] for epoch in (0, 0)
    )
    assert len(first) == len(again)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    loader.close()
