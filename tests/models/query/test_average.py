"""The mean of the others by hand."""

import keras
import numpy as np

from recsys.models.query.average import AverageConfig


def test_the_mean_of_the_others_by_hand():
    encoder = AverageConfig(over="others").build(1, 5)
    # A start of 1, then the items 2, 4 and 6, and padding.
    history = np.array([[[1.0], [2.0], [4.0], [6.0], [99.0]]], dtype=np.float32)
    found = keras.ops.convert_to_numpy(encoder(history, np.array([3], np.int32)))[0, :, 0]
    # Positions 0 to 2 predict an item and leave it out, position 3 has seen them all.
    by_hand = [(1 + 4 + 6) / 3, (1 + 2 + 6) / 3, (1 + 2 + 4) / 3, (1 + 2 + 4 + 6) / 4]
    np.testing.assert_allclose(found[:4], by_hand, rtol=1e-6)
