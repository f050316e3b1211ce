"""EASE against numbers worked out by hand and against one regression an item."""

import numpy as np
import pytest

from recsys.evaluation.baselines import ease
from recsys.evaluation.baselines.ease import EASE, invert
from tests.evaluation.baselines.logs import ASKED, EVERYTHING, PAIRS, random_log, weigh
from tests.evaluation.conftest import WriteDataset

# Three users met items 0 and 1, one item 0 only; user 4 asks after item 0, user 5 after both.
TWO_ITEMS = [(user, item, "train", item) for user in (0, 1, 2) for item in (0, 1)]
TWO_ITEMS += [(3, 0, "train", 0), (4, 0, "validation", 5), (4, 1, "test", 6)]
TWO_ITEMS += [(5, 0, "validation", 5), (5, 1, "validation", 6), (5, 0, "test", 7)]


def test_by_hand(write_dataset: WriteDataset) -> None:
    dataset = write_dataset(TWO_ITEMS, users=6, items=2)
    queries = dataset.queries("test")
    # Item 1 by ridge regression on item 0: (x₀ · x₁) / (x₀ · x₀ + 1), and the other way round.
    to_1, to_0 = 3 / (4 + 1), 3 / (3 + 1)
    fitted = EASE(dataset, "train", regularization=1.0)
    scores = fitted.score(queries, EVERYTHING)
    assert scores.dtype == np.float32
    assert scores == pytest.approx(np.array([[0, to_1], [to_0, to_1]]), abs=1e-5)
    # The inverse of ((5, 3), (3, 4)) has the diagonal 4/11, 5/11.
    again = fitted.variant(repeats=True).score(queries, EVERYTHING)
    own_0, own_1 = 1 - 4 / 11, 1 - 5 / 11
    expected = np.array([[own_0, to_1], [to_0 + own_0, to_1 + own_1]])
    assert again == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("block", [3, 100])
def test_every_item_is_a_regression_on_the_others(
    write_dataset: WriteDataset, monkeypatch, block
) -> None:
    monkeypatch.setattr(ease, "_BLOCK_ITEMS", block)
    log = random_log(users=40, items=11, events=6)
    dataset = write_dataset(log, users=40, items=11)
    met = np.zeros((40, 11))
    for user, item, part, _ in log:
        met[user, item] = max(met[user, item], part == "train")
    weights = np.zeros((11, 11))
    for item in range(11):
        others = np.delete(np.arange(11), item)
        x = met[:, others]
        weights[others, item] = np.linalg.solve(x.T @ x + 7 * np.eye(10), x.T @ met[:, item])
    scores = EASE(dataset, "train", regularization=7.0).score(dataset.queries("test"), slice(5, 25))
    assert scores == pytest.approx((met @ weights)[5:25], abs=1e-5)


def test_inverts_in_place(monkeypatch) -> None:
    monkeypatch.setattr(ease, "_BLOCK_ITEMS", 4)
    x = np.random.default_rng(0).normal(size=(30, 10))
    matrix = x.T @ x + np.eye(10)
    expected = np.linalg.inv(matrix)
    invert(matrix)
    assert matrix == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_without_a_known_history_it_is_popularity(write_dataset: WriteDataset) -> None:
    dataset = write_dataset([*PAIRS, *ASKED], users=9, items=6)
    scores = EASE(dataset, "train").score(dataset.queries("test"), EVERYTHING)
    assert scores.shape == (3, 5)
    assert scores[0].argmax() == 1  # user 6 has met item 0
    for row in scores[1:]:
        assert row.argsort(kind="stable")[::-1].tolist() == [1, 0, 3, 2, 4]


def test_events_of_weight_0_are_read_and_not_learned_from(write_dataset: WriteDataset) -> None:
    dataset = write_dataset(TWO_ITEMS, users=6, items=2)
    weigh(dataset, {1: 0.0})  # user 0's event of item 1
    fitted = EASE(dataset, "train", regularization=1.0)
    assert fitted.weights == pytest.approx(np.array([[0, 2 / 5], [2 / 3, 0]]), abs=1e-6)
    weigh(dataset, {7: 0.0})  # user 4's event of item 0, in the history of the test event
    again = EASE(type(dataset)(dataset.path), "train", regularization=1.0)
    scores = again.score(again.dataset.queries("test"), EVERYTHING)
    assert scores[0] == pytest.approx([0, 3 / 5], abs=1e-5)


def test_candidates_share_one_count(write_dataset: WriteDataset, monkeypatch) -> None:
    dataset = write_dataset(TWO_ITEMS, users=6, items=2)
    counted = []
    count = ease.count_together

    def counting(*arguments):
        counted.append(arguments)
        return count(*arguments)

    monkeypatch.setattr(ease, "count_together", counting)
    found = EASE.candidates(dataset, "train", "allow")
    assert len(found) == 2 * len(ease.REGULARIZATIONS)
    assert counted == []
    for settings, fitted in found:
        alone = EASE(dataset, "train", settings["regularization"])
        assert fitted().weights == pytest.approx(alone.weights)
    assert len(counted) == 1 + len(found)  # one for all candidates, one for each alone


def test_large_catalogues_have_nothing_to_choose(write_dataset: WriteDataset, monkeypatch) -> None:
    dataset = write_dataset(TWO_ITEMS, users=6, items=2)
    monkeypatch.setattr(ease, "CHOSEN_UP_TO_ITEMS", 1)
    ((settings, fitted),) = EASE.candidates(dataset, "train", "exclude")
    assert settings == {"regularization": 200.0, "repeats": False}
    assert fitted().weights[0, 1] == pytest.approx(3 / 204)
