"""A history, and encoders that are asked about it."""

import keras
import numpy as np

HISTORY = np.random.default_rng(0).normal(size=(2, 9, 8)).astype(np.float32)


def encode(config, **further):
    keras.utils.set_random_seed(0)
    encoder = config.build(8, 9)
    encoder.build((None, None, 8))
    return keras.ops.convert_to_numpy(encoder(HISTORY, **further)), encoder


def assert_sequences_do_not_leak(config):
    """A lane of sequences of 4 and 3 positions: each is as if alone, whatever the other holds."""
    keras.utils.set_random_seed(0)
    encoder = config.build(8, 7)
    encoder.build((None, None, 8))
    lane_1LD = HISTORY[:1, :7]
    ids = {
        "segment_ids_BL": np.array([[3, 3, 3, 3, 8, 8, 8]], np.int32),
        "position_ids_BL": np.array([[0, 1, 2, 3, 0, 1, 2]], np.int32),
    }
    read = keras.ops.convert_to_numpy(encoder(lane_1LD, **ids))
    for sequence in (slice(0, 4), slice(4, 7)):
        alone = keras.ops.convert_to_numpy(encoder(lane_1LD[:, sequence]))
        np.testing.assert_allclose(read[:, sequence], alone, atol=1e-5)
    changed = lane_1LD.copy()
    changed[:, :4] *= -3.0
    beside = keras.ops.convert_to_numpy(encoder(changed, **ids))
    np.testing.assert_array_equal(read[:, 4:], beside[:, 4:])
    assert np.abs(read[:, :4] - beside[:, :4]).max() > 1e-3
