"""Side features of users or items as one vector."""

import math
from collections.abc import Mapping
from typing import Any, Literal

import keras
from keras import ops
from pydantic import Field

from recsys.config import StrictConfig
from recsys.models.image.convolution import ConvolutionalImageConfig
from recsys.models.text.average import AverageTextConfig
from recsys.models.text.reader import text_config


class FeatureSpec(StrictConfig):
    """How one feature is encoded (the arrays of ``recsys.data.feature.Feature``)."""

    name: str
    kind: Literal["categorical", "multivalued", "text", "numeric", "vector", "image"]
    width: int = Field(1, description="columns of the array; of an image, pixels a side")
    channels: int = Field(0, description="of an image: 1 (grey) or 3 (colours)")
    vocabulary_size: int = Field(0, description="known values plus one for index 0")

    @property
    def dtype(self) -> str:
        if self.kind == "image":
            return "uint8"
        return "float32" if self.kind in ("numeric", "vector") else "int32"

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of one user's or item's value."""
        if self.kind == "image":
            return (self.width, self.width, self.channels)
        return () if self.kind in ("categorical", "numeric") else (self.width,)

    @property
    def row_bytes(self) -> int:
        """Bytes of one user's or item's value."""
        return math.prod(self.row_shape) * (1 if self.dtype == "uint8" else 4)


@keras.saving.register_keras_serializable(package="recsys")
class FeatureEncoder(keras.layers.Layer):
    """The sum of one vector per feature.

    A categorical value is an embedding, a multi-valued one is the mean of its
    values' embeddings, a text is what a reader makes of its words' embeddings,
    a number scales a learned vector, a ready-made vector is projected, a picture is
    what a network makes of its pixels. Missing values contribute nothing.

    Args:
        specs: the features, as :class:`FeatureSpec` dumps.
        dim: width of the result.
        text: how texts are read, as a dump of one of
            :data:`recsys.models.text.reader.TextConfig`; by default the mean of
            their words' embeddings.
        image: how pictures are read, as a dump of
            :class:`recsys.models.image.convolution.ConvolutionalImageConfig`.
    """

    def __init__(
        self,
        specs: list[dict],
        dim: int,
        text: dict[str, Any] | None = None,
        image: dict[str, Any] | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.specs = [FeatureSpec(**spec) for spec in specs]
        self.dim = dim
        self.text = AverageTextConfig() if text is None else text_config.validate_python(text)
        self.image = ConvolutionalImageConfig.model_validate(image or {})
        self.encoders: dict[str, keras.layers.Layer] = {}
        self.readers: dict[str, keras.layers.Layer] = {}
        self.hide_words = keras.layers.Dropout(
            self.text.word_dropout, noise_shape=(None, None, 1), dtype=self.dtype_policy
        )
        for spec in self.specs:
            name = f"feature_{len(self.encoders)}"
            if spec.dtype == "int32":
                encoder = keras.layers.Embedding(
                    spec.vocabulary_size, dim, dtype=self.dtype_policy, name=name
                )
                reader = self.text if spec.kind == "text" else AverageTextConfig()
                self.readers[spec.name] = reader.build(
                    dim, dtype=self.dtype_policy, name=f"reader_{len(self.readers)}"
                )
            elif spec.kind == "image":
                encoder = self.image.build(dim, dtype=self.dtype_policy, name=name)
            else:
                encoder = keras.layers.Dense(
                    dim, use_bias=False, dtype=self.dtype_policy, name=name
                )
            self.encoders[spec.name] = encoder

    def build(self, input_shape=None) -> None:
        for spec in self.specs:
            self.encoders[spec.name].build((None, *(spec.row_shape or (1,))))
        for reader in self.readers.values():
            reader.build((None, None, self.dim))
        self.built = True

    @property
    def activations(self) -> float:
        """Numbers of each user or item that are held at once, about."""
        return sum(
            self.image.activations(spec.width)
            if spec.kind == "image"
            else self.dim * (spec.width if spec.dtype == "int32" else 1)
            for spec in self.specs
        )

    def call(self, features: Mapping[str, object], training: bool = False):
        """Encodes.

        Args:
            features: each feature's array, [n], [n, width] or [n, width, width,
                channels] as its kind says.

        Returns:
            [n, dim] in the layer's compute dtype.
        """
        return sum(self._encode(spec, features[spec.name], training) for spec in self.specs)

    def _encode(self, spec: FeatureSpec, values, training: bool):
        encoder = self.encoders[spec.name]
        values = ops.reshape(values, (-1, *(spec.row_shape or (1,))))
        if spec.kind == "image":
            return encoder(values, training=training)
        if spec.dtype == "float32":
            return encoder(values)
        there = ops.cast(values > 0, self.compute_dtype)
        vectors = encoder(values) * there[..., None]
        if spec.kind == "text":
            vectors = self.hide_words(vectors, training=training)
        return self.readers[spec.name](vectors, there, training=training)

    def get_config(self) -> dict:
        config = {
            "specs": [spec.model_dump() for spec in self.specs],
            "dim": self.dim,
            "text": self.text.model_dump(),
            "image": self.image.model_dump(),
        }
        return {**super().get_config(), **config}
