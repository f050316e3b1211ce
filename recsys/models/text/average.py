"""A text as the average of its word vectors.

Legend of shapes: N texts, W words a text, padded on the right, D width of a
word vector.
"""

from typing import Literal

import keras
from keras import ops

from recsys.models.text.words import WordsConfig


class AverageTextConfig(WordsConfig):
    """The mean of the word vectors; the order of words makes no difference."""

    kind: Literal["average"] = "average"

    def build(self, dim: int, **kwargs) -> "AverageText":
        return AverageText(**kwargs)


@keras.saving.register_keras_serializable(package="recsys")
class AverageText(keras.layers.Layer):
    """The mean of the vectors that are there."""

    def build(self, input_shape=None) -> None:
        self.built = True

    def call(self, words_NWD, there_NW, training: bool = False):
        """float [N, W, D] and 1 where there is a word, else 0, to [N, D]."""
        count_N1 = ops.maximum(ops.sum(there_NW, axis=1, keepdims=True), 1.0)
        return ops.sum(words_NWD, axis=1) / count_N1
