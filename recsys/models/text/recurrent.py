"""A text read by a recurrent network.

Legend of shapes: N texts, W words a text, padded on the right, D width of a
word vector, U units of the recurrent state.
"""

from typing import Literal

import keras
from keras import ops
from pydantic import Field

from recsys.models.dropout import Dropout
from recsys.models.query.recurrent import recurrent_cell
from recsys.models.text.words import WordsConfig


class RecurrentTextConfig(WordsConfig):
    """A recurrent network that reads word by word; the state after the last word counts."""

    kind: Literal["rnn"]
    cell: Literal["gru", "lstm", "rnn"] = Field(
        "gru", description="what is repeated; rnn: a simple RNN"
    )
    units: int = Field(64, ge=1, description="width of the recurrent state")
    dropout: float = Field(
        0.2, ge=0, lt=1, description="share of elements dropped of word vectors and of the state"
    )

    def build(self, dim: int, **kwargs) -> "RecurrentText":
        return RecurrentText(dim, self.units, self.dropout, self.cell, **kwargs)


@keras.saving.register_keras_serializable(package="recsys")
class RecurrentText(keras.layers.Layer):
    """The state after the last word, projected.

    The cell is a GRU (Cho et al., 2014), an LSTM (Hochreiter and Schmidhuber, 1997) or a
    simple RNN (Elman, 1990).

    The last state is read by length instead of by a mask, which would give up
    the fused GPU kernels.

    Args:
        dim: width of the result.
        units, dropout, cell: see :class:`RecurrentTextConfig`.
    """

    def __init__(self, dim: int, units: int, dropout: float, cell: str = "gru", **kwargs) -> None:
        super().__init__(**kwargs)
        self.dim = dim
        self.units = units
        self.rate = dropout
        self.kind = cell
        policy = self.dtype_policy
        self.cell = recurrent_cell(cell, units, policy, name=cell)
        self.dropouts = [Dropout(dropout, dtype=policy) for _ in range(2)]
        # Without a bias, so that a text without words stays the zero vector.
        self.projection = keras.layers.Dense(dim, use_bias=False, dtype=policy, name="projection")

    def build(self, input_shape) -> None:
        self.cell.build((None, None, input_shape[-1]))
        self.projection.build((None, self.units))
        self.built = True

    def call(self, words_NWD, there_NW, training: bool = False):
        """float [N, W, D] and 1 where there is a word, else 0, to [N, dim]."""
        before, after = self.dropouts
        states_NWU = self.cell(before(words_NWD, training=training), training=training)
        length_N = ops.sum(ops.cast(there_NW, "int32"), axis=1)
        last_N11 = ops.maximum(length_N - 1, 0)[:, None, None]
        state_NU = ops.take_along_axis(states_NWU, last_N11, axis=1)[:, 0, :]
        state_NU = state_NU * ops.cast(length_N > 0, state_NU.dtype)[:, None]
        return self.projection(after(state_NU, training=training))

    def get_config(self) -> dict:
        config = {
            "dim": self.dim,
            "units": self.units,
            "dropout": self.rate,
            "cell": self.kind,
        }
        return {**super().get_config(), **config}
