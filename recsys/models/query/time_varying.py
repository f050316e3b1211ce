"""A history read by a convolution whose filter varies with the position.

Legend of shapes: B lanes, of one sequence or several, L positions, N of them in the longest
sequence, D width of a vector, M filters of the basis.
"""

from typing import Literal

import keras
import numpy as np
from keras import ops
from pydantic import Field

from recsys.models.dropout import Dropout
from recsys.models.query.attention_past import Lanes, Past, past_of
from recsys.models.query.encoder import BaseEncoderConfig


class TimeVaryingConfig(BaseEncoderConfig):
    """Blocks of a convolution over the whole past, with a filter of its own per position."""

    kind: Literal["time_varying"] = "time_varying"
    blocks: int = Field(2, ge=1, description="blocks, stacked")
    filters: int = Field(
        32, ge=1, description="filters of a block's basis, which each position mixes its own from"
    )
    feed_forward: int = Field(
        4, ge=1, description="width of the feed-forward layer, as a multiple of dim"
    )
    dropout: float = Field(
        0.2, ge=0, lt=1, description="share of elements dropped of the input and of each sub-layer"
    )

    @property
    def packs(self) -> bool:
        return True

    def activations(self, dim: int, width: int) -> float:
        """Numbers of each position that training keeps on TensorFlow; measured, on CPUs."""
        vectors = 13 + 3 * self.feed_forward
        return self.blocks * (vectors * dim + 2 * width + self.filters)

    def build(self, dim: int, positions: int, **kwargs) -> "TimeVarying":
        return TimeVarying(dim, positions, self.model_dump(), **kwargs)


@keras.saving.register_keras_serializable(package="recsys")
class TimeVarying(keras.layers.Layer):
    """Position t holds what positions 0 to t say, weighed by the filter of position t.

    After Shin, Choi, Kim and Park, "TV-Rec: Time-Variant Convolutional Filter for Sequential
    Recommendation" (NeurIPS 2025). There is no attention and there are no vectors of positions:
    what an event weighs depends on where it is and where it is read, and on nothing else. A block
    is ``x' = x + filter(norm(x))``, then ``x' + GELU feed-forward(norm(x'))``, with layer
    normalisation after the last; TV-Rec normalises after each sum instead.

    TV-Rec counts positions from the end of a history, which it pads on the left, and predicts
    at the last one alone, so that its last filter is always the same. Here every position
    predicts, in one pass, and positions count from the beginning: a position's filter is that of
    its number of events. TV-Rec's penalty on filters that are not orthogonal is left out (it is
    0 in its own settings for Amazon Beauty).

    Args:
        dim: D, width of the vectors, in and out.
        positions: N, of a sequence, at most.
        config: a :class:`TimeVaryingConfig` dump.

    Example:

    >>> encoder = TimeVaryingConfig(blocks=1).build(dim=8, positions=50)
    >>> tuple(encoder(np.zeros((2, 50, 8), "float32")).shape)
    (2, 50, 8)
    """

    def __init__(self, dim: int, positions: int, config: dict, **kwargs) -> None:
        super().__init__(**kwargs)
        self.dim = dim
        self.positions = positions
        self.config = TimeVaryingConfig.model_validate(config)
        policy = self.dtype_policy
        self.blocks = [
            TimeVaryingBlock(dim, positions, self.config, dtype=policy, name=f"block_{index}")
            for index in range(self.config.blocks)
        ]
        self.dropout = Dropout(self.config.dropout, dtype=policy)
        self.norm = keras.layers.LayerNormalization(epsilon=1e-6, dtype=policy, name="norm")

    def build(self, input_shape) -> None:
        for block in self.blocks:
            block.build(input_shape)
        self.norm.build(input_shape)
        self.built = True

    def call(self, history_BLD, segment_ids_BL=None, position_ids_BL=None, training: bool = False):
        """float [lanes, positions, dim] to the same shape; causal.

        Args:
            history_BLD: a vector per position.
            segment_ids_BL: int32, the sequence that a position belongs to, where a lane holds
                several; None: each lane is a sequence.
            position_ids_BL: int32, where in its sequence a position is; with
                ``segment_ids_BL``.
        """
        states_BLD = history_BLD * float(np.sqrt(self.dim))
        states_BLD = self.dropout(states_BLD, training=training)
        length = ops.shape(history_BLD)[1]
        past = past_of(ops.arange(length), length, Lanes(segment_ids_BL))
        for block in self.blocks:
            states_BLD = block(states_BLD, past, position_ids_BL, training=training)
        return self.norm(states_BLD)

    def get_config(self) -> dict:
        config = {
            "dim": self.dim,
            "positions": self.positions,
            "config": self.config.model_dump(),
        }
        return {**super().get_config(), **config}


