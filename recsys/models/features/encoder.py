"""Side features of users or items as one vector."""

from collections.abc import Mapping

import keras
from keras import ops

from recsys.models.features.kinds import feature_spec
from recsys.models.features.spec import FeatureSpec


@keras.saving.register_keras_serializable(package="recsys")
class FeatureEncoder(keras.layers.Layer):
    """The sum of one vector per feature; missing values contribute nothing.

    Args:
        specs: the features, as :func:`recsys.models.features.kinds.feature_spec` reads them.
        dim: width of the result.
    """

    def __init__(self, specs: list[dict], dim: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.specs = [feature_spec(spec) for spec in specs]
        self.dim = dim
        self.encoders: dict[str, keras.layers.Layer] = {
            spec.name: spec.build(dim, dtype=self.dtype_policy, name=f"feature_{index}")
            for index, spec in enumerate(self.specs)
        }

    def build(self, input_shape=None) -> None:
        for spec in self.specs:
            self.encoders[spec.name].build((None, *_row_shape(spec)))
        self.built = True

    @property
    def activations(self) -> float:
        """Numbers of each user or item that are held at once, about."""
        return sum(spec.activations(self.dim) for spec in self.specs)

    def call(self, features: Mapping[str, object], training: bool = False):
        """Encodes.

        Args:
            features: each feature's array, [n, …] as its spec says.

        Returns:
            [n, dim] in the layer's compute dtype.
        """
        return sum(
            self.encoders[spec.name](
                ops.reshape(features[spec.name], (-1, *_row_shape(spec))), training=training
            )
            for spec in self.specs
        )

    def get_config(self) -> dict:
        config = {"specs": [spec.model_dump() for spec in self.specs], "dim": self.dim}
        return {**super().get_config(), **config}


def _row_shape(spec: FeatureSpec) -> tuple[int, ...]:
    """Of a value as its layer reads it: with at least one axis."""
    return spec.row_shape or (1,)
