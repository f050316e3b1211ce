"""How far back a convolution reads."""

import keras
import numpy as np
import pytest

from recsys.models.query.convolution import ConvolutionConfig
from tests.models.query.encoding import HISTORY, encode


@pytest.mark.parametrize("blocks, reach", [(1, 3), (2, 7)])
def test_a_convolution_reaches_as_far_as_its_dilations(blocks, reach):
    """With kernel 3: 2 events back per block, doubled from block to block."""
    config = ConvolutionConfig(kind="cnn", blocks=blocks, kernel=3)
    before, encoder = encode(config)
    changed = HISTORY.copy()
    changed[:, 0] *= -1.0
    after = keras.ops.convert_to_numpy(encoder(changed))
    moved = np.abs(after - before).max(axis=(0, 2)) > 1e-6
    assert moved.tolist() == [position < reach for position in range(9)]
