"""A history read by causal self-attention.

Legend of shapes: B lanes, of one sequence or several, L positions, D width of a vector.
"""

from typing import ClassVar, Literal

import keras
import numpy as np
from keras import ops
from pydantic import Field

from recsys.models.dropout import Dropout
from recsys.models.query.attention_blocks import (
    AttentionBlock,
    BlockConfig,
    HSTUBlock,
    LiGRBlock,
    SASRecBlock,
)
from recsys.models.query.attention_past import Lanes, past_of
from recsys.models.query.attention_path import attention_path


class AttentionConfig(BlockConfig):
    """Blocks of causal self-attention and a feed-forward layer, pre-norm."""

    kind: Literal["attention"] = "attention"
    block: Literal["sasrec", "ligr", "hstu"] = Field(
        "sasrec",
        description="sasrec: ReLU feed-forward; ligr: gated feed-forward and learned gates on the "
        "residuals; hstu: pointwise SiLU attention, gated, no feed-forward",
    )

    @property
    def softmax(self) -> bool:
        return self.block != "hstu"

    def activations(self, dim: int, width: int) -> float:
        """Numbers of each position that training keeps on TensorFlow; measured, on CPUs.

        There attention takes the plain path; on JAX the compiler says what it needs.
        """
        vectors = {"sasrec": 20, "ligr": 26, "hstu": 24}[self.block] + 2 * self.feed_forward
        # Weights of attention are kept in each block; their gradient exists in one at a time.
        kept = {"sasrec": 0.5, "ligr": 0.5, "hstu": 2.6}[self.block]
        return self.blocks * vectors * dim + (kept * self.blocks + 1.5) * self.heads * width

    def build(self, dim: int, positions: int, **kwargs) -> "Attention":
        return Attention(dim, positions, self.model_dump(), **kwargs)

    def build_block(self, dim: int, positions: int, **kwargs) -> AttentionBlock:
        block = {"sasrec": SASRecBlock, "ligr": LiGRBlock, "hstu": HSTUBlock}[self.block]
        return block(dim, positions, self, **kwargs)


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

    config_class: ClassVar[type[BlockConfig]] = AttentionConfig

    def __init__(self, dim: int, positions: int, config: dict, **kwargs) -> None:
        super().__init__(**kwargs)
        self.dim = dim
        self.positions = positions
        self.config = self.config_class.model_validate(config)
        policy = self.dtype_policy
        self.blocks = [
            self.config.build_block(dim, positions, dtype=policy, name=f"block_{index}")
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
        length = ops.shape(history_BLD)[1]
        lanes = Lanes(segment_ids_BL, times_BL if self.config.times else None)
        path = attention_path(self.config, self.dim, length, self.compute_dtype, training)
        # The blocks share what has a place for every pair of positions.
        past = past_of(ops.arange(length), length, lanes) if path == "plain" else None
        for block in self.blocks:
            states_BLD = block(states_BLD, lanes, past, path=path, training=training)
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
