"""A history read by causal self-attention.

Legend of shapes: B lanes, of one sequence or several, L positions, D width of a vector.
"""

from typing import Literal

import keras
import numpy as np
from keras import ops
from pydantic import Field

from recsys.models.dropout import Dropout
from recsys.models.query.attention_blocks import (
    TIME_BUCKETS,
    BlockConfig,
    HSTUBlock,
    LiGRBlock,
    SASRecBlock,
)

# Bucket b of the time between two events begins at 2^b - 1 seconds; the last one, 31, at 68 years.
_BUCKET_BEGINS = [2.0**bucket - 1.0 for bucket in range(1, TIME_BUCKETS)]


class AttentionConfig(BlockConfig):
    """Blocks of causal self-attention and a feed-forward layer, pre-norm."""

    kind: Literal["attention"] = "attention"
    blocks: int = Field(2, ge=1, description="blocks, stacked")
    block: Literal["sasrec", "ligr", "hstu"] = Field(
        "sasrec",
        description="sasrec: ReLU feed-forward; ligr: gated feed-forward and learned gates on the "
        "residuals; hstu: pointwise SiLU attention, gated, no feed-forward",
    )

    @property
    def reads_times(self) -> bool:
        return self.times

    @property
    def packs(self) -> bool:
        return True

    def check(self, dim: int) -> None:
        """Heads share the dim evenly."""
        if dim % self.heads:
            raise ValueError(f"query.encoder.heads ({self.heads}) must divide dim ({dim})")

    def activations(self, dim: int, width: int) -> float:
        """Numbers of each position that training keeps on TensorFlow; measured, on CPUs."""
        vectors = {"sasrec": 20, "ligr": 26, "hstu": 24}[self.block] + 2 * self.feed_forward
        # Weights of attention are kept in each block; their gradient exists in one at a time.
        kept = {"sasrec": 0.5, "ligr": 0.5, "hstu": 2.6}[self.block]
        return self.blocks * vectors * dim + (kept * self.blocks + 1.5) * self.heads * width

    def build(self, dim: int, positions: int, **kwargs) -> "Attention":
        return Attention(dim, positions, self.model_dump(), **kwargs)


@keras.saving.register_keras_serializable(package="recsys")
class Attention(keras.layers.Layer):
    """Position t holds what positions 0 to t say, weighed by attention.

    Kang and McAuley, "Self-Attentive Sequential Recommendation" (2018), with
    layer normalisation before each sub-layer and after the last block.

    With ``times``, scores also depend on the time from each past event to the
    position's own last event, as in HSTU (Zhai et al., 2024), but never on the
    time of the event to predict, nor on the time of asking.

    Args:
        dim: width of the vectors, in and out.
        positions: positions of a sequence, at most.
        config: an :class:`AttentionConfig` dump.
    """

    def __init__(self, dim: int, positions: int, config: dict, **kwargs) -> None:
        super().__init__(**kwargs)
        self.dim = dim
        self.positions = positions
        self.config = AttentionConfig.model_validate(config)
        policy = self.dtype_policy
        build = {"sasrec": SASRecBlock, "ligr": LiGRBlock, "hstu": HSTUBlock}[self.config.block]
        self.blocks = [
            build(dim, positions, self.config, dtype=policy, name=f"block_{index}")
            for index in range(self.config.blocks)
        ]
        self.dropout = Dropout(self.config.dropout, dtype=policy)
        self.norm = keras.layers.LayerNormalization(epsilon=1e-6, dtype=policy, name="norm")

    def build(self, input_shape) -> None:
        if self.config.positions != "relative":
            self.position_vectors = self.add_weight(
                shape=(self.positions, self.dim),
                initializer=keras.initializers.RandomNormal(stddev=0.02),
                name="position_vectors",
            )
        for block in self.blocks:
            block.build(input_shape)
        self.norm.build(input_shape)
        self.built = True

    def call(
        self,
        history_BLD,
        times_BL=None,
        segment_ids_BL=None,
        position_ids_BL=None,
        training: bool = False,
    ):
        """float [lanes, positions, dim] to the same shape; causal.

        Args:
            history_BLD: a vector per position.
            times_BL: int32, seconds since the first event of the sequence; read with ``times``
                only.
            segment_ids_BL: int32, the sequence that a position belongs to, where a lane holds
                several; None: each lane is a sequence.
            position_ids_BL: int32, where in its sequence a position is; with
                ``segment_ids_BL``.
        """
        states_BLD = history_BLD * float(np.sqrt(self.dim))
        if self.config.positions != "relative":
            states_BLD = states_BLD + self._position_vectors(states_BLD, position_ids_BL)
        states_BLD = self.dropout(states_BLD, training=training)
        past_BLL = _past(ops.shape(history_BLD)[1], segment_ids_BL)
        buckets_BLL = time_buckets(times_BL) if self.config.times else None
        for block in self.blocks:
            states_BLD = block(states_BLD, past_BLL, buckets_BLL, training=training)
        return self.norm(states_BLD)

    def _position_vectors(self, states_BLD, position_ids_BL):
        vectors = self.position_vectors[: ops.shape(states_BLD)[1]]
        if position_ids_BL is not None:
            vectors = ops.take(vectors, position_ids_BL, axis=0)
        return ops.cast(vectors, self.compute_dtype)

    def get_config(self) -> dict:
        config = {
            "dim": self.dim,
            "positions": self.positions,
            "config": self.config.model_dump(),
        }
        return {**super().get_config(), **config}


def _past(length, segment_ids_BL):
    """bool [B or 1, L, L]: whether the second position is of the first's sequence and not later."""
    steps_L = ops.arange(length)
    past_1LL = (steps_L[:, None] >= steps_L[None, :])[None]
    if segment_ids_BL is None:
        return past_1LL
    return ops.logical_and(past_1LL, segment_ids_BL[:, :, None] == segment_ids_BL[:, None, :])


def time_buckets(times_BL):
    """``floor(log2(1 + seconds))`` from each event to each later one of its sequence.

    Args:
        times_BL: int32, seconds since the first event of the sequence.

    Returns:
        int32 [B, L, L], 0 to 31: bucket of the time from the second position to
        the first; 0 where that one is not later.
    """
    passed_BLL = ops.maximum(times_BL[:, :, None] - times_BL[:, None, :], 0)
    # A logarithm rounds differently from one backend to the next, a comparison does not.
    return ops.digitize(ops.cast(passed_BLL, "float32"), _BUCKET_BEGINS)
