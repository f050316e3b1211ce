"""Popularity, counted by hand."""

import numpy as np

from recsys.evaluation.baselines.popular import Popular
from tests.evaluation.baselines.logs import EVERYTHING, FASHION, weigh
from tests.evaluation.conftest import WriteDataset


def test_counts_the_fitted_part_only(write_dataset: WriteDataset) -> None:
    dataset = write_dataset(FASHION, users=3, items=3)
    queries = dataset.queries("test")
    assert Popular(dataset, "train").score(queries, EVERYTHING).tolist() == [[3, 2, 1]]
    assert Popular(dataset, "validation").score(queries, EVERYTHING).tolist() == [[3, 2, 3]]


def test_knows_no_item_without_training_events(write_dataset: WriteDataset) -> None:
    dataset = write_dataset([(0, 0, "train", 1), (0, 1, "test", 2)], users=1, items=2)
    scores = Popular(dataset, "train").score(dataset.queries("test"), EVERYTHING)
    assert scores.shape == (1, 1) and scores.dtype == np.float32


def test_sums_weights(write_dataset: WriteDataset) -> None:
    dataset = write_dataset(FASHION, users=3, items=3)
    weigh(dataset, {1: 5.0})  # user 0's event of item 1
    assert Popular(dataset, "train").scores.tolist() == [3, 6, 1]
