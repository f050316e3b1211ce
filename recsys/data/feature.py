"""A column of a side table, or of the log, as an array."""

from typing import Literal

from pydantic import Field

from recsys.config import StrictConfig

# Whose a feature is: that of a user or an item, of a side table; or of an event, of the log.
Side = Literal["item", "user", "event"]


class Feature(StrictConfig):
    """One column of a table, encoded as an array with a row per user, item or event.

    What the array holds is said by the file of its kind in ``recsys/data/prepare/features``.
    """

    name: str
    kind: str
    width: int = Field(1, description="columns of the array; of an image, pixels a side")
    channels: int = Field(0, description="of an image: 1 (grey) or 3 (colours)")
    vocabulary_size: int = Field(0, description="known values plus one for index 0")
    mean: float = Field(0.0, description="of a numeric column, in its own unit")
    deviation: float = Field(1.0, description="of a numeric column, in its own unit")
