"""A history as the average of its items."""

from typing import Literal

import keras
from keras import ops
from pydantic import Field

from recsys.config import StrictConfig


class AverageConfig(StrictConfig):
    """The running average of the item vectors seen so far."""

    kind: Literal["average"] = "average"
    dropout: float = Field(0.0, ge=0, lt=1, description="share of the result's elements dropped")

    def build(self, dim: int, positions: int, **kwargs) -> "Average":
        return Average(dropout=self.dropout, **kwargs)


@keras.saving.register_keras_serializable(package="recsys")
class Average(keras.layers.Layer):
    """Position t holds the mean of positions 0 to t.

    The user tower of Covington et al., "Deep Neural Networks for YouTube
    Recommendations" (2016), reads histories this way.
    """

    def __init__(self, dropout: float = 0.0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy)

    def call(self, history_BLD, training: bool = False):
        """float [batch, positions, dim] to the same shape; causal."""
        # Sums of hundreds of vectors lose digits in half precision.
        sums_BLD = ops.cumsum(ops.cast(history_BLD, "float32"), axis=1)
        counts_L = ops.arange(1, ops.shape(history_BLD)[1] + 1, dtype="float32")
        mean_BLD = ops.cast(sums_BLD / counts_L[None, :, None], self.compute_dtype)
        return self.dropout(mean_BLD, training=training)

    def get_config(self) -> dict:
        return {**super().get_config(), "dropout": self.dropout.rate}
