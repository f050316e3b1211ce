"""The reader of pictures, and item towers with pictures."""

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from recsys.errors import InputError
from recsys.models.image.convolution import ConvolutionalImage, ConvolutionalImageConfig
from recsys.models.items import tower as towers
from recsys.models.items.tower import ItemTower, ItemTowerConfig
from recsys.models.retriever import Retriever
from tests.models import zoo

PHOTO = {"name": "photo", "kind": "image", "width": 8, "channels": 1}


def pixels(*pictures: list[list[int]]) -> np.ndarray:
    return np.array(pictures, dtype=np.uint8)[..., None]


def test_a_filter_answers_on_average_where_it_is_loudest():
    """Worked out by hand: one filter that reads the pixel itself, one block of one pooling."""
    reader = ConvolutionalImage(dim=2, filters=2, blocks=1, dropout=0.0)
    reader.build((None, 4, 2, 1))
    kernel = np.zeros((3, 3, 1, 2))
    kernel[1, 1, 0] = [1.0, -1.0]
    bias = np.array([1.0, 1.0])
    # What is standardised: mean of max of 1 + p, and of 1 - p; each pixel p is -1 … 1.
    reader.set_weights([kernel, bias, np.ones(2), np.zeros(2), np.array([[1.0, 0.0], [0.0, 3.0]])])
    white_above = pixels([[255, 1], [1, 1], [255, 1], [255, 1]])
    found = keras.ops.convert_to_numpy(reader(white_above))
    # 2 in both windows of the first filter, just under 2 (black is 1) in those of the second:
    # standardised, 1 and -1 (but for the epsilon that the layer adds to a small variance).
    first, second = 2.0, 2 - 2 / 255
    deviation = np.sqrt(((first - second) / 2) ** 2 + 1e-3)
    half = (first - second) / 2 / deviation
    np.testing.assert_allclose(found, [[half, -3 * half]], rtol=1e-4)


def test_no_picture_is_the_zero_vector_and_black_is_none():
    keras.utils.set_random_seed(1)
    reader = ConvolutionalImageConfig(filters=4).build(5)
    reader.build((None, 8, 8, 3))
    given = np.stack([np.zeros((8, 8, 3)), np.ones((8, 8, 3)), np.full((8, 8, 3), 200)])
    none, black, grey = keras.ops.convert_to_numpy(reader(given.astype(np.uint8)))
    assert not none.any()
    assert np.abs(black).max() > 0 and np.abs(grey - black).max() > 0


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
def test_configs_that_make_no_sense(image):
    with pytest.raises(ValidationError):
        ItemTowerConfig.model_validate({"features": ["photo"], "image": image})


def test_a_reader_without_a_picture_is_refused():
    item = {"features": ["price"], "image": {"filters": 8}}
    with pytest.raises(InputError, match=r"none of model\.item\.features is of kind image"):
        ItemTower(item, 5, 3, 3, [{"name": "price", "kind": "numeric"}])
