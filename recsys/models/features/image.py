"""A picture as what a network makes of its pixels."""

from typing import Any

import keras
from pydantic import Field

from recsys.models.features.spec import BaseFeatureSpec
from recsys.models.image.convolution import ConvolutionalImageConfig


class ImageSpec(BaseFeatureSpec):
    """uint8 [n, width, width, channels]: the pixels."""

    width: int = Field(description="pixels a side")
    channels: int = Field(description="1 (grey) or 3 (colours)")
    reader: ConvolutionalImageConfig = Field(
        ConvolutionalImageConfig(), description="what reads the pixels"
    )

    @property
    def dtype(self) -> str:
        return "uint8"

    @property
    def row_shape(self) -> tuple[int, ...]:
        return (self.width, self.width, self.channels)

    def activations(self, dim: int) -> float:
        return self.reader.activations(self.width)

    def build(self, dim: int, **kwargs: Any) -> keras.layers.Layer:
        return self.reader.build(dim, **kwargs)
