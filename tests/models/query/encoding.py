"""A history, and encoders that are asked about it."""

import keras
import numpy as np

HISTORY = np.random.default_rng(0).normal(size=(2, 9, 8)).astype(np.float32)


def encode(config, **further):
    keras.utils.set_random_seed(0)
    encoder = config.build(8, 9)
    encoder.build((None, None, 8))
    return keras.ops.convert_to_numpy(encoder(HISTORY, **further)), encoder
