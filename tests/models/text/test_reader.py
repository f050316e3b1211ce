"""What every reader of texts does."""

import keras
import numpy as np
import pytest

from recsys.models.features.encoder import FeatureEncoder

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
