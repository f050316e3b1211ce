"""What every room's ``Config`` is made of."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

# Whether items of a history may be recommended again.
Seen = Literal["exclude", "allow"]


class StrictConfig(BaseModel):
    """A frozen, strict pydantic model: unknown keys are refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )
