"""The convolution over words, by hand."""

import keras
import numpy as np

from recsys.models.text.convolution import ConvolutionalText


def test_a_filter_is_heard_where_it_answers_loudest():
    reader = ConvolutionalText(dim=1, widths=[2], filters=1, dropout=0.0)
    reader.build((None, None, 1))
    kernel = np.array([[[1.0]], [[10.0]]])  # a word, and ten times the next
    reader.set_weights([kernel, np.array([5.0]), np.array([[2.0]])])
    words = np.array([[[1], [2], [-3]], [[-4], [0], [0]], [[0], [0], [0]]], dtype=np.float32)
    there = np.array([[1, 1, 1], [1, 0, 0], [0, 0, 0]], dtype=np.float32)
    # 1 + 20 + 5; then -4 + 5, not the 5 that padding alone would answer.
    np.testing.assert_allclose(keras.ops.convert_to_numpy(reader(words, there)), [[52], [2], [0]])
