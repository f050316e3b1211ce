"""Loads the batches of an epoch, stacked as the device takes them, ahead of the training step."""

import queue
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from recsys.data.batches.dispatch import Dispatch
from recsys.data.batches.recipe import Batches
from recsys.data.batches.training_batches import TrainingBatches
from recsys.data.batches.user_batches import UserBatches

PREFETCHED_DISPATCHES = 4
ASSEMBLY = "assembly of batches"


class Load(NamedTuple):
    """What a device takes in one call.

    Attributes:
        batches: arrays [room, batch, …], or what the device gathers them from. Where there are
            fewer steps than room, what follows them is not taken.
        weights: float64 [steps], each step's sum of weights.
        events: how many events are predicted.
    """

    batches: Batches
    weights: np.ndarray
    events: int


class Loader:
    """The steps of an epoch, grouped as the device takes them.

    Args:
        batches: the epoch's order and its batches.
        steps_per_dispatch: steps of one group (a dispatch), at most.
        epochs: epochs that will be asked for, at most.
        on_device: whether the device gathers the batches (see
            :func:`recsys.training.devices.gathers_batches`).
    """

    def __init__(
        self,
        batches: TrainingBatches | UserBatches,
        steps_per_dispatch: int,
        epochs: int,
        on_device: bool = False,
    ) -> None:
        self._batches = batches
        # What the device gathers, if it does.
        self._gathered = batches if on_device and isinstance(batches, TrainingBatches) else None
        self._steps = steps_per_dispatch
        self._epochs = epochs
        self._assembled: _Prefetched | None = None
        self._ahead: int | None = None

    def epoch(self, epoch: int, first_step: int) -> Iterator[Load]:
        """What :meth:`recsys.training.step.Step.run` takes, in order.

        They are assembled in a thread of its own, a few groups ahead; the next
        epoch's first ones while this epoch is validated.

        Args:
            epoch: number of the epoch, from 0.
            first_step: steps before it are left out.
        """
        if first_step or self._assembled is None or self._ahead != epoch:
            self._assembled = self._assemble(epoch, first_step)
        self._ahead = None
        yield from self._assembled
        if epoch + 1 < self._epochs:
            self._assembled, self._ahead = self._assemble(epoch + 1, 0), epoch + 1

    def of_each_shape(self) -> Iterator[Batches]:
        """Batches of each shape that an epoch has; assembled, all their steps are the same.

        Any of them may take the most memory: one has the most cells, another predicts the most.
        """
        sample = self._batches.sample(0)
        dispatches = list(self._batches.dispatches(sample, self._steps))
        for dispatch in {_shape(each): each for each in dispatches}.values():
            if self._gathered is not None:
                yield self._gathered.recipe(dispatch, sample)
                continue
            batch = self._batches.batch(dispatch, 0, sample)
            yield {
                name: np.broadcast_to(each, (dispatch.room, *each.shape))
                for name, each in batch.items()
            }

    def close(self) -> None:
        """Ends the assembly of what will not be asked for."""
        if self._assembled is not None:
            self._assembled.stop()

    def _assemble(self, epoch: int, first_step: int) -> "_Prefetched":
        self.close()
        return _Prefetched(self._loads(epoch, first_step))

    def _loads(self, epoch: int, first_step: int) -> Iterator[Load]:
        sample = self._batches.sample(epoch)
        for dispatch in self._batches.dispatches(sample, self._steps):
            if dispatch.first_step < first_step:
                continue
            if self._gathered is not None:
                recipe = self._gathered.recipe(dispatch, sample)
                yield Load(recipe, *self._gathered.weights(dispatch, sample))
                continue
            steps = len(dispatch.placement.sequences)
            stacked: dict[str, np.ndarray] = {}
            for step in range(steps):
                for name, each in self._batches.batch(dispatch, step, sample).items():
                    if name not in stacked:
                        stacked[name] = np.zeros((dispatch.room, *each.shape), each.dtype)
                    stacked[name][step] = each
            weights = stacked["weights"][:steps]
            sums = weights.sum(axis=1, dtype=np.float64)
            yield Load(stacked, sums, int(np.count_nonzero(weights)))


def _shape(dispatch: Dispatch) -> tuple[int, ...]:
    placement = dispatch.placement
    lanes = placement.lanes, placement.width, placement.sequences.shape[1]
    return *lanes, dispatch.room, dispatch.queries, dispatch.predictions


class _Prefetched:
    """Runs an iterator in a thread of its own, a few elements ahead.

    Args:
        source: the iterator.
    """

    _END = object()

    def __init__(self, source: Iterator[Any]) -> None:
        self._elements: queue.Queue[Any] = queue.Queue(PREFETCHED_DISPATCHES)
        self._stopped = threading.Event()
        threading.Thread(target=self._fill, args=(source,), name=ASSEMBLY, daemon=True).start()

    def __iter__(self) -> Iterator[Any]:
        while (element := self._elements.get()) is not self._END:
            if isinstance(element, BaseException):
                raise element
            yield element

    def stop(self) -> None:
        """Ends the thread."""
        self._stopped.set()

    def _fill(self, source: Iterator[Any]) -> None:
        try:
            for element in source:
                self._put(element)
                if self._stopped.is_set():
                    return
            self._put(self._END)
        except BaseException as error:  # handed to the reader, who raises it
            self._put(error)

    def _put(self, element: Any) -> None:
        while not self._stopped.is_set():
            try:
                return self._elements.put(element, timeout=0.1)
            except queue.Full:
                continue
