"""A text read by a convolutional network.

Legend of shapes: N texts, W words a text, padded on the right, D width of a
word vector, F filters.
"""

from typing import Literal

import keras
from keras import ops
from pydantic import Field, PositiveInt

from recsys.models.dropout import Dropout
from recsys.models.text.words import WordsConfig


class ConvolutionalTextConfig(WordsConfig):
    """Filters over neighbouring words, each heard where it answers loudest."""

    kind: Literal["cnn"]
    widths: list[PositiveInt] = Field(
        [1, 2, 3], min_length=1, description="words that a filter looks at, one entry per kind"
    )
    filters: int = Field(64, ge=1, description="filters of each width")
    dropout: float = Field(0.2, ge=0, lt=1, description="share of filters hidden in training")

    def build(self, dim: int, **kwargs) -> "ConvolutionalText":
        return ConvolutionalText(dim, self.widths, self.filters, self.dropout, **kwargs)


@keras.saving.register_keras_serializable(package="recsys")
class ConvolutionalText(keras.layers.Layer):
    """Each filter's largest answer over the text, projected.

    After Kim, "Convolutional Neural Networks for Sentence Classification"
    (2014). A window begins at every word and sees zeros beyond the last one, so
    that a text shorter than a filter is read too, and padding changes nothing.

    Args:
        dim: width of the result.
        widths, filters, dropout: see :class:`ConvolutionalTextConfig`.
    """

    def __init__(self, dim: int, widths: list[int], filters: int, dropout: float, **kwargs) -> None:
        super().__init__(**kwargs)
        self.dim = dim
        self.widths = list(widths)
        self.filters = filters
        self.rate = dropout
        policy = self.dtype_policy
        self.convolutions = [
            keras.layers.Conv1D(
                filters, width, activation="relu", dtype=policy, name=f"filters_{index}"
            )
            for index, width in enumerate(self.widths)
        ]
        self.dropout = Dropout(dropout, dtype=policy)
        # Without a bias, so that a text without words stays the zero vector.
        self.projection = keras.layers.Dense(dim, use_bias=False, dtype=policy, name="projection")

    def build(self, input_shape) -> None:
        for convolution in self.convolutions:
            convolution.build((None, None, input_shape[-1]))
        self.projection.build((None, self.filters * len(self.widths)))
        self.built = True

    def call(self, words_NWD, there_NW, training: bool = False):
        """float [N, W, D] and 1 where there is a word, else 0, to [N, dim]."""
        largest = []
        for width, convolution in zip(self.widths, self.convolutions, strict=True):
            windows_NWF = convolution(ops.pad(words_NWD, ((0, 0), (0, width - 1), (0, 0))))
            # No answer is negative, so those of padding are out of the way at 0.
            largest.append(ops.max(windows_NWF * there_NW[..., None], axis=1))
        pooled = self.dropout(ops.concatenate(largest, axis=-1), training=training)
        return self.projection(pooled)

    def get_config(self) -> dict:
        config = {
            "dim": self.dim,
            "widths": self.widths,
            "filters": self.filters,
            "dropout": self.rate,
        }
        return {**super().get_config(), **config}
