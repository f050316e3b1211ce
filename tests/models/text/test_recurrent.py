"""The recurrent reader of words."""

import keras
import numpy as np

from recsys.models.text.recurrent import RecurrentText


def test_the_recurrent_reader_stops_at_the_last_word():
    keras.utils.set_random_seed(1)
    reader = RecurrentText(dim=3, units=4, dropout=0.0)
    reader.build((None, None, 2))
    words = np.random.default_rng(0).normal(size=(1, 3, 2)).astype(np.float32)
    found = reader(words, np.array([[1, 1, 0]], dtype=np.float32))
    last = reader.cell(words[:, :2])[:, -1]
    np.testing.assert_allclose(found, reader.projection(last), atol=1e-6)
