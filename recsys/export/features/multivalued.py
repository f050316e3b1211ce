"""Several categories: text [B, V], "" where there are fewer."""

import tensorflow as tf

from recsys.export.features.vocabulary import ServedVocabulary
from recsys.export.lookup import look_up


class ServedMultivalued(ServedVocabulary):
    """Their indices in the vocabulary."""

    spec = tf.TensorSpec([None, None], tf.string)

    def encode(self, values: tf.Tensor) -> tf.Tensor:
        return self.known(tf.RaggedTensor.from_tensor(look_up(self.table, values, missing=0)))
