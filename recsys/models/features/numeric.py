"""A number as a learned vector that it scales."""

from typing import Any

import keras

from recsys.models.features.spec import BaseFeatureSpec


class NumericSpec(BaseFeatureSpec):
    """float32 [n]: the number, standardised."""

    def build(self, dim: int, **kwargs: Any) -> keras.layers.Layer:
        return keras.layers.Dense(dim, use_bias=False, **kwargs)
