"""Baselines on logs small enough to score by hand."""

import numpy as np
import pytest

from recsys.errors import InputError
from recsys.evaluation import baselines
from recsys.evaluation.baselines import ItemKNN, Popular, RecentPopular, candidates, fit
from tests.evaluation.conftest import WriteDataset

EVERYTHING = slice(None)

# Item 0 was popular long ago, item 1 is popular now, item 2 has one event.
FASHION = [
    (0, 0, "train", 1),
    (0, 1, "train", 98),
    (1, 0, "train", 2),
    (1, 1, "train", 99),
    (2, 0, "train", 3),
    (2, 2, "train", 100),
    (0, 2, "validation", 101),
    (1, 2, "validation", 102),
    (2, 1, "test", 103),
]


def test_popular_counts_the_fitted_part_only(write_dataset: WriteDataset) -> None:
    dataset = write_dataset(FASHION, users=3, items=3)
    queries = dataset.queries("test")
    assert Popular(dataset, "train").score(queries, EVERYTHING).tolist() == [[3, 2, 1]]
    assert Popular(dataset, "validation").score(queries, EVERYTHING).tolist() == [[3, 2, 3]]


def test_popular_knows_no_item_without_training_events(write_dataset: WriteDataset) -> None:
    dataset = write_dataset([(0, 0, "train", 1), (0, 1, "test", 2)], users=1, items=2)
    scores = Popular(dataset, "train").score(dataset.queries("test"), EVERYTHING)
    assert scores.shape == (1, 1) and scores.dtype == np.float32


def test_popular_sums_weights(write_dataset: WriteDataset) -> None:
    dataset = write_dataset(FASHION, users=3, items=3)
    weights = np.ones(len(FASHION), np.float32)
    weights[1] = 5.0  # user 0's event of item 1
    np.save(dataset.path / "event_weights.npy", weights)
    assert Popular(dataset, "train").scores.tolist() == [3, 6, 1]


def test_recent_popular_by_time(write_dataset: WriteDataset) -> None:
    dataset = write_dataset(FASHION, users=3, items=3)
    # The last 3 days hold items 1 (twice) and 2 (once).
    assert RecentPopular(dataset, "train", days=3).scores.tolist() == [0, 2, 1]
    # The last day holds item 2; items 0 and 1 follow by all their events.
    assert RecentPopular(dataset, "train", days=1).scores.tolist() == [1, 0, 2]


def test_recent_popular_by_order(write_dataset: WriteDataset) -> None:
    dataset = write_dataset(FASHION, users=3, items=3, has_time=False)
    assert RecentPopular(dataset, "train", share=0.5).scores.tolist() == [0, 2, 1]
    assert RecentPopular(dataset, "train", share=1.0).scores.tolist() == [2, 1, 0]


def test_recent_popular_needs_an_order(write_dataset: WriteDataset) -> None:
    dataset = write_dataset(FASHION, users=3, items=3, has_time=False, has_order=False)
    with pytest.raises(InputError, match="neither"):
        RecentPopular(dataset, "train")
    assert list(candidates("recent_popular", dataset, "train", "exclude")) == []


# Users 0 to 2 met items 0 and 1, users 3 and 4 items 2 and 3, item 4 is alone.
PAIRS = [(user, item, "train", item) for user in (0, 1, 2) for item in (0, 1)]
PAIRS += [(user, item, "train", item) for user in (3, 4) for item in (2, 3)]
PAIRS += [(5, 4, "train", 0)]


def test_item_knn_by_hand(write_dataset: WriteDataset) -> None:
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


def test_item_knn_without_history_or_neighbours_is_popular(write_dataset: WriteDataset) -> None:
    log = [*PAIRS, (6, 4, "validation", 8), (6, 0, "test", 10), (7, 0, "test", 10)]
    dataset = write_dataset(log, users=8, items=5)
    scores = ItemKNN(dataset, "train").score(dataset.queries("test"), EVERYTHING)
    for row in scores:
        assert row.argsort(kind="stable")[::-1].tolist() == [1, 0, 3, 2, 4]


def test_item_knn_keeps_the_nearest_and_drops_unknown_items(write_dataset: WriteDataset) -> None:
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


def test_item_knn_against_dense_algebra(write_dataset: WriteDataset, monkeypatch) -> None:
    monkeypatch.setattr(baselines, "_BLOCK_ITEMS", 3)
    generator = np.random.default_rng(0)
    log = [
        (user, int(item), "train", day)
        for user in range(30)
        for day, item in enumerate(generator.integers(0, 11, 6))
    ]
    log += [(0, 10, "train", 9)] + [(user, 0, "test", 20) for user in range(30)]
    dataset = write_dataset(log, users=30, items=11)
    met = np.zeros((30, 11))
    read = np.zeros((30, 11))
    for user, item, part, _ in log:
        if part == "train":
            met[user, item] = 1
            read[user, item] += 1
    users = met.sum(axis=0)
    similar = met.T @ met / (np.sqrt(np.outer(users, users)) + 10)
    np.fill_diagonal(similar, 0)
    scores = ItemKNN(dataset, "train").score(dataset.queries("test"), slice(5, 25))
    assert scores == pytest.approx((read @ similar)[5:25], abs=1e-5)


def test_item_knn_checks_the_memory_first(write_dataset: WriteDataset, monkeypatch) -> None:
    class Full:
        available = 10

    monkeypatch.setattr(baselines.psutil, "virtual_memory", Full)
    with pytest.raises(InputError, match=r"item_knn needs about .* GiB"):
        ItemKNN(write_dataset(PAIRS, users=6, items=5), "train")


def test_candidates(write_dataset: WriteDataset) -> None:
    timed = write_dataset(FASHION, users=3, items=3)

    def tried(name, seen="exclude", dataset=timed):
        return [settings for settings, _ in candidates(name, dataset, "train", seen)]

    assert tried("popular") == [{}]
    assert [each["days"] for each in tried("recent_popular")] == list(baselines.WINDOW_DAYS)
    assert len(tried("item_knn")) == 3
    assert len(tried("item_knn", seen="allow")) == 6
    ordered = write_dataset(FASHION, users=3, items=3, has_time=False, name="ordered")
    shares = [each["share"] for each in tried("recent_popular", dataset=ordered)]
    assert shares == list(baselines.WINDOW_SHARES)


def test_fit_takes_the_settings_of_a_candidate(write_dataset: WriteDataset) -> None:
    dataset = write_dataset(FASHION, users=3, items=3)
    queries = dataset.queries("test")
    for name in ("popular", "recent_popular", "item_knn"):
        for settings, scorer in candidates(name, dataset, "train", "allow"):
            again = fit(name, dataset, "train", settings)
            expected = scorer.score(queries, EVERYTHING)
            assert again.score(queries, EVERYTHING) == pytest.approx(expected)
