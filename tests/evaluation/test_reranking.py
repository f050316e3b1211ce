"""The rule of reranking with numbers worked out by hand, and what it changes of a ranking."""

import numpy as np
import pytest
from pydantic import ValidationError

from recsys.errors import InputError
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.rerank_config import RerankConfig
from recsys.evaluation.reranking import (
    check_rerank,
    item_bonus,
    mean_and_spread,
    rerank,
    rerank_effect,
)
from tests.datasets import write_dataset

DAY = 86_400 * 10**6


def test_the_unit_is_the_spread_of_the_row():
    mean, spread = mean_and_spread(np.array([[1.0, 3.0, -np.inf], [4.0, 4.0, 4.0]]))
    assert mean.tolist() == [[2.0], [4.0]] and spread.tolist() == [[1.0], [1.0]]


def test_a_popular_item_falls_by_its_bonus():
    """Mean 2, spread 1: 3 becomes 1 - 2.5, 1 becomes -1 + 0."""
    scores, items = np.array([[3.0, 1.0]]), np.array([[0, 1]])
    chosen, value = rerank(scores, items, np.eye(2), np.array([-2.5, 0.0]), 0.0, 2)
    assert chosen.tolist() == [[1, 0]] and value.tolist() == [[1.0, 0.5]]


def test_maximal_marginal_relevance_by_hand():
    """Scores 2, 1, 0 are sqrt(3/2), 0 and -sqrt(3/2) deviations.

    The second is the first's twin, the third at right angles: after the first, -d stands against
    -(1 - d) * 1.22, which is less for d < .5505.
    """
    vectors = np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 1.0]])
    scores, items = np.array([[2.0, 1.0, 0.0]]), np.array([[0, 1, 2]])
    spread = np.sqrt(2 / 3)
    for diversity, order in ((0.5, [0, 1, 2]), (0.55, [0, 1, 2]), (0.56, [0, 2, 1])):
        chosen, value = rerank(scores, items, vectors, np.zeros(3), diversity, 3)
        assert chosen.tolist() == [order]
        assert value[0, 0] == pytest.approx(1 + spread * (1 - diversity) * np.sqrt(1.5))
        assert (np.diff(value) <= 0).all()


def test_an_opposite_item_is_not_rewarded():
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    scores, items = np.array([[2.0, 1.0, 0.999]]), np.array([[0, 1, 2]])
    assert rerank(scores, items, vectors, np.zeros(3), 0.9, 3)[0].tolist() == [[0, 1, 2]]


def test_rows_end_where_there_are_no_candidates():
    scores, items = np.array([[1.0, -np.inf]]), np.array([[1, -1]])
    chosen, value = rerank(scores, items, np.eye(2), np.zeros(2), 0.5, 2)
    assert chosen.tolist() == [[1, -1]] and np.isneginf(value[0, 1])


@pytest.fixture
def dataset(tmp_path):
    """Item 0 in every history, 1 in half of them, 2 and 3 once; an event a microsecond."""
    users = [[[0, 1], [], [2]], [[0, 1], [], [3]], [[0, 2], [], [1]], [[0, 3], [], [1]]]
    return write_dataset(tmp_path / "dataset", users, items=5)


def test_popularity_is_in_deviations_of_the_logarithm(dataset):
    """Of training events 4, 2, 1, 1, 0, and one each."""
    logarithms = np.log([5, 3, 2, 2, 1])
    expected = -0.2 * (logarithms - logarithms.mean()) / logarithms.std()
    bonus = item_bonus(RerankConfig(popularity=0.2), dataset, 5, "train")
    np.testing.assert_allclose(bonus, expected, rtol=1e-6)


def test_freshness_halves_from_the_first_event_on(dataset):
    times = np.array(dataset.event_times)
    # The items 0 to 3 were first there 4, 3, 1 and 0 days before the last training event.
    days = {0: 0, 1: 1, 2: 3, 3: 4}
    fitted = set(dataset.fitted_events("train").tolist())
    for event, item in enumerate(dataset.event_items):
        times[event] = DAY * (days[int(item)] if event in fitted else 99)
    np.save(dataset.path / "event_times.npy", times)
    config = RerankConfig(freshness={"weight": 2, "half_life_days": 2})
    bonus = item_bonus(config, dataset, 5, "train")
    np.testing.assert_allclose(bonus, 2 * 0.5 ** np.array([2, 1.5, 0.5, 0, 0]), rtol=1e-6)


def test_freshness_needs_times(dataset):
    dataset.manifest = dataset.manifest.model_copy(update={"has_time": False})
    check_rerank(RerankConfig(popularity=0.1), dataset)
    with pytest.raises(InputError, match="freshness needs to know when"):
        config = RerankConfig(freshness={"weight": 1, "half_life_days": 1})
        check_rerank(config, dataset)


@pytest.mark.parametrize(
    "given", [{}, {"candidates": 9}, {"diversity": 1.0}, {"popularity": -1}, {"novelty": 1}]
)
def test_settings_that_cannot_be_meant(given):
    with pytest.raises(ValidationError):
        RerankConfig(**given)


class Scores:
    """Scores items by one number each, as products of vectors of two."""

    catalogue_items, max_events = 5, 3

    def __init__(self, scores) -> None:
        angles = np.linspace(0, 1, 5)
        self.item_vectors = np.stack([scores, angles], axis=1).astype(np.float32)

    def embed(self, queries, block, rows=0):
        users = len(queries.users[block])
        return np.tile(np.float32([[1, 0]]), (users, 1))


def test_the_effect_is_that_of_the_other_order(dataset):
    """By score 0 is first for all, and had by all; then 1, which half of them had."""
    config = EvaluationConfig(k=(1, 2), metric="ndcg@1", bootstrap_samples=100)
    scorer = Scores([5, 4, 3, 2, 1.9])
    rule = RerankConfig(popularity=10)
    effect = rerank_effect(rule, scorer, dataset, "exclude", config, "train", k=2)
    assert (effect["queries"], effect["of"]) == (4, 4)
    assert effect["settings"]["popularity"] == 10

    def values(name):
        return [effect[each][name]["value"] for each in ("plain", "reranked")]

    # By score: 2 and 2 for the first two users, right once; 1 for the others, right both times.
    # Reranked the item without events is the first for all, which nobody had.
    assert values("recall@1") == [0.75, 0.0]
    assert values("coverage@1") == [0.4, 0.2]
    novelty = values("novelty@1")
    assert novelty[1] == pytest.approx(-np.log2(1 / 13)) and novelty[0] < novelty[1]
    # By score the second is 3, 3, 3 (who had 2) and 2; reranked 3, 3, 3 and 2.
    assert values("recall@2") == [1.0, 0.25]
    assert effect["plain"]["diversity@2"]["value"] > 0
