"""Dropout whose masks cost an accelerator little."""

from math import prod

import keras

# A mask compares 16 random bits of each element with the share that is kept.
_VALUES = 2**16


@keras.saving.register_keras_serializable(package="recsys")
class Dropout(keras.layers.Dropout):
    """Keras's layer, with a quarter of the random numbers on JAX.

    There Keras draws 64 random bits for each element (Threefry) and uses 32. Here 16 decide, so
    the share that is dropped is ``rate`` to 1/65,536, and what is kept is scaled by the exact
    share. On TensorFlow it is Keras's own.

    Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3" (2011), has the generator;
    Srivastava et al., "Dropout" (2014), the layer.

    Args:
        rate: share of the elements set to 0 in training, 0 to 1.

    Example:

    >>> import numpy as np
    >>> keras.ops.convert_to_numpy(Dropout(0.5)(np.ones((1, 3)), training=False))
    array([[1., 1., 1.]], dtype=float32)
    """

    def call(self, inputs, training: bool = False):
        """Some elements set to 0 and the others scaled up, in training; else the inputs."""
        ours = keras.backend.backend() == "jax" and self.noise_shape is None
        if not (ours and training and 0 < self.rate < 1):
            return super().call(inputs, training=training)
        return drop(inputs, self.seed_generator.next(), 1.0 - self.rate)


def drop(inputs, seed_2, share: float):
    """Elements set to 0 and the others scaled up, on JAX.

    Args:
        inputs: any array.
        seed_2: uint32 [2], a key of JAX's.
        share: of the elements that is kept, above 0.
    """
    import jax
    import jax.numpy as jnp
    from jax.extend.random import threefry_2x32

    kept = max(round(share * _VALUES), 1)
    if kept == _VALUES:  # the share that is dropped is too small for 16 bits
        return inputs
    elements = prod(inputs.shape)
    words = threefry_2x32(seed_2, jnp.arange(-(-elements // 2), dtype="uint32"))
    bits = jnp.concatenate([words & (_VALUES - 1), words >> 16])[:elements]
    mask = jnp.reshape(bits < kept, inputs.shape)
    return jax.lax.select(mask, inputs * (_VALUES / kept), jnp.zeros_like(inputs))
