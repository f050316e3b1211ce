"""What every room's ``Config`` is made of."""

from pydantic import BaseModel, ConfigDict


class StrictConfig(BaseModel):
    """A frozen, strict pydantic model: unknown keys are refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )
