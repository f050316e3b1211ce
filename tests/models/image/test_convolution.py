"""The reader of pictures."""

import keras
import numpy as np

from recsys.models.image.convolution import ConvolutionalImage, ConvolutionalImageConfig


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
