"""A history as the average of its items."""

from typing import Literal

import keras
from keras import ops
from pydantic import Field

from recsys.models.dropout import Dropout
from recsys.models.query.encoder import BaseEncoderConfig


class AverageConfig(BaseEncoderConfig):
    """The average of the item vectors of a history."""

    kind: Literal["average"] = "average"
    over: Literal["past", "others"] = Field(
        "past",
        description="what the prediction of an event averages in training; past: the events "
        "before it; others: all other events of the sequence, for logs without an order",
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="share of the result's elements dropped")

    @property
    def needs_order(self) -> bool:
        return False

    @property
    def reads_whole_sequences(self) -> bool:
        return self.over == "others"

    def build(self, dim: int, positions: int, **kwargs) -> "Average":
        return Average(over=self.over, dropout=self.dropout, **kwargs)


@keras.saving.register_keras_serializable(package="recsys")
class Average(keras.layers.Layer):
    """Position t holds the mean of positions 0 to t, or of all but the event after it.

    The user tower of Covington et al., "Deep Neural Networks for YouTube
    Recommendations" (2016), reads histories this way. Where a history is a set,
    the mean over the others is what EASE and item-to-item models learn from:
    each item is predicted from all the rest. A whole history is read at the
    position after its last event, where both are the same.

    Args:
        over: see :class:`AverageConfig`.
        dropout: share of the result's elements dropped.
    """

    def __init__(self, over: str = "past", dropout: float = 0.0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.over = over
        self.dropout = Dropout(dropout, dtype=self.dtype_policy)

    def call(self, history_BLD, lengths_B=None, training: bool = False):
        """float [batch, positions, dim] to the same shape.

        Args:
            history_BLD: the start vector and the item vectors.
            lengths_B: int32 [batch], items of each history; read over others.
        """
        # Sums of hundreds of vectors lose digits in half precision.
        history_BLD = ops.cast(history_BLD, "float32")
        if self.over == "past":
            sums_BLD = ops.cumsum(history_BLD, axis=1)
            counts_L = ops.arange(1, ops.shape(history_BLD)[1] + 1, dtype="float32")
            mean_BLD = sums_BLD / counts_L[None, :, None]
        else:
            mean_BLD = _mean_of_others(history_BLD, lengths_B)
        return self.dropout(ops.cast(mean_BLD, self.compute_dtype), training=training)

    def get_config(self) -> dict:
        return {**super().get_config(), "over": self.over, "dropout": self.dropout.rate}


def _mean_of_others(history_BLD, lengths_B):
    steps_1L = ops.arange(ops.shape(history_BLD)[1], dtype="int32")[None, :]
    lengths_B1 = ops.cast(lengths_B, "int32")[:, None]
    there_BL1 = ops.cast(steps_1L <= lengths_B1, "float32")[..., None]
    present_BLD = history_BLD * there_BL1
    # Position t predicts the item at position t + 1, if there is one.
    predicted_BLD = ops.pad(present_BLD[:, 1:], ((0, 0), (0, 1), (0, 0)))
    predicts_BL1 = ops.cast(steps_1L < lengths_B1, "float32")[..., None]
    others_BLD = ops.sum(present_BLD, axis=1, keepdims=True) - predicted_BLD
    counts_BL1 = ops.cast(lengths_B1 + 1, "float32")[..., None] - predicts_BL1
    return others_BLD / counts_BL1
