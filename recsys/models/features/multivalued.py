"""Several categories as the mean of their values' vectors."""

from typing import Any

from pydantic import Field

from recsys.models.features.spec import BaseFeatureSpec
from recsys.models.features.vocabulary import EmbeddedValues


class MultivaluedSpec(BaseFeatureSpec):
    """int32 [n, width]: the indices of the values."""

    width: int = Field(description="columns of the array")
    vocabulary_size: int = Field(description="known values plus one for index 0")

    @property
    def dtype(self) -> str:
        return "int32"

    @property
    def row_shape(self) -> tuple[int, ...]:
        return (self.width,)

    def activations(self, dim: int) -> float:
        return dim * self.width

    def build(self, dim: int, **kwargs: Any) -> EmbeddedValues:
        return EmbeddedValues(self.vocabulary_size, dim, **kwargs)
