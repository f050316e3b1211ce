"""Blocks of causal self-attention.

Legend of shapes: B lanes, L positions, D width of a vector, H heads, E = D / H.
"""

from typing import Literal

import keras
from keras import ops
from pydantic import Field

from recsys.models.dropout import Dropout
from recsys.models.query.encoder import BaseEncoderConfig

TIME_BUCKETS = 32


class BlockConfig(BaseEncoderConfig):
    """What every kind of block may be told."""

    heads: int = Field(2, ge=1, description="attention heads; they divide the model's dim")
    feed_forward: int = Field(
        1, ge=1, description="width of the feed-forward layer, as a multiple of dim"
    )
    positions: Literal["absolute", "relative", "both"] = Field(
        "absolute",
        description="absolute: a learned vector per position; relative: a learned bias per "
        "distance and head; or both",
    )
    times: bool = Field(
        False,
        description="a learned bias per head and per bucket of the time between two events, in "
        "powers of two of a second; needs a log with times",
    )
    dropout: float = Field(
        0.2, ge=0, lt=1, description="share of elements dropped of the input and of each sub-layer"
    )
    attention_dropout: float = Field(
        0.0, ge=0, lt=1, description="share of attention weights dropped; slow on CPUs"
    )


class AttentionBlock(keras.layers.Layer):
    """What the blocks share: heads, the scores, the relative biases.

    They are called with the states [B, L, D] and with what each position may look at:
    ``past_BLL``, bool [B or 1, L, L].
    """

    def __init__(self, dim: int, positions: int, config: BlockConfig, **kwargs) -> None:
        super().__init__(**kwargs)
        self.dim = dim
        self.heads = config.heads
        self.positions = positions
        self.relative = config.positions != "absolute"
        self.times = config.times
        self.dropout = Dropout(config.dropout, dtype=self.dtype_policy)
        self.attention_dropout = Dropout(config.attention_dropout, dtype=self.dtype_policy)
        self.attention_norm = self._norm("attention_norm")
        self.output_layer = self._dense(dim, "attention_output")

    def _norm(self, name: str) -> keras.layers.Layer:
        return keras.layers.LayerNormalization(epsilon=1e-6, dtype=self.dtype_policy, name=name)

    def _dense(self, units: int, name: str, **kwargs) -> keras.layers.Dense:
        return keras.layers.Dense(units, dtype=self.dtype_policy, name=name, **kwargs)

    def build(self, input_shape) -> None:
        self.attention_norm.build(input_shape)
        self.output_layer.build(input_shape)
        if self.relative:
            self.distance_bias = self.add_weight(
                shape=(self.positions, self.heads), initializer="zeros", name="distance_bias"
            )
        if self.times:
            self.time_bias = self.add_weight(
                shape=(TIME_BUCKETS, self.heads), initializer="zeros", name="time_bias"
            )
        self.built = True

    def _split_heads(self, states_BLF, parts: int) -> list:
        """[B, L, parts · D] to ``parts`` of [B, H, L, E]."""
        batch, length = ops.shape(states_BLF)[:2]
        width = self.dim // self.heads
        split = ops.reshape(states_BLF, (batch, length, parts, self.heads, width))
        split = ops.transpose(split, (2, 0, 3, 1, 4))
        return [split[part] for part in range(parts)]

    def _join_heads(self, states_BHLE):
        batch, _, length, _ = ops.shape(states_BHLE)
        return ops.reshape(ops.transpose(states_BHLE, (0, 2, 1, 3)), (batch, length, self.dim))

    def _scores(self, query_BHLE, key_BHLE, buckets_BLL):
        """Scaled products with the relative biases, float32 [B, H, L, L], the future included."""
        scale = float((self.dim // self.heads) ** -0.5)
        products = ops.matmul(query_BHLE * scale, ops.transpose(key_BHLE, (0, 1, 3, 2)))
        scores_BHLL = ops.cast(products, "float32")
        if self.relative:
            steps_L = ops.arange(ops.shape(query_BHLE)[2])
            distance_LL = ops.maximum(steps_L[:, None] - steps_L[None, :], 0)
            bias_LLH = ops.cast(ops.take(self.distance_bias, distance_LL, axis=0), "float32")
            scores_BHLL = scores_BHLL + ops.transpose(bias_LLH, (2, 0, 1))[None]
        if self.times:
            bias_BLLH = ops.cast(ops.take(self.time_bias, buckets_BLL, axis=0), "float32")
            scores_BHLL = scores_BHLL + ops.transpose(bias_BLLH, (0, 3, 1, 2))
        return scores_BHLL

    def _softmax_attention(self, states_BLD, past_BLL, buckets_BLL=None, training: bool = False):
        query, key, value = self._split_heads(self.projection(states_BLD), 3)
        scores_BHLL = self._scores(query, key, buckets_BLL)
        scores_BHLL = ops.where(past_BLL[:, None], scores_BHLL, -1e9)
        weights_BHLL = ops.cast(ops.softmax(scores_BHLL, axis=-1), self.compute_dtype)
        weights_BHLL = self.attention_dropout(weights_BHLL, training=training)
        return self.output_layer(self._join_heads(ops.matmul(weights_BHLL, value)))


class SASRecBlock(AttentionBlock):
    """``x + attention(norm(x))``, then ``x + ReLU feed-forward(norm(x))``."""

    def __init__(self, dim: int, positions: int, config: BlockConfig, **kwargs) -> None:
        super().__init__(dim, positions, config, **kwargs)
        self.projection = self._dense(3 * dim, "projection")
        self.hidden_norm = self._norm("hidden_norm")
        self.hidden = self._dense(config.feed_forward * dim, "hidden", activation="relu")
        self.hidden_output = self._dense(dim, "hidden_output")

    def build(self, input_shape) -> None:
        super().build(input_shape)
        self.projection.build(input_shape)
        self.hidden_norm.build(input_shape)
        self.hidden.build(input_shape)
        self.hidden_output.build((*input_shape[:-1], self.hidden.units))

    def call(self, states_BLD, past_BLL, buckets_BLL=None, training: bool = False):
        normed = self.attention_norm(states_BLD)
        attended = self._softmax_attention(normed, past_BLL, buckets_BLL, training)
        states_BLD = states_BLD + self.dropout(attended, training=training)
        hidden = self.dropout(self.hidden(self.hidden_norm(states_BLD)), training=training)
        return states_BLD + self.dropout(self.hidden_output(hidden), training=training)


class LiGRBlock(AttentionBlock):
    """``x + σ(x W) ⊙ f(norm(x))`` for attention and for a SwiGLU feed-forward.

    Borisyuk et al., "From Features to Transformers: Redefining Ranking for
    Scalable Impact" (2025); the block of eSASRec (Tikhonovich et al., 2025).
    """

    def __init__(self, dim: int, positions: int, config: BlockConfig, **kwargs) -> None:
        super().__init__(dim, positions, config, **kwargs)
        self.projection = self._dense(3 * dim, "projection")
        self.attention_gate = self._dense(dim, "attention_gate", activation="sigmoid")
        self.hidden_norm = self._norm("hidden_norm")
        self.hidden = self._dense(2 * config.feed_forward * dim, "hidden")
        self.hidden_output = self._dense(dim, "hidden_output")
        self.hidden_gate = self._dense(dim, "hidden_gate", activation="sigmoid")

    def build(self, input_shape) -> None:
        super().build(input_shape)
        for layer in (
            self.projection,
            self.attention_gate,
            self.hidden_norm,
            self.hidden,
            self.hidden_gate,
        ):
            layer.build(input_shape)
        self.hidden_output.build((*input_shape[:-1], self.hidden.units // 2))

    def call(self, states_BLD, past_BLL, buckets_BLL=None, training: bool = False):
        normed = self.attention_norm(states_BLD)
        attended = self._softmax_attention(normed, past_BLL, buckets_BLL, training)
        attended = self.dropout(attended, training=training)
        states_BLD = states_BLD + self.attention_gate(states_BLD) * attended
        gate, value = ops.split(self.hidden(self.hidden_norm(states_BLD)), 2, axis=-1)
        hidden = self.hidden_output(self.dropout(ops.silu(gate) * value, training=training))
        hidden = self.dropout(hidden, training=training)
        return states_BLD + self.hidden_gate(states_BLD) * hidden


class HSTUBlock(AttentionBlock):
    """``x + W (norm(SiLU(q · k + bias) v) ⊙ u)`` with q, k, v, u = SiLU(norm(x) W').

    Zhai et al., "Actions Speak Louder than Words: Trillion-Parameter Sequential
    Transducers for Generative Recommendations" (2024), equations 1 to 3. Scores
    are divided by the number of positions instead of a softmax.
    """

    def __init__(self, dim: int, positions: int, config: BlockConfig, **kwargs) -> None:
        super().__init__(dim, positions, config, **kwargs)
        self.projection = self._dense(4 * dim, "projection", activation="silu")
        self.gated_norm = self._norm("gated_norm")

    def build(self, input_shape) -> None:
        super().build(input_shape)
        self.projection.build(input_shape)
        self.gated_norm.build(input_shape)

    def call(self, states_BLD, past_BLL, buckets_BLL=None, training: bool = False):
        projected = self.projection(self.attention_norm(states_BLD))
        query, key, value, gate = self._split_heads(projected, 4)
        scores_BHLL = self._scores(query, key, buckets_BLL)
        weights_BHLL = ops.where(past_BLL[:, None], ops.silu(scores_BHLL), 0.0)
        weights_BHLL = ops.cast(weights_BHLL / self.positions, self.compute_dtype)
        weights_BHLL = self.attention_dropout(weights_BHLL, training=training)
        attended = self._join_heads(ops.matmul(weights_BHLL, value))
        gated = self.gated_norm(attended) * self._join_heads(gate)
        gated = self.dropout(gated, training=training)
        return states_BLD + self.output_layer(gated)
