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
    text: TextConfig = Field(AverageTextConfig(), description="how text features are read")
    image: ConvolutionalImageConfig = Field(
        ConvolutionalImageConfig(),
        description="how image features are read. With a loss over the whole catalogue every step "
        "reads all pictures, with a sampled one those of the batch and its negatives",
    )
    hidden: list[PositiveInt] = Field(
        [], description="units of ReLU layers on top, added to their input"
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
        return self


@keras.saving.register_keras_serializable(package="recsys")
class ItemTower(keras.layers.Layer):
    """Turns items into vectors: ``id + features (+ MLP of the sum)``.

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

    def call(self, item_ids=None, rows=None, training: bool = False):
        """Vectors of some items, or of all.

        Args:
            item_ids: int32 [n], item indices; None for the whole catalogue.
            rows: float32 [n, dim], the id vectors of ``item_ids``, gathered by
                the caller from the table.

        Returns:
            [n, dim] in the layer's compute dtype.
        """
        parts = []
        if self.table is not None:
            vectors = self._id_vectors(self.table, item_ids, rows)
            parts.append(self._shown(vectors, training))
        if self.features is not None:
            values = {
                name: ops.convert_to_tensor(variable)
                if item_ids is None
                else ops.take(variable, item_ids, axis=0)
                for name, variable in self.feature_values.items()
            }
            parts.append(self.features(values, training=training))
        vectors = sum(parts)
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
