"""A category: text [B], "" where it is missing."""

import tensorflow as tf

from recsys.export.features.vocabulary import ServedVocabulary
from recsys.export.lookup import look_up


class ServedCategorical(ServedVocabulary):
    """Its index in the vocabulary."""

    spec = tf.TensorSpec([None], tf.string)

    def encode(self, values: tf.Tensor) -> tf.Tensor:
        return look_up(self.table, values, missing=0)
