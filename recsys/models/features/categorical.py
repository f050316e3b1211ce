"""A category as the vector of its value."""

from typing import Any

from pydantic import Field

from recsys.models.features.spec import BaseFeatureSpec
from recsys.models.features.vocabulary import EmbeddedValues


class CategoricalSpec(BaseFeatureSpec):
    """int32 [n]: the index of the value."""

    vocabulary_size: int = Field(description="known values plus one for index 0")

    @property
    def dtype(self) -> str:
        return "int32"

    def build(self, dim: int, **kwargs: Any) -> EmbeddedValues:
        return EmbeddedValues(self.vocabulary_size, dim, **kwargs)
