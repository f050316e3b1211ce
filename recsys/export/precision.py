"""Full float32 products on graphics cards."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def full_float32_products() -> Iterator[None]:
    """Keeps all bits of float32 factors for a while.

    Graphics cards round them to TF32 (10 bits of mantissa) by default, which
    moves scores by more than the parity gate accepts.
    """
    if keras.config.backend() == "jax":
        import jax

        with jax.default_matmul_precision("highest"):
            yield
    elif keras.config.backend() == "tensorflow":
        import tensorflow as tf

        before = tf.config.experimental.tensor_float_32_execution_enabled()
        tf.config.experimental.enable_tensor_float_32_execution(False)
        try:
            yield
        finally:
            tf.config.experimental.enable_tensor_float_32_execution(before)
    else:
        yield
