"""The arithmetic of ``scripts/check_new_items.py``."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from recsys.data.feature import Feature
from tests.datasets import write_dataset

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    import check_new_items

    yield check_new_items
    del sys.modules["check_new_items"]


@pytest.fixture
def dataset(tmp_path):
    """Items 3 and 4 are new: of category 1, bought in the test part, and of category 2."""
    users = [[[0, 0, 1], [], [3, 3, 0]], [[2], [], [3]]]
    brand = Feature(name="brand", kind="categorical", vocabulary_size=3)
    title = Feature(name="title", kind="text", width=3, vocabulary_size=9)
    features = {
        "brand": (brand, np.array([1, 1, 2, 1, 2], np.int32)),
        "title": (title, np.array([[5, 6, 7], [5, 0, 0], [0, 0, 0], [8, 6, 0], [7, 0, 0]])),
    }
    return write_dataset(tmp_path / "dataset", users, 5, item_features=features)


ACTIVITY = np.array([2, 1, 1, 0, 0])


def test_a_new_item_is_as_popular_as_its_category(script, dataset):
    popular = script.PopularInCategory(dataset.feature("item", "brand"), ACTIVITY)
    assert popular.popularity.tolist() == [2, 1, 1, 1.5, 1]
    scores = popular.score(dataset.queries("test"), slice(0, 4))
    assert np.argsort(-scores)[:, :2].tolist() == [[0, 3]] * len(scores)


def test_ties_are_broken_anew_for_every_query(script):
    popular = script.PopularInCategory(np.zeros(2, int), np.ones(2, int))
    queries = SimpleNamespace(users=np.zeros(400, int))
    scores = popular.score(queries, slice(0, 400))
    assert 140 < np.count_nonzero(scores[:, 0] > scores[:, 1]) < 260


def test_the_categories_of_the_history_come_first(script, dataset):
    scorer = script.CategoriesOfUser(dataset, dataset.feature("item", "brand"), ACTIVITY)
    scores = scorer.score(dataset.queries("test"), slice(0, 4))
    # The first user's events are of category 1, the second one's of category 2.
    assert np.argsort(-scores[0])[:3].tolist() == [0, 3, 1]
    assert set(np.argsort(-scores[-1])[:2].tolist()) == {2, 4}


def test_repeats_and_known_items_are_not_asked_for(script, dataset):
    queries = script.new_item_queries(dataset, "test", ACTIVITY == 0)
    assert queries.target_items.tolist() == [3, 3]
    assert queries.users.tolist() == [0, 1]


class Tower:
    """A model whose vectors are known."""

    catalogue_items = 4  # the fifth item is not in its catalogue
    max_events = 8
    item_vectors = np.array([[4.0], [1.0], [2.0], [3.0]], np.float32)

    def embed(self, queries, block, rows=0):
        return np.ones((len(queries.users[block]), 1), np.float32)


def test_a_model_and_a_scorer_rank_new_items_only(script, dataset):
    queries = script.new_item_queries(dataset, "test", ACTIVITY == 0)
    popular = script.PopularInCategory(dataset.feature("item", "brand"), ACTIVITY)
    for scorer, left in ((Tower(), [3]), (popular, [3, 4])):
        scores = script.Among(scorer, ACTIVITY == 0).score(queries, slice(0, 2))
        assert all(np.flatnonzero(np.isfinite(row)).tolist() == left for row in scores)


def test_categories_of_every_feature(script, dataset):
    found = {name: values.tolist() for name, values in script.categories(dataset)}
    assert found == {
        "brand": [1, 1, 2, 1, 2],
        "first of title": [5, 5, 0, 8, 7],
        "last of title": [7, 5, 0, 6, 7],
    }
