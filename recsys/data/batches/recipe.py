"""What a dispatch sends where the device holds the dataset and gathers its batches itself."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Shape:
    """The shape of a batch.

    Attributes:
        lanes, width: of the matrix that the sequences lie in.
        queries: room for the positions that predict something.
        predictions: room for the events that are predicted.
        grouped: whether a query may predict several events.
    """

    lanes: int
    width: int
    queries: int
    predictions: int
    grouped: bool


@dataclass(frozen=True)
class Recipe:
    """Batches by what they are gathered from.

    Attributes:
        data: arrays of the epoch, which are the same objects as long as nothing in them changes.
        table: arrays [room, …], of each step: ``numbers`` and ``origins`` int32 [S], the sequences
            and the cells that they begin in; and what is part of its batch already.
        shape: of each step's batch.
    """

    data: Mapping[str, np.ndarray]
    table: Mapping[str, np.ndarray]
    shape: Shape

    @property
    def bytes(self) -> int:
        """Of the data."""
        return sum(each.nbytes for each in self.data.values())


# What a device takes: the arrays of its batches, or what it gathers them from.
Batches = Mapping[str, np.ndarray] | Recipe
