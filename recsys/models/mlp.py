"""Hidden layers on top of a tower."""

from collections.abc import Sequence

import keras


@keras.saving.register_keras_serializable(package="recsys")
class MLP(keras.layers.Layer):
    """ReLU layers, then a linear one of the tower's width.

    Args:
        hidden: units of each ReLU layer; none leaves the linear layer alone.
        dim: width of the result.
    """

    def __init__(self, hidden: Sequence[int], dim: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.units = list(hidden)
        self.dim = dim
        policy = self.dtype_policy
        self.hidden = [
            keras.layers.Dense(units, activation="relu", dtype=policy, name=f"hidden_{i}")
            for i, units in enumerate(self.units)
        ]
        self.output_layer = keras.layers.Dense(dim, dtype=policy, name="output")

    def build(self, input_shape) -> None:
        width = input_shape[-1]
        for layer in self.hidden:
            layer.build((None, width))
            width = layer.units
        self.output_layer.build((None, width))
        self.built = True

    def call(self, inputs):
        """float [..., width] to [..., dim]."""
        for layer in self.hidden:
            inputs = layer(inputs)
        return self.output_layer(inputs)

    def get_config(self) -> dict:
        return {**super().get_config(), "hidden": self.units, "dim": self.dim}
