"""What a seed is given, wherever it runs."""

from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt

from recsys.config import StrictConfig

# What a shell and YAML of a cluster take as the name of a variable.
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Resources(StrictConfig):
    """What a scheduler is asked for, for each seed."""

    gpus: int = Field(1, ge=0, description="GPUs of a seed; 0: it trains on the CPU")
    cpus: PositiveInt = Field(4, description="CPU cores of a seed")
    memory_gib: PositiveInt = Field(32, description="main memory of a seed, in GiB")
    hours: PositiveFloat | None = Field(
        None, description="after which the scheduler ends a seed; its own limit by default"
    )
    at_once: PositiveInt | None = Field(
        None, description="seeds that run at the same time, at most; all by default"
    )
