"""A history read by causal convolutions."""

from typing import Literal

import keras
from keras import ops
from pydantic import Field

from recsys.models.dropout import Dropout
from recsys.models.query.encoder import BaseEncoderConfig


class ConvolutionConfig(BaseEncoderConfig):
    """Residual blocks of causal convolutions whose reach doubles from block to block."""

    kind: Literal["cnn"] = "cnn"
    blocks: int = Field(4, ge=1, description="convolutions, stacked; block b skips 2^b - 1 events")
    kernel: int = Field(3, ge=2, description="events that each convolution reads")
    dropout: float = Field(
        0.2, ge=0, lt=1, description="share of elements dropped of the input and of each block"
    )

    def activations(self, dim: int, width: int) -> float:
        """Numbers of each position that training keeps on TensorFlow; measured, on CPUs."""
        return 9.5 * dim * self.blocks

    def build(self, dim: int, positions: int, **kwargs) -> "Convolution":
        return Convolution(dim, **self.model_dump(exclude={"kind"}), **kwargs)


@keras.saving.register_keras_serializable(package="recsys")
class Convolution(keras.layers.Layer):
    """Position t holds what the convolutions see of positions 0 to t.

    Yuan et al., "A Simple Convolutional Generative Network for Next Item
    Recommendation" (2019), one dilated convolution per residual block, with
    layer normalisation in front. Each is one matrix product over shifted copies
    of its input, which every backend and compiler does well.

    Args:
        dim: width of the vectors, in and out.
        blocks, kernel, dropout: see :class:`ConvolutionConfig`.
    """

    def __init__(self, dim: int, blocks: int, kernel: int, dropout: float, **kwargs) -> None:
        super().__init__(**kwargs)
        self.dim = dim
        self.kernel = kernel
        policy = self.dtype_policy
        self.norms = [
            keras.layers.LayerNormalization(epsilon=1e-6, dtype=policy, name=f"norm_{index}")
            for index in range(blocks + 1)
        ]
        self.convolutions = [
            keras.layers.Dense(dim, dtype=policy, name=f"convolution_{index}")
            for index in range(blocks)
        ]
        self.dropout = Dropout(dropout, dtype=policy)

    def build(self, input_shape) -> None:
        for norm in self.norms:
            norm.build(input_shape)
        for convolution in self.convolutions:
            convolution.build((*input_shape[:-1], self.kernel * self.dim))
        self.built = True

    def call(self, history_BLD, training: bool = False):
        """float [batch, positions, dim] to the same shape; causal."""
        states_BLD = self.dropout(history_BLD, training=training)
        for index, convolution in enumerate(self.convolutions):
            normed = ops.relu(self.norms[index](states_BLD))
            shifted = [_shift(normed, step * 2**index) for step in range(self.kernel)]
            convolved = convolution(ops.concatenate(shifted, axis=-1))
            states_BLD = states_BLD + self.dropout(convolved, training=training)
        return self.norms[-1](states_BLD)

    def get_config(self) -> dict:
        config = {
            "dim": self.dim,
            "blocks": len(self.convolutions),
            "kernel": self.kernel,
            "dropout": self.dropout.rate,
        }
        return {**super().get_config(), **config}


def _shift(states_BLD, steps: int):
    """Position t gets what position t - steps held, zero before the beginning."""
    length = ops.shape(states_BLD)[1]
    return ops.pad(states_BLD, ((0, 0), (steps, 0), (0, 0)))[:, :length]
