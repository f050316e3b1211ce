"""A number: float32 [B], not finite where it is missing."""

import tensorflow as tf

from recsys.export.features.served import BaseServedFeature


class ServedNumeric(BaseServedFeature):
    """Standardised as the log's were."""

    spec = tf.TensorSpec([None], tf.float32)

    def encode(self, values: tf.Tensor) -> tf.Tensor:
        scaled = (values - self.feature.mean) / self.feature.deviation
        return tf.where(tf.math.is_finite(values), scaled, tf.zeros_like(scaled))
