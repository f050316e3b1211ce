"""Implicit ALS: the right answer on the checkerboard, the formula for a query's vector."""

import sys

import numpy as np
import pytest

from recsys.errors import InputError
from recsys.evaluation.baselines.als import ALS
from recsys.evaluation.ranking import rank
from tests.datasets import checkerboard
from tests.evaluation.baselines.logs import ASKED, EVERYTHING, PAIRS, weigh
from tests.evaluation.conftest import WriteDataset


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    return checkerboard(tmp_path_factory.mktemp("als") / "checkerboard")


def test_solves_the_checkerboard(board) -> None:
    scorer = ALS(board, "validation", factors=2, regularization=0.1, alpha=10.0)
    ranked = rank(scorer, board, board.queries("test"), "exclude", k=1)
    assert ranked.ranks.tolist() == [1] * 24


def test_a_query_is_solved_for_from_its_history(board) -> None:
    scorer = ALS(board, "train", factors=3, regularization=0.5, alpha=4.0)
    items = scorer.model.item_factors.astype(np.float64)
    expected = []
    for user in range(24):
        history = board.event_items[6 * user : 6 * user + 5]  # the validation event included
        met = items[history]
        # Hu et al. (2008), equation 4.
        left = items.T @ items + (4.0 - 1) * met.T @ met + 0.5 * np.eye(3)
        expected.append(items @ np.linalg.solve(left, 4.0 * met.sum(axis=0)))
    scores = scorer.score(board.queries("test"), EVERYTHING)
    assert scores.dtype == np.float32
    assert scores == pytest.approx(np.array(expected), abs=1e-4)


def test_a_seed_decides_everything(board) -> None:
    queries = board.queries("test")
    once, again, other = (
        ALS(board, "train", factors=4, regularization=0.1, seed=seed).score(queries, EVERYTHING)
        for seed in (0, 0, 1)
    )
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


def test_without_a_known_history_it_is_popularity(write_dataset: WriteDataset) -> None:
    dataset = write_dataset([*PAIRS, *ASKED], users=9, items=6)
    scorer = ALS(dataset, "train", factors=3, regularization=0.1)
    scores = scorer.score(dataset.queries("test"), EVERYTHING)
    assert scores.shape == (3, 5)
    assert set(scores[0].argsort()[-4:]) == {0, 1, 2, 3}  # user 6 has met items 0 and 2
    for row in scores[1:]:
        assert row.argsort(kind="stable")[::-1].tolist() == [1, 0, 3, 2, 4]


def test_events_of_weight_0_are_not_learned_from(write_dataset: WriteDataset) -> None:
    dataset = write_dataset([*PAIRS, *ASKED], users=9, items=6)
    weigh(dataset, {10: 0.0})  # the only event of item 4
    scorer = ALS(dataset, "train", factors=3, regularization=0.1)
    assert np.linalg.norm(scorer.model.item_factors, axis=1)[4] == pytest.approx(0, abs=1e-6)


def test_a_missing_system_library_is_said_before_the_work(board, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "implicit.cpu.als", None)
    with pytest.raises(InputError, match="libgomp1"):
        ALS.check(board, "train")
