"""A history read by a recurrent network."""

from typing import Literal

import keras
from pydantic import Field

from recsys.models.dropout import Dropout
from recsys.models.query.encoder import BaseEncoderConfig

CELLS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "rnn": keras.layers.SimpleRNN}
# Numbers a unit: states, gates, and their gradients.
ACTIVATIONS = {"lstm": 11.0, "gru": 10.5, "rnn": 4.0}


def recurrent_cell(kind: str, units: int, policy, name: str) -> keras.layers.Layer:
    """The layer that is repeated, on the fused kernels of the GPU where the backend has them.

    TensorFlow has cuDNN's LSTM and GRU. JAX has its LSTM alone, which computes in float32 and
    refuses bfloat16 when it is compiled (Keras would hand it over): so ours is float32 there,
    whatever the policy. Its GRU, and both kinds of simple RNN, are loops that XLA compiles, with
    the products of all positions and the input weights computed before them.

    Args:
        kind: a key of :data:`CELLS`.
        units: width of the state.
        policy: the dtype policy of the layers around it.
        name: of the layer.
    """
    if kind == "lstm" and keras.backend.backend() == "jax":
        policy = "float32"
    return CELLS[kind](units, return_sequences=True, dtype=policy, name=name)


class RecurrentConfig(BaseEncoderConfig):
    """LSTM, GRU or a simple RNN over the item vectors of a history."""

    kind: Literal["lstm", "gru", "rnn"]
    units: int = Field(128, ge=1, description="width of the recurrent state")
    layers: int = Field(1, ge=1, description="recurrent layers, stacked")
    dropout: float = Field(
        0.2, ge=0, lt=1, description="share of elements dropped before each layer and at the end"
    )
    layer_norm: bool = Field(False, description="normalise the input and the output of each layer")

    @property
    def compiles(self) -> bool:
        """XLA cannot take in the fused cuDNN kernels (as Keras decides, too)."""
        return False

    def activations(self, dim: int, width: int) -> float:
        """Numbers of each position that training keeps on TensorFlow; measured, on CPUs."""
        return 2 * dim + ACTIVATIONS[self.kind] * self.units * self.layers

    def build(self, dim: int, positions: int, **kwargs) -> "Recurrent":
        return Recurrent(dim, **self.model_dump(), **kwargs)


@keras.saving.register_keras_serializable(package="recsys")
class Recurrent(keras.layers.Layer):
    """Position t holds what the network knows after positions 0 to t.

    After Hidasi et al., "Session-based Recommendations with Recurrent Neural
    Networks" (2016), with dropout between layers only: recurrent dropout and
    masks would give up the fused GPU kernels.

    Args:
        dim: width of the output vectors.
        kind, units, layers, dropout, layer_norm: see :class:`RecurrentConfig`.
    """

    def __init__(
        self,
        dim: int,
        kind: str,
        units: int,
        layers: int,
        dropout: float,
        layer_norm: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.dim = dim
        self.kind = kind
        self.units = units
        self.rate = dropout
        policy = self.dtype_policy
        self.cells = [
            recurrent_cell(kind, units, policy, name=f"{kind}_{index}") for index in range(layers)
        ]
        self.dropouts = [Dropout(dropout, dtype=policy) for _ in range(layers + 1)]
        self.norms = [
            keras.layers.LayerNormalization(epsilon=1e-6, dtype=policy, name=f"norm_{index}")
            for index in range(layers + 1 if layer_norm else 0)
        ]
        self.projection = keras.layers.Dense(dim, dtype=policy, name="projection")

    def build(self, input_shape) -> None:
        widths = [input_shape[-1], *(self.units for _ in self.cells)]
        for cell, cell_input in zip(self.cells, widths, strict=False):
            cell.build((None, None, cell_input))
        for norm, normed in zip(self.norms, widths, strict=False):
            norm.build((None, None, normed))
        self.projection.build((None, None, self.units))
        self.built = True

    def call(self, history_BLD, training: bool = False):
        """float [batch, positions, dim] to the same shape; causal."""
        states_BLU = self._prepared(0, history_BLD, training)
        for index, cell in enumerate(self.cells, start=1):
            states_BLU = self._prepared(index, cell(states_BLU, training=training), training)
        return self.projection(states_BLU)

    def _prepared(self, index: int, states_BLU, training: bool):
        if self.norms:
            states_BLU = self.norms[index](states_BLU)
        return self.dropouts[index](states_BLU, training=training)

    def get_config(self) -> dict:
        config = {
            "dim": self.dim,
            "kind": self.kind,
            "units": self.units,
            "layers": len(self.cells),
            "dropout": self.rate,
            "layer_norm": bool(self.norms),
        }
        return {**super().get_config(), **config}
