"""Features whose values are numbers of a vocabulary, from 1 on; 0 = missing or unknown."""

from collections.abc import Sequence

import tensorflow as tf

from recsys.data.feature import Feature
from recsys.export.features.served import BaseServedFeature
from recsys.export.lookup import lookup_table


class ServedVocabulary(BaseServedFeature):
    """What kinds with a vocabulary have in common."""

    table: tf.lookup.StaticHashTable

    def __init__(self, feature: Feature, vocabulary: Sequence[str]) -> None:
        super().__init__(feature, vocabulary)
        self.table = lookup_table(vocabulary, first=1, missing=0)

    def known(self, indices_BV: tf.RaggedTensor) -> tf.Tensor:
        """int32 [B, width]: the first indices that are not 0, padded with 0."""
        known = tf.ragged.boolean_mask(indices_BV, indices_BV != 0)
        return known.to_tensor(default_value=0, shape=[None, self.feature.width])
