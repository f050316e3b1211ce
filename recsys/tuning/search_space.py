"""The section `sweep` of an experiment file: space, budget, sampler and pruner."""

import json
import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Protocol

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from recsys.config import Distinct, StrictConfig

# Another seed makes a luckier model, not a better one; trials are never fitted on validation.
NOT_SWEPT = ("training.seeds", "training.refit")
# What an export measures of its model, as `export.budget` names it.
Measured = Literal["size_bytes", "peak_memory_bytes", "latency_p50_ms", "latency_p99_ms"]


class Suggester(Protocol):
    """What draws values: a trial as Optuna knows it."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float: ...

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int: ...

    def suggest_categorical(self, name: str, choices: Sequence[str]) -> Any: ...


class Range(StrictConfig):
    """Numbers between two bounds, both included."""

    low: float = Field(description="the smallest value")
    high: float = Field(description="the largest value")
    log: bool = Field(False, description="drawn evenly on a logarithmic scale")
    step: float | None = Field(None, gt=0, description="distance between values, from `low` on")
    int: bool = Field(False, description="whole numbers only")

    @model_validator(mode="after")
    def _can_be_drawn_from(self) -> "Range":
        if self.low > self.high:
            raise ValueError(f"low ({self.low:g}) is above high ({self.high:g})")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("a logarithmic range begins above 0 and has no step")
        bounds = (self.low, self.high, self.step or 1.0)
        if self.int and not all(bound.is_integer() for bound in bounds):
            raise ValueError("a range of whole numbers has whole bounds and a whole step")
        steps = (self.high - self.low) / self.step if self.step else 0.0
        if not math.isclose(steps, round(steps), rel_tol=0, abs_tol=1e-6):
            raise ValueError(f"high is not a whole number of steps ({self.step:g}) above low")
        return self

    @property
    def ends(self) -> list[Any]:
        """The values at the bounds."""
        return [_whole(self.low), _whole(self.high)] if self.int else [self.low, self.high]

    def holds(self, value: Any) -> bool:
        """Whether a value of an experiment could have been drawn."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        step = self.step or (1.0 if self.int else None)
        steps = (value - self.low) / step if step else 0.0
        return self.low <= value <= self.high and abs(steps - round(steps)) < 1e-6

    def draw(self, suggester: Suggester, key: str) -> None:
        """Draws a parameter."""
        if self.int:
            low, high, step = map(_whole, (self.low, self.high, self.step or 1.0))
            suggester.suggest_int(key, low, high, step=step, log=self.log)
        else:
            suggester.suggest_float(key, self.low, self.high, step=self.step, log=self.log)

    def parameter(self, value: Any) -> Any:
        """A value of an experiment as a trial's parameter."""
        return value

    def value(self, parameter: Any) -> Any:
        """A trial's parameter as a value of an experiment."""
        return parameter


class Choices(StrictConfig):
    """One of several values; whole sections such as ``{kind: lstm, units: 64}`` are values too."""

    choices: list[Any] = Field(min_length=1, description="the values")

    @property
    def ends(self) -> list[Any]:
        """Every value."""
        return self.choices

    def holds(self, value: Any) -> bool:
        """Whether a value of an experiment could have been drawn."""
        return value in self.choices

    def draw(self, suggester: Suggester, key: str) -> None:
        """Draws a parameter."""
        suggester.suggest_categorical(key, [json.dumps(choice) for choice in self.choices])

    def parameter(self, value: Any) -> str:
        """A value of an experiment as a trial's parameter: JSON, as a study keeps no sections.

        Args:
            value: one that :meth:`holds`.
        """
        # As the choice is written, whose keys may stand in another order.
        return json.dumps(next(choice for choice in self.choices if choice == value))

    def value(self, parameter: str) -> Any:
        """A trial's parameter as a value of an experiment."""
        return json.loads(parameter)


def _whole(number: float) -> int:
    return int(number)


def _kind(value: Any) -> str:
    holds_choices = isinstance(value, Choices) or (isinstance(value, dict) and "choices" in value)
    return "choices" if holds_choices else "range"


Dimension = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")], Discriminator(_kind)
]


class SamplerConfig(StrictConfig):
    """TPE: draws where good trials are dense and bad ones are not."""

    startup_trials: int = Field(
        6, ge=1, description="trials drawn at random before the sampler learns from them"
    )


class PrunerConfig(StrictConfig):
    """Stops a trial whose best epoch so far is worse than what others had by then."""

    percentile: float = Field(
        50.0,
        gt=0,
        lt=100,
        description="a trial goes on while it is among the best so many per cent of the completed "
        "ones at the same epoch; 50 is the median",
    )
    startup_trials: int = Field(3, ge=1, description="completed trials before the first is stopped")
    warmup_epochs: int = Field(3, ge=0, description="epochs that every trial is given")


class SweepConfig(StrictConfig):
    """A search for the values that do best on validation.

    A trial trains with the first of ``training.seeds`` and is compared by its best
    epoch's ``evaluation.metric`` on the validation part; where ``minimize`` names something, also
    by what its exported model takes.
    """

    space: dict[str, Dimension] = Field(
        min_length=1, description="dotted keys of `model` and `training`, and their values"
    )
    trials: int | None = Field(None, ge=1, description="trials at most")
    hours: float | None = Field(
        None,
        gt=0,
        description="hours spent in trials at most, over all workers and continuations; a trial "
        "that is not done by then is cut",
    )
    minimize: Distinct[list[Measured]] = Field(
        [],
        description="what the exported model should take little of, besides being good: each "
        "trial is exported to measure it, and none is pruned",
    )
    seed: int = Field(0, ge=0, description="of the sampler")
    sampler: SamplerConfig = SamplerConfig()
    pruner: PrunerConfig | None = Field(
        PrunerConfig(), description="when a trial is stopped early; null for never"
    )

    @field_validator("space")
    @classmethod
    def _can_be_swept(cls, space: dict[str, Dimension]) -> dict[str, Dimension]:
        for key in space:
            if not key.startswith(("model.", "training.")) or key in NOT_SWEPT:
                raise ValueError(
                    f"{key}: only keys of `model` and `training` can be swept, without "
                    f"{' and '.join(NOT_SWEPT)}; the rest says how trials are compared"
                )
        return space

    @model_validator(mode="after")
    def _ends(self) -> "SweepConfig":
        if self.trials is None and self.hours is None:
            raise ValueError("a budget is needed: `trials`, `hours` or both")
        return self
