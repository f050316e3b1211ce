"""Item-to-item similarities on logs small enough to score by hand."""

import numpy as np
import pytest

from recsys.evaluation.baselines import item_knn
from recsys.evaluation.baselines.item_knn import ItemKNN
from tests.evaluation.baselines.logs import EVERYTHING, PAIRS, random_log
from tests.evaluation.conftest import WriteDataset


def test_by_hand(write_dataset: WriteDataset) -> None:
    # User 6 has met items 0 and 2 by the time of the test.
    log = [*PAIRS, (6, 0, "validation", 8), (6, 2, "validation", 9), (6, 1, "test", 10)]
    dataset = write_dataset(log, users=7, items=5)
    queries = dataset.queries("test")
    knn = ItemKNN(dataset, "train", shrinkage=1.0)
    similar_01, similar_23 = 3 / (3 + 1), 2 / (2 + 1)
    scores = knn.score(queries, EVERYTHING)
    assert scores.dtype == np.float32
    assert scores[0] == pytest.approx([0, similar_01, 0, similar_23, 0], abs=1e-5)

    faded = ItemKNN(dataset, "train", shrinkage=1.0, decay=0.5).score(queries, EVERYTHING)
    assert faded[0] == pytest.approx([0, similar_01 / 2, 0, similar_23, 0], abs=1e-5)

    again = knn.variant(decay=1.0, repeats=True).score(queries, EVERYTHING)
    assert again[0] == pytest.approx([3 / 4, similar_01, 2 / 3, similar_23, 0], abs=1e-5)


def test_without_history_or_neighbours_it_is_popularity(write_dataset: WriteDataset) -> None:
    log = [*PAIRS, (6, 4, "validation", 8), (6, 0, "test", 10), (7, 0, "test", 10)]
    dataset = write_dataset(log, users=8, items=5)
    scores = ItemKNN(dataset, "train").score(dataset.queries("test"), EVERYTHING)
    for row in scores:
        assert row.argsort(kind="stable")[::-1].tolist() == [1, 0, 3, 2, 4]


def test_keeps_the_nearest_and_drops_unknown_items(write_dataset: WriteDataset) -> None:
    # Item 0 was met with item 1 by three users and with item 2 by one;
    # item 3 has no training event and says nothing.
    log = [(user, item, "train", item) for user in (0, 1, 2) for item in (0, 1)]
    log += [(2, 2, "train", 3), (3, 0, "validation", 8), (3, 3, "validation", 9)]
    log += [(3, 1, "test", 10)]
    dataset = write_dataset(log, users=4, items=4)
    queries = dataset.queries("test")
    near = ItemKNN(dataset, "train", neighbours=1, shrinkage=0.0).score(queries, EVERYTHING)
    assert near[0] == pytest.approx([0, 1, 0], abs=1e-5)
    wide = ItemKNN(dataset, "train", neighbours=2, shrinkage=0.0).score(queries, EVERYTHING)
    assert wide[0] == pytest.approx([0, 1, 1 / np.sqrt(3)], abs=1e-5)


def test_against_dense_algebra(write_dataset: WriteDataset, monkeypatch) -> None:
    monkeypatch.setattr(item_knn, "_BLOCK_ITEMS", 3)
    log = [*random_log(users=30, items=11, events=6), (0, 10, "train", 9)]
    dataset = write_dataset(log, users=30, items=11)
    read = np.zeros((30, 11))
    for user, item, part, _ in log:
        read[user, item] += part == "train"
    met = read > 0
    users = met.sum(axis=0)
    similar = met.T.astype(float) @ met / (np.sqrt(np.outer(users, users)) + 10)
    np.fill_diagonal(similar, 0)
    scores = ItemKNN(dataset, "train").score(dataset.queries("test"), slice(5, 25))
    assert scores == pytest.approx((read @ similar)[5:25], abs=1e-5)
