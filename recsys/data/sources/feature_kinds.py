"""The kinds of features that a side table may have, as an experiment describes them."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from recsys.config import StrictConfig

FEATURE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
# What several kinds have.
COLUMN = Field(None, description="in the table; the feature's name by default")
VOCABULARY = Field(20_000, ge=1, description="most frequent values kept")


class CategoricalFeature(StrictConfig):
    """One value of a closed list, such as a country or a brand."""

    kind: Literal["categorical"]
    column: str | None = COLUMN
    max_vocabulary: int = VOCABULARY


class MultivaluedFeature(StrictConfig):
    """Several values, such as genres or tags: a list column, or text with a separator."""

    kind: Literal["multivalued"]
    column: str | None = COLUMN
    separator: str = Field("|", min_length=1, description="between the values of a text column")
    max_values: int = Field(16, ge=1, description="values kept of one row, the first ones")
    max_vocabulary: int = VOCABULARY


class TextFeature(StrictConfig):
    """Free text, read as lower-cased words in order."""

    kind: Literal["text"]
    column: str | None = COLUMN
    max_words: int = Field(32, ge=1, description="words kept of one row, the first ones")
    max_vocabulary: int = VOCABULARY


class NumericFeature(StrictConfig):
    """A number, standardised over the rows that have one."""

    kind: Literal["numeric"]
    column: str | None = COLUMN


class VectorFeature(StrictConfig):
    """A ready-made vector: a list column, or text such as ``0.1 0.2`` or ``[0.1, 0.2]``."""

    kind: Literal["vector"]
    column: str | None = COLUMN


class ImageFeature(StrictConfig):
    """A picture file, named by its path: absolute, or relative to the folder of the table."""

    kind: Literal["image"]
    column: str | None = COLUMN
    size: int = Field(32, ge=4, le=512, description="pixels a side that pictures are scaled to")
    channels: Literal[1, 3] = Field(3, description="1 = grey, 3 = colours")


def _long_form(given: Any) -> Any:
    return {"kind": given} if isinstance(given, str) else given


_Kind = Literal["categorical", "multivalued", "text", "numeric", "vector", "image"]
_Feature = Annotated[
    CategoricalFeature
    | MultivaluedFeature
    | TextFeature
    | NumericFeature
    | VectorFeature
    | ImageFeature,
    Field(discriminator="kind"),
]
FeatureConfig = Annotated[
    _Feature, BeforeValidator(_long_form, json_schema_input_type=_Kind | _Feature)
]
