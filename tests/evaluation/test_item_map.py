"""Items on a plane: known directions are found, and what is shown says what it left out."""

import numpy as np
import pytest

from recsys.data.feature import Feature
from recsys.evaluation.item_map import MOST_VALUES, item_map
from tests.datasets import write_dataset


def dataset(folder, items, category=None):
    features = {}
    if category is not None:
        kind = Feature(name="brand", kind="categorical", vocabulary_size=max(category) + 1)
        features["brand"] = (kind, np.array(category, dtype=np.int32))
    return write_dataset(folder / "data", [[list(range(items)), [0], [1]]], items, None, features)


def test_the_axes_are_the_directions_of_most_variance(tmp_path):
    """Three dimensions, of which the last says nothing: 9 and 1 of 10 parts of the variance."""
    vectors = np.array([[3, 0, 5], [-3, 0, 5], [0, 1, 5], [0, -1, 5]], dtype=np.float32)
    found = item_map(vectors, dataset(tmp_path, 4))
    assert found["explained"] == pytest.approx([0.9, 0.1])
    assert np.abs(found["x"]) == pytest.approx([3, 3, 0, 0])
    assert np.abs(found["y"]) == pytest.approx([0, 0, 1, 1])
    assert (found["of"], found["events"], found["titles"][0]) == (4, [1, 1, 1, 1], "Item 0")
    assert "category" not in found


def test_vectors_that_lie_on_no_plane_are_not_drawn(tmp_path):
    data = dataset(tmp_path, 4)
    for vectors in (np.ones((4, 3)), np.ones((2, 3)), np.ones((4, 1))):
        assert item_map(vectors, data)["x"] == []


def test_the_most_frequent_values_of_a_category_have_a_colour(tmp_path, monkeypatch):
    names = [f"b{number}" for number in range(1, 10)]
    category = [0, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8]
    data = dataset(tmp_path, len(category), category)
    monkeypatch.setattr(type(data), "vocabulary", lambda *_: names)
    found = item_map(np.random.default_rng(0).normal(size=(len(category), 4)), data)["category"]
    assert found["name"] == "brand" and found["values"] == ["b3", "b2", "b4", "b5", "b6", "b7"]
    assert len(found["values"]) == MOST_VALUES
    assert found["numbers"][:8] == [-1, -1, 1, 1, 0, 0, 0, 2]
