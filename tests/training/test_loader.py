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


def test_memory_is_forecast_of_each_shape(tmp_path):
    """The long sequence has the most cells, and steps of short ones predict as many events."""
    found = [batches["history"].shape for batches in loader_of(tmp_path / "d").of_each_shape()]
    assert sorted(found) == [(1, 1, 29), (7, 5, 3)]


def test_an_epoch_asked_for_again_is_the_same(tmp_path):
    loader = loader_of(tmp_path / "dataset")
    first, again = (
        [load.batches["targets"] for load in loader.epoch(epoch, 0)] for epoch in (0, 0)
    )
    assert len(first) == len(again)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    loader.close()
