"""Values of a vocabulary as one vector.

Legend of shapes: N users or items, W values each, padded on the right with 0, D width of a vector.
"""

from typing import Any

import keras
from keras import ops

from recsys.models.text.average import AverageTextConfig
from recsys.models.text.reader import text_config


@keras.saving.register_keras_serializable(package="recsys")
class EmbeddedValues(keras.layers.Layer):
    """What a reader makes of the values' embeddings; by default their mean.

    Args:
        vocabulary_size: known values plus one for index 0.
        dim: width of the result.
        reader: a dump of one of :data:`recsys.models.text.reader.TextConfig`.
    """

    def __init__(
        self, vocabulary_size: int, dim: int, reader: dict[str, Any] | None = None, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.dim = dim
        config = AverageTextConfig() if reader is None else text_config.validate_python(reader)
        self.config = config
        policy = self.dtype_policy
        self.hide_words = keras.layers.Dropout(
            config.word_dropout, noise_shape=(None, None, 1), dtype=policy
        )
        self.embedding = keras.layers.Embedding(
            vocabulary_size, dim, dtype=policy, name="embedding"
        )
        self.reader = config.build(dim, dtype=policy, name="reader")

    def build(self, input_shape) -> None:
        self.embedding.build(input_shape)
        self.reader.build((None, None, self.dim))
        self.built = True

    def call(self, values_NW, training: bool = False):
        """int32 [N, W] to [N, D]; the zero vector where there is no value."""
        there_NW = ops.cast(values_NW > 0, self.compute_dtype)
        vectors_NWD = self.embedding(values_NW) * there_NW[..., None]
        vectors_NWD = self.hide_words(vectors_NWD, training=training)
        return self.reader(vectors_NWD, there_NW, training=training)

    def get_config(self) -> dict:
        config = {
            "vocabulary_size": self.vocabulary_size,
            "dim": self.dim,
            "reader": self.config.model_dump(),
        }
        return {**super().get_config(), **config}
