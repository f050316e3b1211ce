"""What follows what, counted by hand."""

import numpy as np
import pytest

from recsys.errors import InputError
from recsys.evaluation.baselines.markov import MarkovChain
from tests.evaluation.baselines.logs import EVERYTHING, weigh
from tests.evaluation.conftest import WriteDataset

# 0 is followed by 1 twice and by 2 once, 1 by 2 once, 2 by nothing.
CHAINS = [(0, 0, "train", 1), (0, 1, "train", 2), (0, 2, "train", 3)]
CHAINS += [(1, 0, "train", 1), (1, 1, "train", 2)]
CHAINS += [(2, 0, "train", 1), (2, 2, "train", 2)]
POPULARITY = np.array([3, 2, 2]) / 7
# User 3 asks after 0 and 1, user 4 after nothing, user 5 after an item of no training event.
ASKED = [(3, 0, "validation", 5), (3, 1, "validation", 6), (3, 2, "test", 7)]
ASKED += [(4, 0, "test", 7), (5, 3, "validation", 6), (5, 0, "test", 7)]


def test_by_hand(write_dataset: WriteDataset) -> None:
    dataset = write_dataset([*CHAINS, *ASKED], users=6, items=4)
    queries = dataset.queries("test")
    after_0 = (np.array([0, 2, 1]) + 2 * POPULARITY) / (3 + 2)
    after_1 = (np.array([0, 0, 1]) + 2 * POPULARITY) / (1 + 2)
    chain = MarkovChain(dataset, "train", shrinkage=2.0)
    scores = chain.score(queries, EVERYTHING)
    assert scores.dtype == np.float32 and scores.shape == (3, 3)
    assert scores[0] == pytest.approx(after_1, abs=1e-5)
    for row in scores[1:]:
        assert row / row.sum() == pytest.approx(POPULARITY)
    assert chain.transitions.toarray()[0] == pytest.approx(np.array([0, 2, 1]) / 5)
    assert after_0 == pytest.approx(chain.transitions.toarray()[0] + chain.doubt[0] * POPULARITY)


def test_a_wider_window_counts_and_reads_half_as_much(write_dataset: WriteDataset) -> None:
    dataset = write_dataset([*CHAINS, *ASKED], users=6, items=4)
    # User 0 met item 2 two events after item 0.
    after_0 = (np.array([0, 2, 1.5]) + 2 * POPULARITY) / (3.5 + 2)
    after_1 = (np.array([0, 0, 1]) + 2 * POPULARITY) / (1 + 2)
    chain = MarkovChain(dataset, "train", window=2, shrinkage=2.0)
    scores = chain.score(dataset.queries("test"), EVERYTHING)
    assert scores[0] == pytest.approx(after_1 + after_0 / 2, abs=1e-5)


def test_learns_what_the_fitted_part_holds(write_dataset: WriteDataset) -> None:
    dataset = write_dataset([*CHAINS, *ASKED], users=6, items=4)
    follows = MarkovChain(dataset, "validation", shrinkage=1.0).transitions.toarray()
    # User 3's validation event is a third 1 after 0.
    assert follows[0] == pytest.approx(np.array([0, 3, 1, 0]) / 5)


def test_events_of_one_timestamp_group_do_not_follow_each_other(
    write_dataset: WriteDataset,
) -> None:
    log = [(0, 0, "train", 1), (0, 1, "train", 1), (0, 2, "train", 2), (0, 3, "train", 2)]
    dataset = write_dataset([*log, (0, 0, "test", 3)], users=1, items=4)
    follows = MarkovChain(dataset, "train", window=2, shrinkage=1.0).transitions.toarray()
    after_0, after_1 = np.array([0, 0, 0.5, 0.5]) / (1 + 1), np.array([0, 0, 1, 1]) / (2 + 1)
    assert follows[:2] == pytest.approx(np.array([after_0, after_1]))
    assert not follows[2:].any()


def test_weights_are_those_of_what_follows(write_dataset: WriteDataset) -> None:
    dataset = write_dataset([*CHAINS, *ASKED], users=6, items=4)
    # User 0 only looked at items 0 and 1 (positions 0 and 1) and took two of item 2.
    weigh(dataset, {0: 0.0, 1: 0.0, 2: 2.0})
    follows = MarkovChain(dataset, "train", shrinkage=1.0).transitions.toarray()
    assert follows[0] == pytest.approx(np.array([0, 1, 1]) / (2 + 1))
    assert follows[1] == pytest.approx(np.array([0, 0, 2]) / (2 + 1))


def test_needs_an_order(write_dataset: WriteDataset) -> None:
    dataset = write_dataset(CHAINS, users=3, items=3, has_time=False, has_order=False)
    with pytest.raises(InputError, match="needs an order"):
        MarkovChain(dataset, "train")
    assert MarkovChain.candidates(dataset, "train", "exclude") == []
