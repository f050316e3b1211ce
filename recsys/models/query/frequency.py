"""A history read by attention beside a filter of frequencies.

Legend of shapes: B lanes, of one sequence or several, L positions, N of them in the longest
sequence, D width of a vector.
"""

from typing import ClassVar, Literal

import keras
import numpy as np
from keras import ops
from pydantic import Field

from recsys.models.query.attention import Attention
from recsys.models.query.attention_blocks import BlockConfig, SASRecBlock
from recsys.models.query.attention_past import Past, past_of


class FrequencyConfig(BlockConfig):
    """SASRec's blocks, whose attention shares its place with a filter of frequencies."""

    kind: Literal["frequency"] = "frequency"
    frequencies: int = Field(
        3,
        ge=1,
        description="lowest frequencies that the filter keeps as they are, the constant one "
        "among them; the others are rescaled, by a learned factor for each element of a vector",
    )
    filter_share: float = Field(
        0.7,
        gt=0,
        lt=1,
        description="share of the filter in what a position takes from its past; the rest is "
        "attention's",
    )

    def check(self, dim: int, positions: int) -> None:
        """Heads share the dim evenly, and some frequency is left to rescale."""
        super().check(dim, positions)
        there_are = positions // 2 + 1
        if self.frequencies >= there_are:
            raise ValueError(
                f"query.encoder.frequencies is {self.frequencies}, and a sequence of {positions} "
                f"positions (max_events and the start) has {there_are}: keep at most "
                f"{there_are - 1}"
            )

    def activations(self, dim: int, width: int) -> float:
        """Numbers of each position that training keeps on TensorFlow; measured, on CPUs."""
        vectors = 25 + 2 * self.feed_forward
        return self.blocks * vectors * dim + (0.5 * self.blocks + 1.5) * self.heads * width

    def build(self, dim: int, positions: int, **kwargs) -> "FrequencyAttention":
        return FrequencyAttention(dim, positions, self.model_dump(), **kwargs)

    def build_block(self, dim: int, positions: int, **kwargs) -> "FrequencyBlock":
        return FrequencyBlock(dim, positions, self, **kwargs)


@keras.saving.register_keras_serializable(package="recsys")
class FrequencyAttention(Attention):
    """Position t holds what positions 0 to t say, filtered by frequency and weighed by attention.

    After Shin, Choi, Wi and Park, "An Attentive Inductive Bias for Sequential Recommendation
    beyond the Self-Attention" (BSARec, AAAI 2024). Attention alone smooths: block by block the
    vectors of a sequence become alike. The filter keeps slow changes of taste as they are, and
    learns how much of the fast ones remains. A block is, with α the ``filter_share``,

    ``x' = x + α filter(norm(x)) + (1 - α) attention(norm(x))``, then
    ``x' + ReLU feed-forward(norm(x'))``,

    in the order of :class:`recsys.models.query.attention_blocks.SASRecBlock`; BSARec normalises
    after each sum instead, and has a GELU. Its c is here ``2 * frequencies - 1``. What heads,
    positions, times and dropouts do, they do as in
    :class:`recsys.models.query.attention.Attention`.

    Args:
        dim: width of the vectors, in and out.
        positions: N, of a sequence, at most.
        config: a :class:`FrequencyConfig` dump.

    Example:

    >>> encoder = FrequencyConfig(blocks=1).build(dim=8, positions=50)
    >>> tuple(encoder(np.zeros((2, 50, 8), "float32")).shape)
    (2, 50, 8)
    """

    config_class: ClassVar[type[BlockConfig]] = FrequencyConfig


class FrequencyBlock(SASRecBlock):
    """SASRec's block, in which attention is blended with a :class:`FrequencyFilter`."""

    def __init__(self, dim: int, positions: int, config: FrequencyConfig, **kwargs) -> None:
        super().__init__(dim, positions, config, **kwargs)
        self.filter_share = config.filter_share
        self.filter = FrequencyFilter(
            dim, positions, config.frequencies, dtype=self.dtype_policy, name="filter"
        )

    def build(self, input_shape) -> None:
        super().build(input_shape)
        self.filter.build(input_shape)

    def _of_past(self, normed_BLD, lanes, past, path, training):
        attended = super()._of_past(normed_BLD, lanes, past, path, training)
        if past is None:
            length = ops.shape(normed_BLD)[1]
            past = past_of(ops.arange(length), length, lanes)
        filtered = self.filter(normed_BLD, past)
        return self.filter_share * filtered + (1.0 - self.filter_share) * attended


class FrequencyFilter(keras.layers.Layer):
    """``low + β² (x - low)``, where low is what the lowest frequencies say of the past.

    BSARec pads each prefix of a history on the left to the N positions that it may have, takes
    the Fourier transform over all of them, leaves the lowest F frequencies, transforms back, and
    predicts at the last position alone. There, the low part is a fixed sum of the prefix,

    ``low_t = Σ_k h_k x_(t-k)`` with ``h_k = (1 + 2 Σ_(0<f<F) cos(2π f k / N)) / N``, k = 0 … t,

    the Dirichlet kernel, the same whatever the length of the prefix, for what is padded is 0.
    So one product of matrices gives each position the low part of its own prefix, and what comes
    later is not read. That is exact for one filter. It differs from BSARec in a stack: there
    the second block reads states that the first has computed anew for each prefix, where an early
    position has seen the whole prefix; here a position's state is that of its own prefix, once
    and for all. And what BSARec pads with, learned vectors of the positions, is 0 here.

    As the transform takes a sequence for a circle, an event N - 1 positions back weighs as much
    as the last but one.

    It takes 2 L D operations a position forward (attention's products take 4 L D), and where
    lanes hold several sequences a weight for each pair of a lane's positions, for all of a
    block's heads together.

    Args:
        dim: D.
        positions: N.
        frequencies: F, of the ``N // 2 + 1`` in all.
    """

    def __init__(self, dim: int, positions: int, frequencies: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.dim = dim
        self.kernel_N = low_pass(positions, frequencies)

    def build(self, input_shape) -> None:
        # Drawn as in BSARec: β² is 1 in the mean.
        self.beta_D = self.add_weight(
            shape=(self.dim,),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            name="beta",
        )
        self.built = True

    def call(self, states_BLD, past: Past):
        """float [B, L, D] to the same shape; causal."""
        kernel_QL = ops.take(ops.cast(self.kernel_N, "float32"), past.distances_QL, axis=0)
        weights_BQL = ops.where(past.visible_BQL, kernel_QL, 0.0)
        low_BLD = ops.matmul(ops.cast(weights_BQL, self.compute_dtype), states_BLD)
        scale_D = ops.cast(ops.square(self.beta_D), self.compute_dtype)
        return low_BLD + scale_D * (states_BLD - low_BLD)


def low_pass(positions: int, frequencies: int) -> np.ndarray:
    """What an event weighs in the low frequencies of the last position, by its distance from it.

    Args:
        positions: N, of a sequence.
        frequencies: how many are kept, from the constant one upwards.

    Returns:
        float32 [N].

    Example:

    The constant frequency is the mean over all positions:

    >>> low_pass(4, 1)
    array([0.25, 0.25, 0.25, 0.25], dtype=float32)
    """
    there_are = positions // 2 + 1
    kept = np.arange(there_are) < frequencies
    return np.fft.irfft(kept, n=positions).astype(np.float32)
