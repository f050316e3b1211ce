"""A ready-made vector, projected."""

from typing import Any

import keras
from pydantic import Field

from recsys.models.features.spec import BaseFeatureSpec


class VectorSpec(BaseFeatureSpec):
    """float32 [n, width]: the vector."""

    width: int = Field(description="columns of the array")

    @property
    def row_shape(self) -> tuple[int, ...]:
        return (self.width,)

    def build(self, dim: int, **kwargs: Any) -> keras.layers.Layer:
        return keras.layers.Dense(dim, use_bias=False, **kwargs)
