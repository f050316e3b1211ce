"""Steps of a training that a device takes in one call."""

from dataclasses import dataclass

from recsys.data.batches.packing import Placement


@dataclass(frozen=True)
class Dispatch:
    """Consecutive steps whose batches have the same shape: what the device takes in one call.

    Attributes:
        first_step: number of its first step in the epoch.
        placement: where the sequences of its steps lie.
        room: steps that every dispatch of this shape has room for; the last may have fewer.
        queries: room for the positions of a batch that predict something.
        predictions: room for its predicted events.
    """

    first_step: int
    placement: Placement
    room: int
    queries: int
    predictions: int
