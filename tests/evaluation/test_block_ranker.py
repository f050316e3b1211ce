"""The best items and the places of targets, against a plain sort."""

import numpy as np
import pytest

from recsys.evaluation.block_ranker import COUNTED, BlockRanker


def brute_force(scores, seen, targets, k):
    scores = scores.copy()
    scores[seen[:, 0], seen[:, 1]] = -np.inf
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    best = np.where(np.take_along_axis(scores, best, axis=1) == -np.inf, -1, best)
    own = scores[targets[:, 0], targets[:, 1]]
    return best, (scores[targets[:, 0]] >= own[:, None]).sum(axis=1)


@pytest.mark.parametrize("every_place", [True, False])
@pytest.mark.parametrize("values", [3, 1000], ids=["many ties", "few ties"])
@pytest.mark.parametrize(
    ("items", "k"), [(1, 1), (5, 5), (7, 3), (64, 10), (100, 1), (500, 20), (4097, 5)]
)
def test_as_a_stable_sort(items, k, values, every_place):
    generator = np.random.default_rng(items)
    scores = generator.integers(-values, values, (6, items)).astype(np.float32)
    targets = np.stack([np.arange(COUNTED) % 6, generator.integers(0, items, COUNTED)], axis=1)
    pairs = np.stack([generator.integers(0, 6, 40), generator.integers(0, items, 40)], axis=1)
    # Targets are never among what is left out.
    flat_targets = targets[:, 0] * items + targets[:, 1]
    pairs = pairs[~np.isin(pairs[:, 0] * items + pairs[:, 1], flat_targets)]
    inputs = {"scores": scores, "targets": targets.astype(np.int32)}
    inputs["every_place"] = np.array([every_place])
    # The last one is of no item.
    inputs["seen"] = np.append(pairs, [(0, items)], axis=0).astype(np.int32)
    found = BlockRanker(items, k).predict_on_batch(inputs)
    best, places = brute_force(scores, pairs, targets, k)
    np.testing.assert_array_equal(found["top_items"], best)
    if not every_place:
        places = np.minimum(places, k + 1)
        found["places"] = np.minimum(found["places"], k + 1)
    np.testing.assert_array_equal(found["places"], places)


def test_products_rank_as_scores_do():
    generator = np.random.default_rng(0)
    queries = generator.normal(size=(9, 4)).astype(np.float32)
    items = generator.normal(size=(130, 4)).astype(np.float32) - 3.0
    targets = np.stack([np.arange(COUNTED) % 9, np.arange(COUNTED)], axis=1).astype(np.int32)
    asked = {"targets": targets, "every_place": np.array([True])}
    ranker = BlockRanker(130, 7, dim=4)
    ranker.take_up(items)
    found = ranker.predict_on_batch({"queries": queries, **asked})
    expected = BlockRanker(130, 7).predict_on_batch({"scores": queries @ items.T, **asked})
    np.testing.assert_array_equal(found["top_items"], expected["top_items"])
    np.testing.assert_array_equal(found["places"], expected["places"])
