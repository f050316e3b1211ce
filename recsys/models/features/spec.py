"""What a feature kind is to a model: the layer that makes a vector of its array."""

import math
from collections.abc import Mapping
from typing import Any, Protocol, Self

import keras
import numpy as np

from recsys.config import StrictConfig


class FeatureSpec(Protocol):
    """A feature that a model reads, of one kind.

    :class:`BaseFeatureSpec` answers everything but ``build`` as the simplest kinds do. Nothing
    else among the models asks which kind it has. A kind that can be told how to read has a field
    ``reader``, which the item tower fills with its setting of the kind's name
    (:attr:`recsys.models.items.tower.ItemTowerConfig.readers`).

    Attributes:
        name: of the feature.
        kind: as the dataset has it.
        dtype: of the array.
        row_shape: of one user's or item's value.
        row_bytes: bytes of one value.
    """

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def dtype(self) -> str: ...

    @property
    def row_shape(self) -> tuple[int, ...]: ...

    @property
    def row_bytes(self) -> int: ...

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """The feature, of what the dataset says of it; what the kind need not know is left out."""
        ...

    def model_dump(self) -> dict[str, Any]:
        """What :meth:`of` makes an equal one of."""
        ...

    def activations(self, dim: int) -> float:
        """Numbers of each user or item that are held at once, about.

        Args:
            dim: width of a vector.
        """
        ...

    def taught(self, values: np.ndarray, fitted_items: int) -> np.ndarray:
        """The catalogue's values without what training cannot teach the meaning of.

        Args:
            values: a row per item.
            fitted_items: how many of the items, the first ones, training sees.
        """
        ...

    def build(self, dim: int, **kwargs: Any) -> keras.layers.Layer:
        """The layer from values, [n, …] (at least two axes), to vectors, [n, dim].

        A missing value, 0 everywhere, is the zero vector.

        Args:
            dim: width of a vector.
            kwargs: for the layer's constructor (``dtype``, ``name``).
        """
        ...


class BaseFeatureSpec(StrictConfig):
    """What the simplest kinds say of themselves; see :class:`FeatureSpec`.

    The fields of a kind are what it needs to know of the array, by the names of
    ``recsys.data.feature.Feature``.
    """

    name: str
    kind: str

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        return cls.model_validate({key: given[key] for key in cls.model_fields if key in given})

    @property
    def dtype(self) -> str:
        return "float32"

    @property
    def row_shape(self) -> tuple[int, ...]:
        return ()

    @property
    def row_bytes(self) -> int:
        return math.prod(self.row_shape) * np.dtype(self.dtype).itemsize

    def activations(self, dim: int) -> float:
        return dim

    def taught(self, values: np.ndarray, fitted_items: int) -> np.ndarray:
        return values
