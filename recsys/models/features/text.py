"""A text as what a reader makes of its words' vectors."""

from typing import Any

import numpy as np
from pydantic import Field

from recsys.models.features.multivalued import MultivaluedSpec
from recsys.models.features.vocabulary import EmbeddedValues
from recsys.models.text.average import AverageTextConfig
from recsys.models.text.reader import TextConfig
from recsys.models.text.words import taught_words


class TextSpec(MultivaluedSpec):
    """int32 [n, width]: the indices of the words, in order."""

    reader: TextConfig = Field(AverageTextConfig(), description="what reads the words")

    def taught(self, values: np.ndarray, fitted_items: int) -> np.ndarray:
        return taught_words(values, fitted_items, self.reader.minimum_items)

    def build(self, dim: int, **kwargs: Any) -> EmbeddedValues:
        return EmbeddedValues(self.vocabulary_size, dim, self.reader.model_dump(), **kwargs)
