"""A ready-made vector: float32 [B, width]; what is not finite counts as 0."""

import tensorflow as tf

from recsys.export.features.served import BaseServedFeature


class ServedVector(BaseServedFeature):
    """As it is given."""

    @property
    def spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None, self.feature.width], tf.float32)

    def encode(self, values: tf.Tensor) -> tf.Tensor:
        return tf.where(tf.math.is_finite(values), values, tf.zeros_like(values))
