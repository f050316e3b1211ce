"""AdamW and Adagrad with warm-up and decay, for dense weights and tables or rows of them."""

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
from keras import ops
from pydantic import Field, model_validator

from recsys.config import StrictConfig

# Parts of the names of variables that do not decay: biases, positions, normalisations, and
# vectors of one id, word or position each, which a batch without them must not shrink.
SPARED = ["bias", "position_vectors", "mixing", "gamma", "beta", "start", "embeddings"]


class OptimizerConfig(StrictConfig):
    """AdamW or Adagrad; biases, normalisations and positions never decay."""

    kind: Literal["adam", "adagrad"] = Field(
        "adam", description="adagrad: one slot a weight instead of two, and a rate near 0.1"
    )
    learning_rate: float = Field(1e-3, gt=0, description="the highest one, after the warm-up")
    warmup_steps: int = Field(0, ge=0, description="steps over which the rate rises from 0")
    decay: Literal["constant", "linear", "cosine", "plateau"] = Field(
        "constant",
        description="linear, cosine: how the rate falls from there to 0 at the last step; plateau: "
        "it drops whenever epochs bring no better validation metric",
    )
    plateau_epochs: int = Field(
        2, ge=1, description="epochs without a better metric until the rate drops (plateau)"
    )
    plateau_factor: float = Field(
        0.1, gt=0, lt=1, description="what the rate is multiplied by at each drop (plateau)"
    )
    weight_decay: float = Field(
        0.0,
        ge=0,
        description="of dense layers' matrices, decoupled (AdamW): a fraction of rate × weight",
    )
    table_weight_decay: float = Field(
        0.0, ge=0, description="the same of the tables of item and user vectors"
    )
    beta_1: float = Field(0.9, ge=0, lt=1, description="Adam's memory of the gradient's mean")
    beta_2: float = Field(0.999, ge=0, lt=1, description="Adam's memory of the gradient's square")
    initial_accumulator: float = Field(
        0.1, ge=0, description="Adagrad's sum of squares before the first step"
    )
    epsilon: float = Field(1e-7, gt=0, description="keeps the division finite")

    @model_validator(mode="after")
    def _has_no_idle_setting(self) -> "OptimizerConfig":
        for name in ("plateau_epochs", "plateau_factor"):
            value = getattr(self, name)
            if self.decay != "plateau" and value != type(self).model_fields[name].default:
                raise ValueError(
                    f"{name} is {value}, a setting of decay: plateau, and decay is {self.decay}: "
                    "remove it, or set decay"
                )
        return self

    def schedule(self, total_steps: int) -> "WarmupDecay":
        return WarmupDecay(self.learning_rate, self.warmup_steps, self.decay, total_steps)

    def drops(self, epoch: int, best_epoch: int, rate_drops: Sequence[int]) -> bool:
        """Whether the rate drops after an epoch.

        Args:
            epoch: epochs that are done.
            best_epoch: the one with the best metric, from 1.
            rate_drops: epochs after which it has dropped before.
        """
        if self.decay != "plateau":
            return False
        return epoch - max([best_epoch, *rate_drops]) >= self.plateau_epochs

    def rate_scale(self, epoch: int, rate_drops: Sequence[int]) -> float:
        """What the schedule's rate is multiplied by in the epoch after so many."""
        return self.plateau_factor ** sum(dropped <= epoch for dropped in rate_drops)

    def build(self, rate: "WarmupDecay | float") -> keras.optimizers.Optimizer:
        """The Keras optimizer for every weight that is not a table.

        Args:
            rate: a schedule, or a number, which the caller sets before each step.
        """
        arguments: dict[str, Any] = {
            "learning_rate": rate,
            "epsilon": self.epsilon,
            "weight_decay": self.weight_decay or None,
        }
        if self.kind == "adagrad":
            arguments["initial_accumulator_value"] = self.initial_accumulator
            optimizer = keras.optimizers.Adagrad(**arguments)
        else:
            arguments |= {"beta_1": self.beta_1, "beta_2": self.beta_2}
            optimizer = keras.optimizers.Adam(**arguments)
        if self.weight_decay:
            optimizer.exclude_from_weight_decay(var_names=SPARED)
        return optimizer

    @property
    def initial_slots(self) -> tuple[float, ...]:
        """What each slot of a weight begins with."""
        return (self.initial_accumulator,) if self.kind == "adagrad" else (0.0, 0.0)


class WarmupDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Linear rise to ``peak``; then to 0 at ``total_steps``, or constant (constant, plateau)."""

    def __init__(self, peak: float, warmup_steps: int, decay: str, total_steps: int) -> None:
        self.peak = peak
        self.warmup_steps = warmup_steps
        self.decay = decay
        self.total_steps = total_steps

    def __call__(self, step):
        """The rate of a step, counted from 0; float32."""
        step = ops.cast(step, "float32")
        rate = self.peak
        if self.decay in ("linear", "cosine"):
            falling_steps = max(self.total_steps - self.warmup_steps, 1)
            progress = ops.clip((step - self.warmup_steps) / falling_steps, 0.0, 1.0)
            if self.decay == "linear":
                rate = rate * (1.0 - progress)
            else:
                rate = rate * 0.5 * (1.0 + ops.cos(math.pi * progress))
        if self.warmup_steps:
            rate = rate * ops.minimum((step + 1.0) / self.warmup_steps, 1.0)
        return ops.cast(rate, "float32")

    def get_config(self) -> dict:
        return dict(vars(self))


class OptimizerState(NamedTuple):
    """What an optimizer remembers of a training, whatever the backend.

    Attributes:
        steps: that it has taken.
        initial: what each slot of a weight begins with.
        tables: by name, the slots of a table, each float32 [rows, dim].
        dense: of each weight that is not in a table
            (:attr:`recsys.models.retriever.Retriever.dense_variables`), its slots.
    """

    steps: int
    initial: tuple[float, ...]
    tables: dict[str, tuple[np.ndarray, ...]]
    dense: list[tuple[np.ndarray, ...]]


def slot_places(optimizer: keras.optimizers.Optimizer, weights: int) -> list[range]:
    """Where among the variables of a Keras optimizer the slots of each weight stand.

    Args:
        optimizer: of :meth:`OptimizerConfig.build`, built.
        weights: how many it updates.
    """
    count = 2  # the steps it took, and the rate
    each = (len(optimizer.variables) - count) // max(weights, 1)
    return [range(count + each * place, count + each * (place + 1)) for place in range(weights)]


class TableRows(NamedTuple):
    """Some rows of a table with their optimizer slots, each float32 [n, dim].

    Attributes:
        values: the rows.
        slots: Adam's mean and mean square of the gradient, or Adagrad's sum of squares.
    """

    values: Any
    slots: tuple[Any, ...]


def update_rows(rows: TableRows, gradient, step, rate, config: OptimizerConfig) -> TableRows:
    """One step of the rows that a batch holds.

    Rows of other batches keep their values and slots ("lazy"): they neither
    decay nor drift on momentum. On a batch that holds every row it equals the
    dense optimizer (Duchi et al., 2011; Kingma and Ba, 2015; Loshchilov and
    Hutter, 2019).

    Args:
        rows: what the batch holds, each row once.
        gradient: float32 [n, dim], duplicates summed.
        step: steps taken before this one.
        rate: the step's learning rate.
        config: the constants.
    """
    values = rows.values * (1.0 - rate * config.table_weight_decay)
    if config.kind == "adagrad":
        (squares,) = rows.slots
        squares = squares + ops.square(gradient)
        return TableRows(values - rate * gradient / ops.sqrt(squares + config.epsilon), (squares,))
    momentum, velocity = rows.slots
    count = ops.cast(step, "float32") + 1.0
    correction = ops.sqrt(1.0 - config.beta_2**count) / (1.0 - config.beta_1**count)
    momentum = momentum + (gradient - momentum) * (1.0 - config.beta_1)
    velocity = velocity + (ops.square(gradient) - velocity) * (1.0 - config.beta_2)
    values = values - momentum * (rate * correction) / (ops.sqrt(velocity) + config.epsilon)
    return TableRows(values, (momentum, velocity))
