"""The item tower: an id and its features as one vector."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops
from pydantic import Field, PositiveInt, model_validator

from recsys.config import StrictConfig
from recsys.errors import InputError
from recsys.models.embedding import EmbeddingTable
from recsys.models.features.encoder import FeatureEncoder
from recsys.models.features.kinds import feature_spec
from recsys.models.image.convolution import ConvolutionalImageConfig
from recsys.models.mlp import MLP
from recsys.models.text.average import AverageTextConfig
from recsys.models.text.reader import TextConfig

# Numbers that the vectors of a whole catalogue may need at a time: 128 MiB.
HELD_AT_ONCE = 2**25


class ColdStartConfig(StrictConfig):
    """Known items are their id alone, new ones their features alone."""

    scale: float = Field(
        0.75,
        gt=0,
        le=1,
        description="factor on the vectors of new items, in histories too: the lower, the better "
        "one must fit a query to stand above known items; with normalise it is their length",
    )


class ItemTowerConfig(StrictConfig):
    """What an item is made of."""

    id: bool = Field(True, description="a learned vector per item")
    id_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of items whose id vector a training step hides, so that their features "
        "must describe them alone, as they must new items",
    )
    features: list[str] = Field(
        [], description="names of item features (data.items.features) that are added to it"
    )
    cold_start: ColdStartConfig | None = Field(
        None,
        description="features describe new items alone, and are not added to ids: what they say of "
        "known items is drawn to the ids, and the ids not to it",
    )
    text: TextConfig = Field(AverageTextConfig(), description="how text features are read")
    image: ConvolutionalImageConfig = Field(
        ConvolutionalImageConfig(),
        description="how image features are read. With a loss over the whole catalogue every step "
        "reads all pictures, with a sampled one those of the batch and its negatives",
    )
    hidden: list[PositiveInt] = Field(
        [],
        description="units of ReLU layers on top, added to their input; with cold_start of new "
        "items alone",
    )

    @property
    def readers(self) -> dict[str, StrictConfig]:
        """By kind of feature, how features of this kind are read."""
        return {"text": self.text, "image": self.image}

    @model_validator(mode="after")
    def _is_not_empty(self) -> "ItemTowerConfig":
        if not self.id and not self.features:
            raise ValueError("the item tower needs id or features")
        if self.id_dropout and not (self.id and self.features):
            raise ValueError(
                "id_dropout hides the id behind the features: it needs id and features"
            )
        if self.cold_start is not None:
            if not (self.id and self.features):
                raise ValueError(
                    "cold_start describes items without an id by their features: it needs id and "
                    "features"
                )
            if self.id_dropout:
                raise ValueError(
                    "id_dropout has no use with cold_start, where no feature is added to an id: "
                    "remove one of them"
                )
        return self


@keras.saving.register_keras_serializable(package="recsys")
class ItemTower(keras.layers.Layer):
    """Turns items into vectors: ``id + features (+ MLP of the sum)``.

    With ``cold_start`` a known item is its id, and a new one ``features (+ MLP of them)``. Training
    draws what the features say of known items (:meth:`described`) to their ids.

    The features of the whole catalogue are part of the layer (non-trainable
    weights), so an item index is all it needs, in training and when served.

    With ``id_dropout`` the id vectors of some items are hidden in each training
    step (Volkovs et al., "DropoutNet: Addressing Cold Start in Recommender
    Systems", 2017). The others stay as they are, not scaled up as in ordinary
    dropout: training sees each item as it is served, known or new.

    Args:
        config: an :class:`ItemTowerConfig` dump.
        dim: width of a vector.
        catalogue_items: items that the tower knows.
        known_items: items with an id vector: those with events in the fitted
            part. The others are described by their features alone.
        specs: the features, as :func:`recsys.models.features.kinds.feature_spec` reads them.

    Raises:
        InputError: a reader of texts or images is configured, and no feature is one.
    """

    def __init__(
        self,
        config: dict[str, Any],
        dim: int,
        catalogue_items: int,
        known_items: int,
        specs: list[dict],
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.config = ItemTowerConfig.model_validate(config)
        self.dim = dim
        self.catalogue_items = catalogue_items
        self.known_items = known_items
        self.given_specs = specs
        readers = {kind: {"reader": reader} for kind, reader in self.config.readers.items()}
        self.specs = [feature_spec({**spec, **readers.get(spec["kind"], {})}) for spec in specs]
        policy = self.dtype_policy
        self.table = (
            EmbeddingTable(known_items, dim, dtype=policy, name="id") if self.config.id else None
        )
        self.hide_ids = keras.layers.Dropout(self.config.id_dropout, dtype=policy)
        self._refuse_idle_readers()
        dumps = [spec.model_dump() for spec in self.specs]
        self.features = FeatureEncoder(dumps, dim, dtype=policy, name="features") if dumps else None
        hidden = self.config.hidden
        self.mlp = MLP(hidden, dim, dtype=policy, name="mlp") if hidden else None

    def _refuse_idle_readers(self) -> None:
        there, usual = {spec.kind for spec in self.specs}, ItemTowerConfig().readers
        for kind, reader in self.config.readers.items():
            if kind not in there and reader != usual[kind]:
                raise InputError(
                    f"model.item.{kind} is set, but none of model.item.features is of kind {kind} "
                    f"(data.items.features). Add one, or remove model.item.{kind}."
                )

    def build(self, input_shape=None) -> None:
        if self.table is not None:
            self.table.build()
        if self.features is not None:
            self.features.build()
        self.feature_values = {
            spec.name: self.add_weight(
                shape=(self.catalogue_items, *spec.row_shape),
                dtype=spec.dtype,
                initializer="zeros",
                trainable=False,
                name=f"feature_values_{index}",
            )
            for index, spec in enumerate(self.specs)
        }
        if self.mlp is not None:
            self.mlp.build((None, self.dim))
        self.built = True

    @property
    def items_at_a_time(self) -> int:
        """Items whose vectors are computed at once, of a whole catalogue."""
        if self.features is None:
            return self.catalogue_items
        return max(1, int(HELD_AT_ONCE / self.features.activations))

    def assign_features(self, values: Mapping[str, np.ndarray]) -> None:
        """Sets the catalogue's features: one array per feature, a row per item."""
        for spec in self.specs:
            array = np.asarray(values[spec.name][: self.catalogue_items])
            self.feature_values[spec.name].assign(spec.taught(array, self.known_items))

    def taught(
        self, fitted: Mapping[str, np.ndarray], values: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Features of other items than it was fitted on, without what it was not taught.

        Args:
            fitted: by feature the array that was given to :meth:`assign_features`.
            values: by feature an array with a row per item, encoded alike.

        Returns:
            Arrays as :attr:`feature_values` holds them.
        """
        found = {}
        for spec in self.specs:
            rows = np.asarray(fitted[spec.name][: self.known_items])
            both = np.concatenate([rows, np.asarray(values[spec.name])])
            found[spec.name] = spec.taught(both, len(rows))[len(rows) :]
        return found

    def call(self, item_ids=None, rows=None, training: bool = False, values=None):
        """Vectors of some items, or of all.

        Args:
            item_ids: int32 [n], item indices; None for the whole catalogue.
            rows: float32 [n, dim], the id vectors of ``item_ids``, gathered by
                the caller from the table.
            values: by feature an array [n, …] of what is said of the items; None: what the
                catalogue says.

        Returns:
            [n, dim] in the layer's compute dtype.
        """
        cold = self.config.cold_start is not None
        ids = features = None
        if self.table is not None:
            ids = self._shown(self._id_vectors(self.table, item_ids, rows), training)
        # With a cold start training sees no item that its features make.
        if self.features is not None and not (cold and training):
            features = self._feature_vectors(self.features, item_ids, training, values)
        if features is None:
            return ids if cold else self._with_mlp(ids)
        if cold:
            numbers = ops.arange(self.catalogue_items) if item_ids is None else item_ids
            known = (numbers < self.known_items)[:, None]
            return ops.where(known, ids, self._with_mlp(features))
        return self._with_mlp(features if ids is None else ids + features)

    def described(self, item_ids=None, training: bool = False):
        """Vectors of known items by their features alone, as if the items were new.

        Args:
            item_ids: int32 [n], item indices; None for all known items.

        Returns:
            [n or known_items, dim] in the layer's compute dtype.
        """
        assert self.features is not None  # as the config has it
        if item_ids is None:
            item_ids = ops.arange(self.known_items, dtype="int32")
        return self._with_mlp(self._feature_vectors(self.features, item_ids, training))

    def scales(self, item_ids=None):
        """float [n or catalogue_items, 1]: the factor of ``cold_start`` on each vector."""
        numbers = ops.arange(self.catalogue_items) if item_ids is None else item_ids
        cold_start = self.config.cold_start
        scale = 1.0 if cold_start is None else cold_start.scale
        return ops.where(numbers < self.known_items, 1.0, scale)[:, None]

    def _feature_vectors(self, features: FeatureEncoder, item_ids, training: bool, values=None):
        """[n or catalogue_items, dim]"""
        values = values or {
            name: ops.convert_to_tensor(variable)
            if item_ids is None
            else ops.take(variable, item_ids, axis=0)
            for name, variable in self.feature_values.items()
        }
        return features(values, training=training)

    def _with_mlp(self, vectors):
        return vectors if self.mlp is None else vectors + self.mlp(vectors)

    def _id_vectors(self, table: EmbeddingTable, item_ids, rows):
        """[n, dim]; zero for items without an id vector."""
        if item_ids is None:
            vectors = ops.cast(table.embeddings, self.compute_dtype)
            missing = self.catalogue_items - self.known_items
            return ops.pad(vectors, ((0, missing), (0, 0))) if missing else vectors
        if rows is None:
            return table(item_ids)
        known = (item_ids < self.known_items)[:, None]
        return ops.cast(ops.where(known, rows, 0.0), self.compute_dtype)

    def _shown(self, vectors, training: bool):
        """The id vectors, some of them zero in training."""
        if not self.config.id_dropout:
            return vectors
        shown = self.hide_ids(ops.ones_like(vectors[:, :1]), training=training) > 0
        return vectors * ops.cast(shown, self.compute_dtype)

    def get_config(self) -> dict:
        config = {
            "config": self.config.model_dump(),
            "dim": self.dim,
            "catalogue_items": self.catalogue_items,
            "known_items": self.known_items,
            "specs": self.given_specs,
        }
        return {**super().get_config(), **config}
