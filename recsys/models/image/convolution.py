"""A picture read by a convolutional network.

Legend of shapes: N pictures, H and W pixels, C channels, F filters.
"""

from typing import Literal

import keras
from keras import ops
from pydantic import Field

from recsys.config import StrictConfig
from recsys.models.dropout import Dropout


class ConvolutionalImageConfig(StrictConfig):
    """Filters over neighbouring pixels, in blocks that each halve the picture."""

    kind: Literal["cnn"] = "cnn"
    filters: int = Field(16, ge=1, description="of the first block; each further block has twice")
    blocks: int = Field(3, ge=1, le=6, description="3 × 3 convolution, ReLU, 2 × 2 max pooling")
    dropout: float = Field(0.2, ge=0, lt=1, description="share of answers hidden in training")

    def activations(self, size: int) -> float:
        """Numbers of each picture that its blocks hold: before and after pooling."""
        sides = [size / 2**block for block in range(self.blocks)]
        return sum(
            side**2 * self.filters * 2**block * (1 + 1 / 4) for block, side in enumerate(sides)
        )

    def build(self, dim: int, **kwargs) -> "ConvolutionalImage":
        return ConvolutionalImage(dim, self.filters, self.blocks, self.dropout, **kwargs)


@keras.saving.register_keras_serializable(package="recsys")
class ConvolutionalImage(keras.layers.Layer):
    """What filters answer over the picture on average, standardised and projected.

    Blocks as in Simonyan and Zisserman, "Very Deep Convolutional Networks for
    Large-Scale Image Recognition" (2015), of one convolution each; averaged over
    all places as in Lin et al., "Network In Network" (2014).

    Args:
        dim: width of the result.
        filters, blocks, dropout: see :class:`ConvolutionalImageConfig`.
    """

    def __init__(self, dim: int, filters: int, blocks: int, dropout: float, **kwargs) -> None:
        super().__init__(**kwargs)
        self.dim = dim
        self.filters = filters
        self.blocks = blocks
        self.rate = dropout
        policy = self.dtype_policy
        # Whatever the order of axes in the user's Keras settings.
        order = "channels_last"
        self.convolutions = [
            keras.layers.Conv2D(
                filters * 2**block,
                3,
                padding="same",
                activation="relu",
                kernel_initializer="he_normal",
                data_format=order,
                dtype=policy,
                name=f"block_{block}",
            )
            for block in range(blocks)
        ]
        self.pool = keras.layers.MaxPooling2D(padding="same", data_format=order, dtype=policy)
        self.standardise = keras.layers.LayerNormalization(dtype=policy, name="standardise")
        self.dropout = Dropout(dropout, dtype=policy)
        # Vectors begin as small as those of ids, so that no score stands out.
        self.projection = keras.layers.Dense(
            dim,
            use_bias=False,
            kernel_initializer=keras.initializers.VarianceScaling(0.02**2, mode="fan_in"),
            dtype=policy,
            name="projection",
        )

    def build(self, input_shape) -> None:
        channels = input_shape[-1]
        for convolution in self.convolutions:
            convolution.build((None, None, None, channels))
            channels = convolution.filters
        self.standardise.build((None, channels))
        self.projection.build((None, channels))
        self.built = True

    def call(self, pixels_NHWC, training: bool = False):
        """uint8 [N, H, W, C] to [N, dim]; zeros where all pixels are 0: there is no picture."""
        there_N1 = ops.cast(ops.any(pixels_NHWC > 0, axis=(1, 2, 3)), self.compute_dtype)[:, None]
        maps_NHWF = ops.cast(pixels_NHWC, self.compute_dtype) / 127.5 - 1.0
        for convolution in self.convolutions:
            maps_NHWF = self.pool(convolution(maps_NHWF))
        answers_NF = self.standardise(ops.mean(maps_NHWF, axis=(1, 2)))
        answers_NF = self.dropout(answers_NF, training=training)
        return self.projection(answers_NF) * there_N1

    def get_config(self) -> dict:
        config = {
            "dim": self.dim,
            "filters": self.filters,
            "blocks": self.blocks,
            "dropout": self.rate,
        }
        return {**super().get_config(), **config}
