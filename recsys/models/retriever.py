"""Query tower, item tower and loss: the one model.

Shapes have the suffixes of :mod:`recsys.batch`.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import keras
import numpy as np
from keras import ops
from pydantic import Field, model_validator

from recsys.batch import EVENT_FEATURE, USER_FEATURE, BatchSpec
from recsys.config import StrictConfig
from recsys.models.features.vocabulary import EmbeddedValues
from recsys.models.items.tower import ItemTower, ItemTowerConfig
from recsys.models.losses.bpr_max import BPRMaxConfig
from recsys.models.losses.cross_entropy import CrossEntropyConfig
from recsys.models.losses.gbce import GBCEConfig
from recsys.models.losses.loss import LossConfig
from recsys.models.losses.sampled_softmax import SampledSoftmaxConfig
from recsys.models.query.tower import QueryTower, QueryTowerConfig
from recsys.system.kinds import Kinds

# A new loss is one file in `losses` and one entry here (see CONTRIBUTING.md).
LOSSES = Kinds(
    "loss",
    "recsys.losses",
    LossConfig,
    (CrossEntropyConfig, SampledSoftmaxConfig, GBCEConfig, BPRMaxConfig),
)


class ModelConfig(StrictConfig):
    """Two towers and a loss."""

    dim: int = Field(64, ge=1, description="width of query and item vectors")
    max_events: int = Field(
        50, ge=1, description="last events of a history that the query tower reads"
    )
    query: QueryTowerConfig = Field(QueryTowerConfig(), description="who is asking")
    item: ItemTowerConfig = Field(ItemTowerConfig(), description="what an item is made of")
    normalise: bool = Field(
        False,
        description="vectors of length 1, so scores are cosines; wants a loss temperature near 0.1",
    )
    loss: Annotated[LossConfig, LOSSES] = Field(
        CrossEntropyConfig(), description="what training minimises"
    )

    @model_validator(mode="after")
    def _the_encoder_takes_the_sizes(self) -> "ModelConfig":
        if self.query.encoder is not None:
            self.query.encoder.check(self.dim, self.max_events + 1)
        return self


@keras.saving.register_keras_serializable(package="recsys")
class Retriever(keras.Model):
    """Scores an item for a query by the dot product of two towers' vectors.

    A history of n items becomes n + 1 positions: a learned start vector, then
    the items' vectors. Position t has seen t items and predicts item t + 1, so
    one pass trains every next-event prediction, an empty history has an answer
    (position 0), and no sequence is ever empty.

    It is an ordinary Keras model: called, saved and loaded as one, and it trains with
    ``compile`` and ``fit`` on :func:`recsys.training.batches.training_batches` (with a sampled
    loss, Keras 3.15 on TensorFlow squares the sparse gradient of a repeated item before it
    sums it). ``recsys.training`` trains it faster, updating only the table rows that a
    batch holds.

    Args:
        config: a :class:`ModelConfig` or its dump.
        catalogue_items: items that it scores: a prefix of the dataset's items.
        known_items: items with events in the fitted part; at most
            ``catalogue_items``. Only they have an id vector.
        users: users with a vector of their own.
        candidate_items: known items that may be recommended, where others are context
            only: read in histories, and no negatives (see :meth:`assign_candidates`).
            None: all.
        item_features: what the dataset says of those that ``config.item.features`` names, as
            :func:`recsys.models.features.kinds.feature_spec` reads it.
        user_features: likewise.
        event_features: likewise, of ``config.query.event_features``.

    Attributes:
        batch_spec: which keys of a batch it reads.
    """

    def __init__(
        self,
        config: ModelConfig | dict[str, Any],
        catalogue_items: int,
        known_items: int,
        users: int,
        item_features: Sequence[dict] = (),
        user_features: Sequence[dict] = (),
        event_features: Sequence[dict] = (),
        candidate_items: int | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.config = ModelConfig.model_validate(config)
        self.catalogue_items = catalogue_items
        self.known_items = known_items
        self.users = users
        self.candidate_items = candidate_items
        self.item_features = list(item_features)
        self.user_features = list(user_features)
        self.event_features = list(event_features)
        policy = self.dtype_policy
        dim = self.config.dim
        self.item_tower = ItemTower(
            self.config.item.model_dump(),
            dim,
            catalogue_items,
            known_items,
            self.item_features,
            dtype=policy,
            name="item_tower",
        )
        self.query_tower = QueryTower(
            self.config.query.model_dump(),
            dim,
            self.config.max_events + 1,
            users,
            self.user_features,
            self.event_features,
            dtype=policy,
            name="query_tower",
        )
        self.loss_function = self.config.loss.build(candidate_items or known_items)
        self.batch_spec: BatchSpec = self.config.query.batch_spec(
            self.config.max_events, negatives=not self.loss_function.needs_whole_catalogue
        )
        self.built: bool = False
        self.build()

    def build(self, input_shape=None) -> None:
        if self.built:
            return
        dim = self.config.dim
        if self.batch_spec.history:
            self.start = self.add_weight(
                shape=(dim,), initializer=keras.initializers.RandomNormal(stddev=0.02), name="start"
            )
        if self.candidate_items is not None:
            self.candidates = self._indices(self.candidate_items, "candidates")
            self.candidate_numbers = self._indices(self.known_items, "candidate_numbers")
        self.item_tower.build()
        self.query_tower.build((None, None, dim))
        self.built = True

    def _indices(self, count: int, name: str) -> keras.Variable:
        return self.add_weight(
            shape=(count,), dtype="int32", initializer="zeros", trainable=False, name=name
        )

    def assign_candidates(self, recommendable) -> None:
        """Takes up which of the known items are ``candidate_items``, bool [known_items]."""
        self.candidates.assign(np.flatnonzero(recommendable))
        # Of the others any: they are never a target.
        self.candidate_numbers.assign(np.maximum(np.cumsum(recommendable) - 1, 0))

    @property
    def tables(self) -> dict[str, keras.Variable]:
        """The tables of one vector per id, by name."""
        tables = {}
        if self.item_tower.table is not None:
            tables["item"] = self.item_tower.table.embeddings
        if self.query_tower.table is not None:
            tables["user"] = self.query_tower.table.embeddings
        return tables

    def vocabulary_tables(self, side: str) -> dict[str, keras.Variable]:
        """The tables of one vector per value of a feature, by the feature's name.

        Row 0 is of a missing value.

        Args:
            side: ``item``, ``user`` or ``event``.
        """
        encoder = {
            "item": self.item_tower.features,
            "user": self.query_tower.features,
            "event": self.query_tower.event_features,
        }[side]
        encoders = {} if encoder is None else encoder.encoders
        return {
            name: layer.embedding.embeddings
            for name, layer in encoders.items()
            if isinstance(layer, EmbeddedValues)
        }

    @property
    def dense_variables(self) -> list[keras.Variable]:
        """The trainable variables that are not :attr:`tables`."""
        tables = {id(variable) for variable in self.tables.values()}
        return [variable for variable in self.trainable_variables if id(variable) not in tables]

    @property
    def whole_tables(self) -> frozenset[str]:
        """The tables of which every batch touches every row; the others are updated by row."""
        return frozenset({"item"} if self.loss_function.needs_whole_catalogue else ())

    @property
    def gathers_items(self) -> bool:
        """Whether a step needs the vectors of a batch's items only, and not the catalogue's."""
        return not self.loss_function.needs_whole_catalogue

    @property
    def changing_variables(self) -> list[keras.Variable]:
        """The variables but for the catalogue's features, which stay as they are."""
        features = {id(variable) for variable in self.item_tower.feature_values.values()}
        return [variable for variable in self.variables if id(variable) not in features]

    def call(
        self,
        batch: Mapping[str, Any],
        training: bool = False,
        item_rows=None,
        user_rows=None,
    ) -> dict[str, Any]:
        """Query vectors of every position, and the item vectors they refer to.

        Args:
            batch: a :class:`recsys.batch.TrainingBatch`, of which the keys of
                :attr:`batch_spec` are read. With ``item_ids`` int32 [n], ``history`` (and the
                loss's indices) point into ``item_ids`` instead of the catalogue.
            item_rows: float32 [n, D], the id vectors of ``item_ids``.
            user_rows: float32 [m, D]; ``user`` then points into them.

        Returns:
            ``queries`` [B, L, D], or [S, 1, D] if the history is not read, and ``items``
            [n or catalogue, D]. In training with ``item.cold_start`` also ``described``, the
            vectors of ``item_ids`` or of all known items by their features alone.
        """
        items_VD = self._items(batch.get("item_ids"), item_rows, training)
        history_BED = None
        if self.batch_spec.history:
            history_BED = ops.take(items_VD, batch["history"], axis=0)
        queries_BLD = self._queries(history_BED, batch, user_rows, training)
        outputs = {"queries": queries_BLD, "items": items_VD}
        if training and self.config.item.cold_start is not None:
            described_VD = self.item_tower.described(batch.get("item_ids"), training=True)
            outputs["described"] = _unit(described_VD) if self.config.normalise else described_VD
        return outputs

    def _items(self, item_ids, rows=None, training: bool = False, values=None):
        vectors_VD = self.item_tower(item_ids, rows=rows, training=training, values=values)
        if self.config.normalise:
            vectors_VD = _unit(vectors_VD)
        if self.config.item.cold_start is not None and not training:
            scales_V1 = self.item_tower.scales(item_ids)
            vectors_VD = vectors_VD * ops.cast(scales_V1, vectors_VD.dtype)
        return vectors_VD

    def _queries(self, history_BED, batch, user_rows=None, training: bool = False):
        times_BL = batch["history_times"] if self.batch_spec.times else None
        position_ids_BL = batch.get("position_ids")
        history_BLD = None
        if self.batch_spec.history:
            of_events = {
                spec["name"]: batch[EVENT_FEATURE + spec["name"]] for spec in self.event_features
            }
            history_BED = self.query_tower.read_events(history_BED, of_events, training)
            start_D = ops.cast(self.start, history_BED.dtype)
            if position_ids_BL is None:
                shape = (ops.shape(history_BED)[0], 1, self.config.dim)
                starts_B1D = ops.broadcast_to(start_D, shape)
                history_BLD = ops.concatenate([starts_B1D, history_BED], axis=1)
            else:
                history_BLD = ops.where((position_ids_BL == 0)[..., None], start_D, history_BED)
        if times_BL is not None and position_ids_BL is None:
            # The start vector stands at the first event, whose time is 0.
            times_BL = ops.pad(times_BL, ((0, 0), (1, 0)))
        features = {spec["name"]: batch[USER_FEATURE + spec["name"]] for spec in self.user_features}
        queries_BLD = self.query_tower(
            history_BLD,
            user=batch.get("user"),
            features=features,
            user_rows=user_rows,
            times_BL=times_BL,
            segment_ids_BL=batch.get("segment_ids"),
            position_ids_BL=position_ids_BL,
            lengths_B=batch.get("length"),
            training=training,
        )
        return _unit(queries_BLD) if self.config.normalise else queries_BLD

    def loss_of(self, outputs: Mapping[str, Any], batch: Mapping[str, Any]):
        """The loss of a batch from what :meth:`call` returned; float32 scalar.

        Only the positions that predict an event are scored.

        Items without events in the fitted part are not negatives: what training
        has never seen it must not push away. Nor is what is context only.

        With ``item.cold_start`` :meth:`_distance` is added.
        """
        items = outputs["items"]
        if self.loss_function.needs_whole_catalogue:
            items = items[: self.known_items]
            if self.candidate_items is not None:
                items = ops.take(items, self.candidates, axis=0)
                targets = ops.take(self.candidate_numbers, batch["targets"], axis=0)
                batch = {**batch, "targets": targets}
        queries_QD = ops.reshape(outputs["queries"], (-1, self.config.dim))
        positions_Q, query_of_P = batch["query_positions"], batch.get("query_ids")
        if self.batch_spec.history:
            queries_QD = ops.take(queries_QD, positions_Q, axis=0)
        else:
            # All positions of a sequence are alike.
            if "segment_ids" in batch:
                segment_ids = ops.reshape(batch["segment_ids"], (-1,))
                sequence_of_Q = ops.take(segment_ids, positions_Q, axis=0)
            else:
                sequence_of_Q = positions_Q // (ops.shape(batch["history"])[1] + 1)
            if query_of_P is None:
                query_of_P = sequence_of_Q
            else:
                query_of_P = ops.take(sequence_of_Q, query_of_P, axis=0)
        loss = self.loss_function(queries_QD, items, batch, query_of_P)
        return loss + self._distance(outputs, batch) if "described" in outputs else loss

    def _distance(self, outputs: Mapping[str, Any], batch: Mapping[str, Any]):
        """The mean squared distance of items' descriptions from the items; float32 scalar.

        It trains the descriptions alone: what they are drawn to stays where queries and events
        put it (van den Oord et al., "Deep content-based music recommendation", 2013). Every
        known item counts as much as any other, as a new one is likelier to be a rare item than
        a popular one; with a sampled loss, each item that was drawn as a negative.
        """
        described_VD = ops.cast(outputs["described"], "float32")
        items_VD = ops.cast(outputs["items"][: ops.shape(described_VD)[0]], "float32")
        squares_VD = ops.square(ops.stop_gradient(items_VD) - described_VD)
        distances_V = ops.sum(squares_VD, axis=-1)
        if self.gathers_items:
            distances_V = ops.take(distances_V, batch["negatives"], axis=0)
        return ops.mean(distances_V)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True, **kwargs
    ):
        """The loss that ``fit`` and ``evaluate`` minimise and report."""
        return self.loss_of(y_pred, x)

    def item_vectors(self, item_ids=None, values=None):
        """Vectors of some items, or of the whole catalogue, block by block.

        Args:
            item_ids: int32 [n], or None.
            values: by feature an array [n, …] of what is said of ``item_ids``, of which those at
                or beyond ``known_items`` need not be of the catalogue; None: what that says.

        Returns:
            float32 [n or catalogue_items, dim].
        """
        if item_ids is not None:
            return ops.cast(self._items(item_ids, values=values), "float32")
        items, block = self.catalogue_items, self.item_tower.items_at_a_time
        if block >= items:
            return ops.cast(self._items(None), "float32")
        blocks = [
            ops.cast(
                self._items(ops.arange(begin, min(begin + block, items), dtype="int32")), "float32"
            )
            for begin in range(0, items, block)
        ]
        return ops.concatenate(blocks, axis=0)

    def embed_query(self, inputs: Mapping[str, Any], item_vectors=None):
        """The query vector after a whole history.

        Args:
            inputs: a :class:`recsys.batch.QueryBatch` with the keys of :attr:`batch_spec`; its
                events are of the catalogue.
            item_vectors: what :meth:`item_vectors` returned for the whole
                catalogue, to look the history up in instead of computing it.

        Returns:
            float32 [batch, dim].
        """
        if not self.batch_spec.history:
            return ops.cast(self._queries(None, inputs)[:, 0, :], "float32")
        history = inputs["history"]
        if item_vectors is None:
            history_BED = ops.reshape(
                self._items(ops.reshape(history, (-1,))),
                (*ops.shape(history), self.config.dim),
            )
        else:
            history_BED = ops.cast(ops.take(item_vectors, history, axis=0), self.compute_dtype)
        queries_BLD = self._queries(history_BED, inputs)
        last_B11 = ops.cast(inputs["length"], "int32")[:, None, None]
        queries_B1D = ops.take_along_axis(queries_BLD, last_B11, axis=1)
        return ops.cast(queries_B1D[:, 0, :], "float32")

    def in_float32(self) -> "Retriever":
        """The same model computing in float32: what is evaluated and exported."""
        if self.dtype_policy.compute_dtype == "float32":
            return self
        config = self.get_config()
        config["dtype"] = "float32"
        copy = Retriever.from_config(config)
        copy.set_weights(self.get_weights())
        return copy

    def with_catalogue(self, catalogue_items: int, values: Mapping[str, np.ndarray]) -> "Retriever":
        """The same model of another catalogue, whose first items are those that it was fitted on.

        Args:
            catalogue_items: how many items it has, at least :attr:`known_items`.
            values: by feature what :meth:`ItemTower.taught` returned, a row per item.
        """
        copy = Retriever.from_config({**self.get_config(), "catalogue_items": catalogue_items})
        changed = {id(variable) for variable in copy.item_tower.feature_values.values()}
        for mine, other in zip(self.variables, copy.variables, strict=True):
            if id(other) not in changed:
                other.assign(mine)
        for name, variable in copy.item_tower.feature_values.items():
            variable.assign(values[name])
        return copy

    def get_config(self) -> dict:
        config = {
            "config": self.config.model_dump(),
            "catalogue_items": self.catalogue_items,
            "known_items": self.known_items,
            "users": self.users,
            "candidate_items": self.candidate_items,
            "item_features": self.item_features,
            "user_features": self.user_features,
            "event_features": self.event_features,
        }
        return {**super().get_config(), **config}


def _unit(vectors):
    """Vectors scaled to length 1; the zero vector stays."""
    squares = ops.sum(ops.square(ops.cast(vectors, "float32")), axis=-1, keepdims=True)
    return vectors * ops.cast(ops.rsqrt(ops.maximum(squares, 1e-12)), vectors.dtype)
