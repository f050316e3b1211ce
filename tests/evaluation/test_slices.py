"""Hot, warm, cold and known, on a log where each can be named."""

import numpy as np

from recsys.data.dataset import Dataset
from recsys.evaluation.ranking import UNRANKED, RankedQueries
from recsys.evaluation.slices import COLD, HOT, WARM, slices, temperatures, with_targets
from tests.evaluation.conftest import WriteDataset


def test_temperatures() -> None:
    # Six of eight have events, so the hottest two (a fifth of six, rounded up).
    found = temperatures(np.array([5, 0, 1, 9, 2, 5, 0, 1]))
    assert found.tolist() == [HOT, COLD, WARM, HOT, WARM, WARM, COLD, WARM]
    assert temperatures(np.zeros(2, int)).tolist() == [COLD, COLD]
    assert temperatures(np.zeros(0, int)).tolist() == []


def dataset_and_ranking(write_dataset: WriteDataset) -> tuple[Dataset, RankedQueries]:
    """User 0 is hot, 1 warm, 2 cold; item 0 is hot, 1 and 2 warm, 3 cold."""
    log = [(0, 0, "train", 0), (0, 0, "train", 1), (0, 1, "train", 2), (1, 2, "train", 0)]
    log += [(0, 3, "test", 9), (0, 2, "test", 9), (1, 0, "test", 9), (2, 3, "test", 9)]
    dataset = write_dataset(log, users=3, items=4)
    ranks = np.array([UNRANKED, 2, 1, UNRANKED], np.int32)
    top = np.array([[1], [0], [0]], np.int32)
    return dataset, RankedQueries(dataset.queries("test"), ranks, top, 0)


def test_slices(write_dataset: WriteDataset) -> None:
    dataset, ranked = dataset_and_ranking(write_dataset)
    found = {each.name: each.ranked for each in slices(ranked, dataset, "train")}
    assert found["hot_users"].queries.users.tolist() == [0]
    assert found["hot_users"].ranks.tolist() == [UNRANKED, 2]
    assert found["warm_users"].queries.users.tolist() == [1]
    assert found["cold_users"].queries.users.tolist() == [2]
    assert found["hot_items"].queries.target_items.tolist() == [0]
    assert found["warm_items"].queries.target_items.tolist() == [2]
    assert found["cold_items"].queries.target_items.tolist() == [3, 3]
    assert found["cold_items"].queries.target_offsets.tolist() == [0, 1, 2]
    # The second row of the protocol: users 0 and 1, unknown items left out.
    known = found["known_items"]
    assert known.queries.users.tolist() == [0, 1]
    assert known.ranks.tolist() == [2, 1]
    assert known.top_items.tolist() == [[1], [0]]


def test_activity_counts_up_to_the_fitted_part(write_dataset: WriteDataset) -> None:
    log = [(0, 0, "train", 0), (1, 1, "validation", 1), (0, 1, "test", 2), (1, 0, "test", 2)]
    dataset = write_dataset(log, users=2, items=2)
    ranked = RankedQueries(
        dataset.queries("test"), np.array([1, 1], np.int32), np.array([[0], [1]], np.int32), 0
    )

    def cold(part):
        found = {each.name: each.ranked for each in slices(ranked, dataset, part)}
        return len(found["cold_users"].queries), len(found["cold_items"].queries)

    assert cold("train") == (1, 1)
    assert cold("validation") == (0, 0)


def test_a_slice_may_be_empty(write_dataset: WriteDataset) -> None:
    _, ranked = dataset_and_ranking(write_dataset)
    empty = with_targets(ranked, np.zeros(4, bool))
    assert len(empty.queries) == 0
    assert empty.queries.target_offsets.tolist() == [0]
    assert empty.top_items.shape == (0, 1)
