"""The graph follows the rule, and the answers of a reranked model are in its order."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from recsys.evaluation.rerank_config import RerankConfig
from recsys.evaluation.reranking import item_bonus, rerank
from recsys.export.replayed_order import ReplayedOrder
from recsys.export.reranker import Reranker
from tests.export.conftest import ITEMS, KNOWN_ITEMS, RERANK

QUERIES, CANDIDATES, ITEM_COUNT, DIM, K = 9, 12, 40, 6, 5


@pytest.fixture
def drawn():
    """Candidates of some queries, best first; the last rows have few, and none."""
    random = np.random.default_rng(0)
    scores = -np.sort(-random.normal(3, 2, (QUERIES, CANDIDATES)).astype(np.float32), axis=1)
    scores[-2, 3:] = -np.inf
    scores[-1] = -np.inf
    items = np.stack([random.permutation(ITEM_COUNT)[:CANDIDATES] for _ in range(QUERIES)])
    vectors = random.normal(0, 1, (ITEM_COUNT, DIM)).astype(np.float32)
    vectors[3] = 0
    bonus = random.normal(0, 0.5, ITEM_COUNT).astype(np.float32)
    return scores, items.astype(np.int32), vectors, bonus


@pytest.mark.parametrize("diversity", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e4])
def test_it_is_the_rule(drawn, diversity, scale):
    """Whatever the size of the scores."""
    scores, items, vectors, bonus = drawn
    scores = np.float32(scale) * scores
    graph = tf.function(Reranker(diversity, bonus, K))
    given = map(tf.constant, (scores, items, vectors))
    value, place = (each.numpy() for each in graph(*given))
    expected, by_what = rerank(scores, items, vectors, bonus, diversity, K)
    chosen = np.where(np.isneginf(value), -1, np.take_along_axis(items, place, axis=1))
    np.testing.assert_array_equal(chosen, expected)
    np.testing.assert_allclose(value, by_what, rtol=1e-4, atol=1e-4 * scale)
    assert (np.diff(value[:-2], axis=1) <= 1e-5 * scale).all()
    assert (expected[-2:] >= 0).sum(axis=1).tolist() == [3, 0]


def test_scores_that_do_not_differ_are_in_the_order_of_the_bonus(drawn):
    _, items, vectors, bonus = drawn
    scores = np.full((QUERIES, CANDIDATES), 7, np.float32)
    value, place = Reranker(0.0, bonus, K)(
        tf.constant(scores), tf.constant(items), tf.constant(vectors)
    )
    expected = -np.sort(-bonus[items], axis=1)[:, :K]
    np.testing.assert_allclose(value, 7 + expected, rtol=1e-6)
    np.testing.assert_array_equal(bonus[np.take_along_axis(items, place.numpy(), 1)], expected)


@pytest.fixture(scope="module")
def reranked(exports):
    """k is 3, and 6 of 8 items are candidates, less what was had."""
    return exports["reranked"]


def test_answers_are_in_the_order_of_the_rule(reranked):
    model = tf.saved_model.load(str(reranked.folder))
    query = reranked.retriever.embed_query(
        {"history": np.int32([[5, 0, 0, 0, 0]]), "length": np.int32([1])}
    )
    vectors = ops.convert_to_numpy(reranked.retriever.item_vectors())
    scores = vectors @ ops.convert_to_numpy(query)[0]
    config = RerankConfig(**RERANK)
    bonus = item_bonus(config, reranked.dataset, KNOWN_ITEMS, "train")
    for forbidden, more in (({5}, {}), ({5, 1, 7}, {"price": [[np.nan, 8.0]]})):
        # Of price there is none of the fourth, 19.99 and 20 of the third and the eighth.
        left_out = forbidden | ({2, 3} if more else set())
        pool = [item for item in np.argsort(-scores) if item not in left_out][:6]
        chosen, by_what = rerank(
            scores[[pool]], np.array([pool]), vectors, bonus, config.diversity, 3
        )
        signature = model.signatures["recommend_filtered" if more else "serving_default"]
        inputs = {"history": tf.constant([["fig"]])}
        if more:
            inputs |= {"exclude": tf.constant([["Apple"]])}
            inputs |= {name: tf.constant(value, tf.float32) for name, value in more.items()}
        answer = signature(**inputs)
        names = [ITEMS[item] for item in chosen[0]]
        assert [item.decode() for item in answer["item_id"].numpy()[0]] == names
        np.testing.assert_allclose(answer["score"].numpy()[0], by_what[0], rtol=1e-4)


def test_the_manifest_has_the_settings(exports, reranked):
    settings = reranked.manifest["rerank"]["settings"]
    assert settings == RERANK
    assert exports["lstm"].manifest["rerank"] is None


class TestReplay:
    """Five items on a line of scores; the first two are alike."""

    vectors = np.array([[1, 0], [1, 0.01], [0, 1], [-1, 0], [0, -1]], np.float32)
    scores = np.array([5.0, 4.0, 3.0, 2.0, 1.0])

    def replay(self, returned, **config):
        order = ReplayedOrder(RerankConfig(**config), np.zeros(5), self.vectors, len(returned))
        return order.replay(self.scores, np.arange(5), returned)

    def test_the_best_at_each_place_is_what_the_rule_chooses(self):
        found, best = self.replay([0, 2, 3], diversity=0.7)
        np.testing.assert_allclose(found, best)
        for other in itertools.permutations(range(5), 3):
            found, best = self.replay(list(other), diversity=0.7)
            assert np.allclose(found, best) == (list(other) == [0, 2, 3])

    def test_what_is_no_candidate_lacks_what_its_score_does(self):
        found, best = self.replay([0, 4], diversity=0.1, candidates=1)
        np.testing.assert_allclose(best - found, [0, 3.0 + (best - found)[1] - 3.0])
        assert (best - found)[1] >= 3.0 - 1e-9
