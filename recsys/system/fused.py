"""Functions whose operations are to run as one pass over memory."""

from collections.abc import Callable

import keras


def fused(function: Callable) -> Callable:
    """A function of tensors, compiled by XLA where the graph around it is not.

    TensorFlow runs a graph operation by operation, each of which writes what it computes. JAX
    compiles the whole that the function is part of.

    Args:
        function: of tensors, to tensors of a shape that follows from theirs.
    """
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    return tf.function(function, jit_compile=True, autograph=False)
