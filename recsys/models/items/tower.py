"""The item tower: an id and its features as one vector."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops
from pydantic import Field, PositiveInt, model_validator

from recsys.config import StrictConfig
from recsys.models.embedding import EmbeddingTable
from recsys.models.features import FeatureEncoder, FeatureSpec
from recsys.models.mlp import MLP


class ItemTowerConfig(StrictConfig):
    """What an item is made of."""

    id: bool = Field(True, description="a learned vector per item")
    features: list[str] = Field(
        [], description="names of item features (data.items.features) that are added to it"
    )
    hidden: list[PositiveInt] = Field(
        [], description="units of ReLU layers on top, added to their input"
    )

    @model_validator(mode="after")
    def _is_not_empty(self) -> "ItemTowerConfig":
        if not self.id and not self.features:
            raise ValueError("the item tower needs id or features")
        return self


@keras.saving.register_keras_serializable(package="recsys")
class ItemTower(keras.layers.Layer):
    """Turns items into vectors: ``id + features (+ MLP of the sum)``.

    The features of the whole catalogue are part of the layer (non-trainable
    weights), so an item index is all it needs, in training and when served.

    Args:
        config: an :class:`ItemTowerConfig` dump.
        dim: width of a vector.
        catalogue_items: items that the tower knows.
        known_items: items with an id vector: those with events in the fitted
            part. The others are described by their features alone.
        specs: the features, as :class:`FeatureSpec` dumps.
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
        self.specs = [FeatureSpec(**spec) for spec in specs]
        policy = self.dtype_policy
        self.table = (
            EmbeddingTable(known_items, dim, dtype=policy, name="id") if self.config.id else None
        )
        self.features = FeatureEncoder(specs, dim, dtype=policy, name="features") if specs else None
        hidden = self.config.hidden
        self.mlp = MLP(hidden, dim, dtype=policy, name="mlp") if hidden else None

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

    def assign_features(self, values: Mapping[str, np.ndarray]) -> None:
        """Sets the catalogue's features: one array per feature, a row per item."""
        for name, variable in self.feature_values.items():
            variable.assign(np.asarray(values[name][: self.catalogue_items]))

    def call(self, item_ids=None, rows=None):
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
            if item_ids is None:
                table = ops.cast(self.table.embeddings, self.compute_dtype)
                missing = self.catalogue_items - self.known_items
                parts.append(ops.pad(table, ((0, missing), (0, 0))) if missing else table)
            elif rows is None:
                parts.append(self.table(item_ids))
            else:
                known = (item_ids < self.known_items)[:, None]
                parts.append(ops.cast(ops.where(known, rows, 0.0), self.compute_dtype))
        if self.features is not None:
            values = {
                name: ops.convert_to_tensor(variable)
                if item_ids is None
                else ops.take(variable, item_ids, axis=0)
                for name, variable in self.feature_values.items()
            }
            parts.append(self.features(values))
        vectors = sum(parts)
        return vectors if self.mlp is None else vectors + self.mlp(vectors)

    def get_config(self) -> dict:
        config = {
            "config": self.config.model_dump(),
            "dim": self.dim,
            "catalogue_items": self.catalogue_items,
            "known_items": self.known_items,
            "specs": [spec.model_dump() for spec in self.specs],
        }
        return {**super().get_config(), **config}
