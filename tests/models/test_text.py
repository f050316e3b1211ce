"""Readers of texts, and item towers with texts."""

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from recsys.errors import InputError
from recsys.models.features.encoder import FeatureEncoder
from recsys.models.items.tower import ItemTower, ItemTowerConfig
from recsys.models.text.convolution import ConvolutionalText
from recsys.models.text.recurrent import RecurrentText
from recsys.models.text.words import taught_words

TITLE = {"name": "title", "kind": "text", "width": 4, "vocabulary_size": 7}
READERS = {
    "average": {"kind": "average"},
    "cnn": {"kind": "cnn", "filters": 8},
    "rnn": {"kind": "rnn", "units": 8},
    "lstm": {"kind": "rnn", "cell": "lstm", "units": 8},
    "simple rnn": {"kind": "rnn", "cell": "rnn", "units": 8},
}


def read(text: dict, titles: list[list[int]]) -> np.ndarray:
    """The vectors of titles, always of the same weights."""
    keras.utils.set_random_seed(1)
    encoder = FeatureEncoder([{**TITLE, "width": len(titles[0]), "reader": text}], dim=5)
    encoder.build()
    return keras.ops.convert_to_numpy(encoder({"title": np.array(titles, dtype=np.int32)}))


def tower(item: dict, titles: list[list[int]], known: int) -> ItemTower:
    keras.utils.set_random_seed(1)
    built = ItemTower(item, 5, len(titles), known, [TITLE] if item.get("features") else [])
    built.build()
    if built.specs:
        built.assign_features({"title": np.array(titles, dtype=np.int32)})
    return built


def vectors(built: ItemTower, **arguments) -> np.ndarray:
    return keras.ops.convert_to_numpy(built(**arguments))


def test_a_filter_is_heard_where_it_answers_loudest():
    reader = ConvolutionalText(dim=1, widths=[2], filters=1, dropout=0.0)
    reader.build((None, None, 1))
    kernel = np.array([[[1.0]], [[10.0]]])  # a word, and ten times the next
    reader.set_weights([kernel, np.array([5.0]), np.array([[2.0]])])
    words = np.array([[[1], [2], [-3]], [[-4], [0], [0]], [[0], [0], [0]]], dtype=np.float32)
    there = np.array([[1, 1, 1], [1, 0, 0], [0, 0, 0]], dtype=np.float32)
    # 1 + 20 + 5; then -4 + 5, not the 5 that padding alone would answer.
    np.testing.assert_allclose(keras.ops.convert_to_numpy(reader(words, there)), [[52], [2], [0]])


def test_the_recurrent_reader_stops_at_the_last_word():
    keras.utils.set_random_seed(1)
    reader = RecurrentText(dim=3, units=4, dropout=0.0)
    reader.build((None, None, 2))
    words = np.random.default_rng(0).normal(size=(1, 3, 2)).astype(np.float32)
    found = reader(words, np.array([[1, 1, 0]], dtype=np.float32))
    last = reader.cell(words[:, :2])[:, -1]
    np.testing.assert_allclose(found, reader.projection(last), atol=1e-6)


@pytest.mark.parametrize("name", READERS)
class TestReader:
    def test_padding_does_not_matter(self, name):
        np.testing.assert_allclose(
            read(READERS[name], [[1, 2], [3, 0]]),
            read(READERS[name], [[1, 2, 0, 0, 0], [3, 0, 0, 0, 0]]),
            atol=1e-6,
        )

    def test_order_matters_to_all_but_the_average(self, name):
        there, back = read(READERS[name], [[1, 2, 3, 0], [3, 2, 1, 0]])
        assert np.allclose(there, back, atol=1e-6) == (name == "average")

    def test_a_text_without_words_is_the_zero_vector(self, name):
        some, none = read(READERS[name], [[1, 0], [0, 0]])
        assert np.abs(some).max() > 0
        assert not none.any()

    def test_words_are_hidden_in_training_only(self, name):
        keras.utils.set_random_seed(1)
        reader = {**READERS[name], "word_dropout": 0.9}
        encoder = FeatureEncoder([{**TITLE, "reader": reader}], dim=5)
        title = {"title": np.tile(np.array([[1, 2, 3, 4]], dtype=np.int32), (40, 1))}
        hidden = keras.ops.convert_to_numpy(encoder(title, training=True))
        assert 15 < np.sum(~hidden.any(axis=1)) < 40  # .9⁴ of 40 is 26
        assert len(np.unique(hidden.round(6), axis=0)) > 1
        assert len(np.unique(keras.ops.convert_to_numpy(encoder(title)), axis=0)) == 1

    def test_equal_texts_without_ids_are_equal(self, name):
        item = {"id": False, "features": ["title"], "text": READERS[name]}
        built = vectors(tower(item, [[1, 2, 0, 0], [1, 2, 0, 0], [2, 1, 0, 0], [0] * 4], known=3))
        np.testing.assert_allclose(built[0], built[1], atol=1e-6)
        assert not built[3].any()


def test_words_that_training_cannot_teach_are_left_out():
    words = np.array([[3, 1, 0], [2, 3, 2], [2, 9, 3]])
    assert taught_words(words, 2, 1).tolist() == [[3, 1, 0], [2, 3, 2], [2, 3, 0]]
    # Twice in one item is one item.
    assert taught_words(words, 2, 2).tolist() == [[3, 0, 0], [3, 0, 0], [3, 0, 0]]


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
