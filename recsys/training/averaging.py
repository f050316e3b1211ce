"""A running average of the weights, which generalises better than the last ones."""

import contextlib
from collections.abc import Iterator

import keras
import numpy as np

from recsys.models.retriever import Retriever
from recsys.training.checkpoint import State

_PREFIX = "average_"


class WeightAverage:
    """An exponential average of the trainable weights, taken at the end of every epoch.

    Izmailov et al., "Averaging Weights Leads to Wider Optima and Better
    Generalization" (2018), with exponential instead of equal weights, so that the
    first epochs are forgotten. Once an epoch, because an average of every step
    would touch every row of every table in every step.

    Args:
        decay: weight of the average so far in the next one; 0 keeps the last weights.
    """

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._sums: list[np.ndarray] = []
        self._weight = 0.0

    def update(self, retriever: Retriever) -> None:
        """Takes the weights of an epoch in."""
        if not self._decay:
            return
        weights = [keras.ops.convert_to_numpy(v) for v in retriever.trainable_variables]
        if not self._sums:
            self._sums = [np.zeros_like(weight) for weight in weights]
        new = 1.0 - self._decay
        # New arrays: whoever holds the state of before keeps it.
        self._sums = [
            self._decay * total + new * weight
            for total, weight in zip(self._sums, weights, strict=True)
        ]
        # The sums' weights add up to less than 1 in the beginning (as in Adam).
        self._weight = self._decay * self._weight + new

    @contextlib.contextmanager
    def applied(self, retriever: Retriever) -> Iterator[None]:
        """Within it, the retriever has the average weights."""
        if not self._sums:
            yield
            return
        variables = retriever.trainable_variables
        trained = [np.array(keras.ops.convert_to_numpy(v)) for v in variables]
        for variable, total in zip(variables, self._sums, strict=True):
            variable.assign(total / np.float32(self._weight))
        try:
            yield
        finally:
            for variable, weight in zip(variables, trained, strict=True):
                variable.assign(weight)

    def state(self) -> State:
        """What a checkpoint must hold of it."""
        arrays = {f"{_PREFIX}{index:04d}": total for index, total in enumerate(self._sums)}
        return {**arrays, f"{_PREFIX}weight": np.array(self._weight)}

    def restore(self, state: State) -> None:
        """Puts back what :meth:`state` returned."""
        names = sorted(name for name in state if name.startswith(_PREFIX))
        *sums, weight = names
        self._sums = [state[name] for name in sums]
        self._weight = float(state[weight])
