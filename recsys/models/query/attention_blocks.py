"""Blocks of causal self-attention.

Legend of shapes: B lanes, L positions, Q of them that ask, D width of a vector, H heads, E = D / H.
"""

from collections.abc import Callable
from typing import Literal

import keras
from keras import ops
from pydantic import Field

from recsys.models.dropout import Dropout, drop
from recsys.models.query.attention_past import TIME_BUCKETS, Lanes, Past, past_of
from recsys.models.query.attention_path import BLOCK, AttentionPath
from recsys.models.query.encoder import BaseEncoderConfig


class BlockConfig(BaseEncoderConfig):
    """What an encoder of blocks with attention may be told, whatever the kind of block."""

    blocks: int = Field(2, ge=1, description="blocks, stacked")
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

    @property
    def reads_times(self) -> bool:
        return self.times

    @property
    def packs(self) -> bool:
        return True

    @property
    def softmax(self) -> bool:
        """Whether attention is a softmax of scores, which the kernel computes."""
        return True

    def check(self, dim: int, positions: int) -> None:
        """Heads share the dim evenly."""
        if dim % self.heads:
            raise ValueError(f"query.encoder.heads ({self.heads}) must divide dim ({dim})")

    def build_block(self, dim: int, positions: int, **kwargs) -> "AttentionBlock":
        """One of the blocks; the arguments are those of ``build``."""
        raise NotImplementedError


class AttentionBlock(keras.layers.Layer):
    """What the blocks share: heads, the scores, the relative biases.

    They are called with the states [B, L, D], what the lanes hold beside them, the past of all
    positions, and how attention is computed; the past is read on the plain path only.
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

    def _attend(
        self,
        query_BHLE,
        key_BHLE,
        value_BHLE,
        lanes: Lanes,
        past: Past | None,
        path: AttentionPath,
        training: bool,
    ):
        """What each position reads of its past, [B, L, D]."""
        if path == "fused":
            from recsys.models.query.attention_jax import fused_attention

            read = fused_attention(query_BHLE, key_BHLE, value_BHLE, lanes.segment_ids_BL)
        elif path == "blocked":
            read = self._read_in_blocks(query_BHLE, key_BHLE, value_BHLE, lanes, training)
        else:
            assert past is not None

            def dropped(weights_BHQL):
                return self.attention_dropout(weights_BHQL, training=training)

            read = self._read(query_BHLE, key_BHLE, value_BHLE, past, dropped)
        return self._join_heads(read)

    def _read_in_blocks(self, query_BHLE, key_BHLE, value_BHLE, lanes: Lanes, training: bool):
        from recsys.models.query.attention_jax import in_blocks

        rate = self.attention_dropout.rate if training else 0.0
        length = query_BHLE.shape[2]

        def read(query_BHQE, queries_Q, seed_2):
            past = past_of(queries_Q, length, lanes)

            def dropped(weights_BHQL):
                return drop(weights_BHQL, seed_2, 1.0 - rate) if rate else weights_BHQL

            return self._read(query_BHQE, key_BHLE, value_BHLE, past, dropped)

        # Drawn here: a generator's state cannot change within a loop.
        seed_2 = self.attention_dropout.seed_generator.next() if rate else None
        return in_blocks(read, query_BHLE, BLOCK, seed_2)

    def _read(self, query_BHQE, key_BHLE, value_BHLE, past: Past, dropped: Callable):
        """What queries read, [B, H, Q, E], with a weight for each pair of positions."""
        weights_BHQL = self._weights(self._scores(query_BHQE, key_BHLE, past), past)
        weights_BHQL = dropped(ops.cast(weights_BHQL, self.compute_dtype))
        return ops.matmul(weights_BHQL, value_BHLE)

    def _scores(self, query_BHQE, key_BHLE, past: Past):
        """Scaled products with the relative biases, float32 [B, H, Q, L], the future included."""
        scale = float((self.dim // self.heads) ** -0.5)
        products = ops.matmul(query_BHQE * scale, ops.transpose(key_BHLE, (0, 1, 3, 2)))
        scores_BHQL = ops.cast(products, "float32")
        if self.relative:
            bias_QLH = ops.take(self.distance_bias, past.distances_QL, axis=0)
            bias_QLH = ops.cast(bias_QLH, "float32")
            scores_BHQL = scores_BHQL + ops.transpose(bias_QLH, (2, 0, 1))[None]
        if self.times:
            bias_BQLH = ops.cast(ops.take(self.time_bias, past.buckets_BQL, axis=0), "float32")
            scores_BHQL = scores_BHQL + ops.transpose(bias_BQLH, (0, 3, 1, 2))
        return scores_BHQL

    def _weights(self, scores_BHQL, past: Past):
        """float32, what each position weighs: their softmax."""
        visible_B1QL = past.visible_BQL[:, None]
        return ops.softmax(ops.where(visible_B1QL, scores_BHQL, -1e9), axis=-1)

    def _softmax_attention(self, states_BLD, lanes, past, path, training):
        query, key, value = self._split_heads(self.projection(states_BLD), 3)
        attended = self._attend(query, key, value, lanes, past, path, training)
        return self.output_layer(attended)


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

    def call(
        self,
        states_BLD,
        lanes: Lanes,
        past: Past | None = None,
        path: AttentionPath = "plain",
        training: bool = False,
    ):
        read = self._of_past(self.attention_norm(states_BLD), lanes, past, path, training)
        states_BLD = states_BLD + self.dropout(read, training=training)
        hidden = self.dropout(self.hidden(self.hidden_norm(states_BLD)), training=training)
        return states_BLD + self.dropout(self.hidden_output(hidden), training=training)

    def _of_past(self, normed_BLD, lanes, past, path, training):
        """What each position takes from its past, [B, L, D]."""
        return self._softmax_attention(normed_BLD, lanes, past, path, training)


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

    def call(
        self,
        states_BLD,
        lanes: Lanes,
        past: Past | None = None,
        path: AttentionPath = "plain",
        training: bool = False,
    ):
        normed = self.attention_norm(states_BLD)
        attended = self._softmax_attention(normed, lanes, past, path, training)
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

    def call(
        self,
        states_BLD,
        lanes: Lanes,
        past: Past | None = None,
        path: AttentionPath = "plain",
        training: bool = False,
    ):
        projected = self.projection(self.attention_norm(states_BLD))
        query, key, value, gate = self._split_heads(projected, 4)
        attended = self._attend(query, key, value, lanes, past, path, training)
        gated = self.gated_norm(attended) * self._join_heads(gate)
        gated = self.dropout(gated, training=training)
        return states_BLD + self.output_layer(gated)

    def _weights(self, scores_BHQL, past: Past):
        weights_BHQL = ops.where(past.visible_BQL[:, None], ops.silu(scores_BHQL), 0.0)
        return weights_BHQL / self.positions
