"""What every room's ``Config`` is made of."""

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict

# Whether items of a history may be recommended again.
Seen = Literal["exclude", "allow"]
# What names folders and files.
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


Value = TypeVar("Value")


def _each_once(values: list[Value]) -> list[Value]:
    if len(set(values)) < len(values):
        raise ValueError("each may be given once")
    return values


# A list without repeats, such as Distinct[list[int]].
Distinct = Annotated[Value, AfterValidator(_each_once)]


class StrictConfig(BaseModel):
    """A frozen, strict pydantic model: unknown keys are refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )
