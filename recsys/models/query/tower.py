"""The query tower: who is asking, as one vector per position of the history.

Shapes have the suffixes of :mod:`recsys.batch`.
"""

from typing import Annotated, Any

import keras
from keras import ops
from pydantic import Field, PositiveInt, model_validator

from recsys.batch import BatchSpec
from recsys.config import StrictConfig
from recsys.models.embedding import EmbeddingTable
from recsys.models.features.encoder import FeatureEncoder
from recsys.models.mlp import MLP
from recsys.models.query.attention import AttentionConfig
from recsys.models.query.average import AverageConfig
from recsys.models.query.convolution import ConvolutionConfig
from recsys.models.query.encoder import EncoderConfig
from recsys.models.query.frequency import FrequencyConfig
from recsys.models.query.recurrent import RecurrentConfig
from recsys.models.query.time_varying import TimeVaryingConfig
from recsys.system.kinds import Kinds

# A new encoder is one file in this folder and one entry here (see CONTRIBUTING.md).
ENCODERS = Kinds(
    "encoder",
    "recsys.encoders",
    EncoderConfig,
    (
        AverageConfig,
        RecurrentConfig,
        ConvolutionConfig,
        TimeVaryingConfig,
        AttentionConfig,
        FrequencyConfig,
    ),
)


class QueryTowerConfig(StrictConfig):
    """What a query is made of: the history, the user's id, the user's features, or any mix."""

    encoder: Annotated[EncoderConfig, ENCODERS] | None = Field(
        AverageConfig(), description="how the history is read; null leaves it out"
    )
    user_id: bool = Field(False, description="a learned vector per user; unknown users have none")
    user_id_dropout: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="share of training sequences whose user is hidden, for unknown users' sake",
    )
    user_features: list[str] = Field([], description="names of user features (data.users.features)")
    event_features: list[str] = Field(
        [],
        description="names of event features (data.log.features), whose vectors are added to that "
        "of the item of each event of the history",
    )
    hidden: list[PositiveInt] = Field(
        [],
        description="units of ReLU layers that mix the parts; their sum is added to the history",
    )

    @model_validator(mode="after")
    def _is_not_empty(self) -> "QueryTowerConfig":
        if self.encoder is None and not self.user_id and not self.user_features:
            raise ValueError("the query tower needs an encoder, user_id or user_features")
        if self.encoder is None and self.event_features:
            raise ValueError(
                "`event_features` are read with the history, and there is no encoder to read it: "
                "give one, or leave them out"
            )
        return self

    def batch_spec(self, max_events: int, negatives: bool) -> BatchSpec:
        """What the tower reads of a batch.

        Args:
            max_events: events of a history, at most.
            negatives: whether the model's loss needs some.
        """
        encoder = self.encoder
        return BatchSpec(
            max_events=max_events,
            history=encoder is not None,
            times=encoder is not None and encoder.reads_times,
            whole_sequences=encoder is not None and encoder.reads_whole_sequences,
            # Without an encoder there is nothing to keep apart.
            packed=encoder is None or encoder.packs,
            user=self.user_id,
            user_features=tuple(self.user_features),
            event_features=tuple(self.event_features),
            negatives=negatives,
        )


@keras.saving.register_keras_serializable(package="recsys")
class QueryTower(keras.layers.Layer):
    """``history + MLP(history, user id, user features)``.

    Args:
        config: a :class:`QueryTowerConfig` dump.
        dim: width of a vector.
        positions: positions of a sequence, at most.
        users: users with a vector of their own.
        specs: the user features, as
            :func:`recsys.models.features.kinds.feature_spec` reads them.
        event_specs: the event features, likewise.
    """

    def __init__(
        self,
        config: dict[str, Any],
        dim: int,
        positions: int,
        users: int,
        specs: list[dict],
        event_specs: list[dict],
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.config = QueryTowerConfig.model_validate(config)
        self.dim = dim
        self.positions = positions
        self.users = users
        self.specs = specs
        self.event_specs = event_specs
        policy = self.dtype_policy
        encoder = self.config.encoder
        self.encoder = (
            None if encoder is None else encoder.build(dim, positions, dtype=policy, name="encoder")
        )
        self.table = (
            # From zero: a user without training events is as good as unknown.
            EmbeddingTable(users, dim, deviation=0.0, dtype=policy, name="user")
            if self.config.user_id
            else None
        )
        self.hide_user = keras.layers.Dropout(
            self.config.user_id_dropout, noise_shape=(None, 1), dtype=policy
        )
        self.features = FeatureEncoder(specs, dim, dtype=policy, name="features") if specs else None
        self.event_features = (
            FeatureEncoder(event_specs, dim, dtype=policy, name="event_features")
            if event_specs
            else None
        )
        context = self.table is not None or self.features is not None
        mixes = context or bool(self.config.hidden)
        self.mlp = MLP(self.config.hidden, dim, dtype=policy, name="mlp") if mixes else None

    def build(self, input_shape) -> None:
        parts = 0
        if self.encoder is not None:
            self.encoder.build(input_shape)
            parts += 1
        if self.event_features is not None:
            self.event_features.build()
        for part in (self.table, self.features):
            if part is not None:
                part.build()
                parts += 1
        if self.mlp is not None:
            self.mlp.build((None, None, parts * self.dim))
        self.built = True

    def read_events(self, items_BED, features, training: bool = False):
        """The vectors of a history's events: of their items, and of what they were.

        Args:
            items_BED: the vectors of their items.
            features: each event feature's array, [B, E].

        Returns:
            [B, E, D] in the layer's compute dtype.
        """
        if self.event_features is None:
            return items_BED
        vectors = self.event_features(features, training=training)
        return items_BED + ops.reshape(vectors, ops.shape(items_BED))

    def call(
        self,
        history_BLD,
        user=None,
        features=None,
        user_rows=None,
        times_BL=None,
        segment_ids_BL=None,
        position_ids_BL=None,
        lengths_B=None,
        training: bool = False,
    ):
        """One vector per position; position t of a sequence has seen its positions 0 to t.

        Args:
            history_BLD: of each sequence the start vector and the vectors of its events (see
                :meth:`read_events`); not read without an encoder.
            user: int32 [S], user index (-1: unknown) or index into ``user_rows``.
            features: each user feature's array, [S, …].
            user_rows: float32 [n, D], rows of the user table gathered by the caller.
            times_BL: int32, seconds since the first event of the sequence; for an encoder that
                reads times.
            segment_ids_BL: int32, the sequence of each position (-1: none), if lanes hold
                several; None: a lane is a sequence.
            position_ids_BL: int32, where in its sequence a position is; with
                ``segment_ids_BL``.
            lengths_B: int32, items of each history; for an encoder that reads whole sequences.

        Returns:
            [B, L, D] in the layer's compute dtype; without an encoder [S, 1, D], as all
            positions of a sequence are alike.
        """
        encoded_BLD, config = None, self.config.encoder
        if config is not None and self.encoder is not None:
            further = {}
            if config.reads_times:
                further["times_BL"] = times_BL
            if config.reads_whole_sequences:
                further["lengths_B"] = lengths_B
            if segment_ids_BL is not None:
                further |= {"segment_ids_BL": segment_ids_BL, "position_ids_BL": position_ids_BL}
            encoded_BLD = self.encoder(history_BLD, **further, training=training)
        if self.mlp is None:
            return encoded_BLD
        context = []
        if self.table is not None:
            context.append(self.hide_user(self.table(user, user_rows), training=training))
        if self.features is not None:
            context.append(self.features(features))
        if encoded_BLD is None:
            return self.mlp(ops.concatenate(context, axis=-1))[:, None, :]
        parts = [encoded_BLD]
        for part_SD in context:
            if segment_ids_BL is None:
                part_BLD = ops.repeat(part_SD[:, None, :], ops.shape(history_BLD)[1], axis=1)
            else:
                part_BLD = ops.take(part_SD, ops.maximum(segment_ids_BL, 0), axis=0)
            parts.append(part_BLD)
        return encoded_BLD + self.mlp(ops.concatenate(parts, axis=-1))

    def get_config(self) -> dict:
        config = {
            "config": self.config.model_dump(),
            "dim": self.dim,
            "positions": self.positions,
            "users": self.users,
            "specs": self.specs,
            "event_specs": self.event_specs,
        }
        return {**super().get_config(), **config}
