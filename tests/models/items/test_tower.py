"""Item towers: ids, texts and pictures."""

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from recsys.errors import InputError
from recsys.models.items import tower as towers
from recsys.models.items.tower import ItemTower, ItemTowerConfig
from recsys.models.retriever import Retriever
from tests.models import zoo

TITLE = {"name": "title", "kind": "text", "width": 4, "vocabulary_size": 7}


PHOTO = {"name": "photo", "kind": "image", "width": 8, "channels": 1}


READERS = {
    "average": {"kind": "average"},
    "cnn": {"kind": "cnn", "filters": 8},
    "rnn": {"kind": "rnn", "units": 8},
    "lstm": {"kind": "rnn", "cell": "lstm", "units": 8},
    "simple rnn": {"kind": "rnn", "cell": "rnn", "units": 8},
}


def tower(item: dict, titles: list[list[int]], known: int) -> ItemTower:
    keras.utils.set_random_seed(1)
    built = ItemTower(item, 5, len(titles), known, [TITLE] if item.get("features") else [])
    built.build()
    if built.specs:
        built.assign_features({"title": np.array(titles, dtype=np.int32)})
    return built


def vectors(built: ItemTower, **arguments) -> np.ndarray:
    return keras.ops.convert_to_numpy(built(**arguments))


@pytest.mark.parametrize("name", READERS)
def test_equal_texts_without_ids_are_equal(name):
    item = {"id": False, "features": ["title"], "text": READERS[name]}
    built = vectors(tower(item, [[1, 2, 0, 0], [1, 2, 0, 0], [2, 1, 0, 0], [0] * 4], known=3))
    np.testing.assert_allclose(built[0], built[1], atol=1e-6)
    assert not built[3].any()


def test_a_word_of_new_items_only_adds_no_noise():
    item = {"id": False, "features": ["title"]}
    built = vectors(tower(item, [[1, 0, 0, 0], [1, 6, 0, 0]], known=1))
    np.testing.assert_allclose(built[0], built[1], atol=1e-6)


def test_ids_are_hidden_in_training_and_never_scaled():
    built = tower({"id_dropout": 0.5, "features": ["title"]}, [[0] * 4] * 200, known=200)
    ids = vectors(built)
    shown = vectors(built, training=True)
    hidden = ~shown.any(axis=1)
    assert 70 < hidden.sum() < 130
    np.testing.assert_array_equal(shown[~hidden], ids[~hidden])
    assert (vectors(built, training=True).any(axis=1) != ~hidden).any()


def test_a_cold_start_describes_new_items_alone():
    item = {"features": ["title"], "cold_start": {}}
    built = tower(item, [[1, 2, 0, 0], [3, 0, 0, 0], [1, 2, 0, 0]], known=2)
    ids = keras.ops.convert_to_numpy(built.table.embeddings)
    whole, described = vectors(built), keras.ops.convert_to_numpy(built.described())
    np.testing.assert_array_equal(whole[:2], ids)
    np.testing.assert_allclose(whole[2], described[0], atol=1e-6)
    assert np.abs(described[0] - ids[0]).max() > 0.01
    # Training sees no new item, and reads no title to make one's vector.
    np.testing.assert_array_equal(vectors(built, training=True)[:2], ids)
    assert not vectors(built, training=True)[2].any()


def test_one_item_is_a_catalogue():
    built = tower({"features": ["title"], "text": READERS["cnn"]}, [[1, 2, 0, 0]], known=1)
    assert vectors(built).shape == (1, 5)


@pytest.mark.parametrize(
    "section",
    [
        {"text": {"kind": "transformer"}},
        {"text": {"kind": "cnn", "widths": []}},
        {"text": {"kind": "cnn", "widths": [0]}},
        {"text": {"kind": "average", "filters": 3}},
        {"id_dropout": 0.5},
        {"id_dropout": 0.5, "id": False, "features": ["title"]},
        {"id_dropout": 1.0, "features": ["title"]},
        {"cold_start": {}},
        {"cold_start": {}, "id": False, "features": ["title"]},
        {"cold_start": {}, "id_dropout": 0.5, "features": ["title"]},
        {"cold_start": {"scale": 0.0}, "features": ["title"]},
        {"cold_start": {"scale": 1.1}, "features": ["title"]},
    ],
)
def test_configs_that_make_no_sense(section):
    with pytest.raises(ValidationError):
        ItemTowerConfig.model_validate(section)


def test_a_reader_without_a_text_is_refused():
    price = {"name": "price", "kind": "numeric"}
    item = {"features": ["price"], "text": {"kind": "rnn"}}
    with pytest.raises(InputError, match=r"none of model\.item\.features is of kind text"):
        ItemTower(item, 5, 3, 3, [price])


def test_an_item_without_a_picture_is_its_id():
    keras.utils.set_random_seed(1)
    built = ItemTower({"features": ["photo"]}, 5, 4, 3, [PHOTO])
    built.build()
    photos = np.random.default_rng(0).integers(1, 256, (4, 8, 8, 1)).astype(np.uint8)
    photos[[1, 3]] = 0
    built.assign_features({"photo": photos})
    vectors = keras.ops.convert_to_numpy(built())
    ids = keras.ops.convert_to_numpy(built.table.embeddings)
    np.testing.assert_array_equal(vectors[1], ids[1])
    assert np.abs(vectors[0] - ids[0]).max() > 0
    assert not vectors[3].any()


def test_pictures_stay_bytes():
    built = ItemTower({"features": ["photo"]}, 5, 4, 3, [PHOTO], dtype="mixed_bfloat16")
    built.build()
    (values,) = built.feature_values.values()
    assert values.dtype == "uint8" and tuple(values.shape) == (4, 8, 8, 1)
    assert not values.trainable


@pytest.mark.parametrize("item", ["image", "text-cnn"])
def test_a_whole_catalogue_is_read_block_by_block(monkeypatch, item):
    keras.utils.set_random_seed(1)
    specs = zoo.item_specs(item)
    config = zoo.model("average", item=zoo.ITEMS[item])
    retriever = Retriever(config, 11, 9, 2, item_features=specs)
    retriever.item_tower.assign_features(zoo.item_values(11))
    whole = keras.ops.convert_to_numpy(retriever.item_vectors())
    activations = retriever.item_tower.features.activations
    monkeypatch.setattr(towers, "HELD_AT_ONCE", 4 * activations)
    assert retriever.item_tower.items_at_a_time == 4
    read, call = [], ItemTower.call

    def watched(tower, item_ids=None, **arguments):
        read.append(None if item_ids is None else len(item_ids))
        return call(tower, item_ids, **arguments)

    monkeypatch.setattr(ItemTower, "call", watched)
    blocks = keras.ops.convert_to_numpy(retriever.item_vectors())
    assert read == [4, 4, 3]
    np.testing.assert_allclose(blocks, whole, atol=1e-6)


@pytest.mark.parametrize(
    "image", [{"kind": "transformer"}, {"filters": 0}, {"blocks": 0}, {"dropout": 1.0}]
)
def test_configs_of_pictures_that_make_no_sense(image):
    with pytest.raises(ValidationError):
        ItemTowerConfig.model_validate({"features": ["photo"], "image": image})


def test_a_reader_without_a_picture_is_refused():
    item = {"features": ["price"], "image": {"filters": 8}}
    with pytest.raises(InputError, match=r"none of model\.item\.features is of kind image"):
        ItemTower(item, 5, 3, 3, [{"name": "price", "kind": "numeric"}])