class TimeVaryingBlock(keras.layers.Layer):
    """``x + filter(norm(x))``, then ``x + GELU feed-forward(norm(x))``."""

    def __init__(self, dim: int, positions: int, config: TimeVaryingConfig, **kwargs) -> None:
        super().__init__(**kwargs)
        policy = self.dtype_policy
        self.filter_norm = keras.layers.LayerNormalization(
            epsilon=1e-6, dtype=policy, name="filter_norm"
        )
        self.filter = TimeVaryingFilter(positions, config.filters, dtype=policy, name="filter")
        self.hidden_norm = keras.layers.LayerNormalization(
            epsilon=1e-6, dtype=policy, name="hidden_norm"
        )
        self.hidden = keras.layers.Dense(
            config.feed_forward * dim, activation="gelu", dtype=policy, name="hidden"
        )
        self.hidden_output = keras.layers.Dense(dim, dtype=policy, name="hidden_output")
        self.dropout = Dropout(config.dropout, dtype=policy)

    def build(self, input_shape) -> None:
        for layer in (self.filter_norm, self.filter, self.hidden_norm, self.hidden):
            layer.build(input_shape)
        self.hidden_output.build((*input_shape[:-1], self.hidden.units))
        self.built = True

    def call(self, states_BLD, past: Past, position_ids_BL=None, training: bool = False):
        filtered = self.filter(self.filter_norm(states_BLD), past, position_ids_BL)
        states_BLD = states_BLD + self.dropout(filtered, training=training)
        hidden = self.hidden(self.hidden_norm(states_BLD))
        return states_BLD + self.dropout(self.hidden_output(hidden), training=training)


class TimeVaryingFilter(keras.layers.Layer):
    """``y_t = Σ_k h_tk x_(t-k)``, k = 0 … t: position t has the taps ``h_t = (c + c_t) B``.

    TV-Rec takes a sequence for a graph in which an event follows an event, with S the shift by
    one event. Its filter ``Σ_k diag(h_k) S^k x`` has taps for each node, and taps ``H = C B``
    of a low rank, with the rows of B divided by their lengths: B holds M filters that all
    positions share, C what each position makes of them. It computes them by way of the graph's
    Fourier transform, which is the same linear map by other coordinates, on a circle with
    padding, so that nothing comes back from the end. Here taps are learned as they are, by
    distance, and applied as one product of matrices, which keeps packed sequences apart. And a
    row of C is what all positions have in common, c, and a difference c_t that begins at 0: a
    position that no sequence of the training reaches (the last of a history that has grown since)
    has the common filter, and not the one that it was drawn with.

    It takes 2 L (M + D) operations a position forward (attention's products take 4 L D), and a
    weight for each pair of a lane's positions. All elements of a vector have the same filter.

    Args:
        positions: N.
        filters: M.
    """

    def __init__(self, positions: int, filters: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.positions = positions
        self.filters = filters

    def build(self, input_shape) -> None:
        # So that the taps have length 1, give or take.
        self.common_M = self.add_weight(
            shape=(self.filters,),
            initializer=keras.initializers.RandomNormal(stddev=self.filters**-0.5),
            name="common_mixing",
        )
        self.mixing_NM = self.add_weight(
            shape=(self.positions, self.filters), initializer="zeros", name="mixing"
        )
        self.basis_MN = self.add_weight(
            shape=(self.filters, self.positions),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            name="basis",
        )
        self.built = True

    def call(self, states_BLD, past: Past, position_ids_BL=None):
        """float [B, L, D] to the same shape; causal."""
        length = ops.shape(states_BLD)[1]
        if position_ids_BL is None:
            mixing_BLM = self.mixing_NM[:length][None]
        else:
            mixing_BLM = ops.take(self.mixing_NM, position_ids_BL, axis=0)
        basis_MN = ops.cast(self.basis_MN, "float32")
        basis_MN = basis_MN / ops.norm(basis_MN, axis=1, keepdims=True)
        mixing_BLM = ops.cast(self.common_M + mixing_BLM, self.compute_dtype)
        taps_BLL = ops.matmul(mixing_BLM, ops.cast(basis_MN[:, :length], self.compute_dtype))
        weights_BQL = ops.where(past.visible_BQL, by_position(taps_BLL), 0.0)
        return ops.matmul(weights_BQL, states_BLD)


def by_position(taps_BLL):
    """Taps by distance become weights by position: ``weights[t, s] = taps[t, t - s]``, s ≤ t.

    Rows are shifted by a reshape, as Dai et al. do in "Transformer-XL" (2019), which is cheaper
    than to gather, above all in the backward pass. What lies after a position is arbitrary.

    Example:

    >>> taps = np.array([[[1, 0, 0], [3, 2, 0], [6, 5, 4]]])
    >>> keras.ops.convert_to_numpy(by_position(taps))[0].tolist()
    [[1, 0, 0], [2, 3, 0], [4, 5, 6]]
    """
    batch, length = ops.shape(taps_BLL)[:2]
    padded = ops.pad(ops.flip(taps_BLL, axis=2), ((0, 0), (0, 0), (1, 0)))
    return ops.reshape(padded, (batch, length + 1, length))[:, 1:]
