"""Side features of users or items as one vector."""

from collections.abc import Mapping
from typing import Literal

import keras
from keras import ops
from pydantic import Field

from recsys.config import StrictConfig


class FeatureSpec(StrictConfig):
    """How one feature is encoded (the arrays of ``recsys.data.dataset.Feature``)."""

    name: str
    kind: Literal["categorical", "multivalued", "text", "numeric", "vector"]
    width: int = Field(1, description="columns of the array")
    vocabulary_size: int = Field(0, description="known values plus one for index 0")

    @property
    def dtype(self) -> str:
        return "float32" if self.kind in ("numeric", "vector") else "int32"

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of one user's or item's value."""
        return () if self.kind in ("categorical", "numeric") else (self.width,)


@keras.saving.register_keras_serializable(package="recsys")
class FeatureEncoder(keras.layers.Layer):
    """The sum of one vector per feature.

    A categorical value is an embedding, a multi-valued one and a text are the
    mean of their values' embeddings, a number scales a learned vector, a
    ready-made vector is projected. Missing values contribute nothing.

    Args:
        specs: the features, as :class:`FeatureSpec` dumps.
        dim: width of the result.
    """

    def __init__(self, specs: list[dict], dim: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.specs = [FeatureSpec(**spec) for spec in specs]
        self.dim = dim
        self.encoders: dict[str, keras.layers.Layer] = {}
        for spec in self.specs:
            name = f"feature_{len(self.encoders)}"
            if spec.dtype == "int32":
                encoder = keras.layers.Embedding(
                    spec.vocabulary_size, dim, dtype=self.dtype_policy, name=name
                )
            else:
                encoder = keras.layers.Dense(
                    dim, use_bias=False, dtype=self.dtype_policy, name=name
                )
            self.encoders[spec.name] = encoder

    def build(self, input_shape=None) -> None:
        for spec in self.specs:
            self.encoders[spec.name].build((None, spec.width))
        self.built = True

    def call(self, features: Mapping[str, object]):
        """Encodes.

        Args:
            features: each feature's array, [n] or [n, width] as its kind says.

        Returns:
            [n, dim] in the layer's compute dtype.
        """
        return sum(self._encode(spec, features[spec.name]) for spec in self.specs)

    def _encode(self, spec: FeatureSpec, values):
        encoder = self.encoders[spec.name]
        if spec.dtype == "float32":
            return encoder(ops.reshape(values, (-1, spec.width)))
        values = ops.reshape(values, (-1, spec.width))
        present = ops.cast(values > 0, self.compute_dtype)
        vectors = encoder(values) * present[..., None]
        count = ops.maximum(ops.sum(present, axis=1, keepdims=True), 1.0)
        return ops.sum(vectors, axis=1) / count

    def get_config(self) -> dict:
        config = {"specs": [spec.model_dump() for spec in self.specs], "dim": self.dim}
        return {**super().get_config(), **config}
