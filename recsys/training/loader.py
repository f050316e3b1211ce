"""Loads the batches of an epoch, stacked as the device takes them, ahead of the training step."""

import queue
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from recsys.data.batches.training_batches import Dispatch, TrainingBatches

PREFETCHED_DISPATCHES = 4
ASSEMBLY = "assembly of batches"


class Loader:
    """The steps of an epoch, grouped as the device takes them.

    Args:
        batches: the epoch's order and its batches.
        steps_per_dispatch: steps of one group (a dispatch), at most.
        epochs: epochs that will be asked for, at most.
    """

    def __init__(
        self,
        batches: TrainingBatches,
        steps_per_dispatch: int,
        epochs: int,
    ) -> None:
        self._batches = batches
        self._steps = steps_per_dispatch
        self._epochs = epochs
        self._assembled: _Prefetched | None = None
        self._ahead: int | None = None

    def epoch(
        self, epoch: int, first_step: int
    ) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        """Stacked batches [room, batch, ...] and each step's sum of weights [steps].

        Where a dispatch has fewer steps than it has room for, zeros follow them: what
        :meth:`recsys.training.step.Step.run` does not take.

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

    def largest(self) -> dict[str, np.ndarray]:
        """Stacked batches whose steps have the most cells; all their steps are the same."""
        sample = self._batches.sample(0)
        largest = max(self._batches.dispatches(sample, self._steps), key=_cells_and_steps)
        batch = self._batches.batch(largest, 0, sample)
        return {
            name: np.broadcast_to(each, (largest.room, *each.shape)) for name, each in batch.items()
        }

    def close(self) -> None:
        """Ends the assembly of what will not be asked for."""
        if self._assembled is not None:
            self._assembled.stop()

    def _assemble(self, epoch: int, first_step: int) -> "_Prefetched":
        self.close()
        return _Prefetched(self._stacked(epoch, first_step))

    def _stacked(
        self, epoch: int, first_step: int
    ) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        sample = self._batches.sample(epoch)
        for dispatch in self._batches.dispatches(sample, self._steps):
            if dispatch.first_step < first_step:
                continue
            steps = len(dispatch.placement.sequences)
            stacked: dict[str, np.ndarray] = {}
            for step in range(steps):
                for name, each in self._batches.batch(dispatch, step, sample).items():
                    if name not in stacked:
                        stacked[name] = np.zeros((dispatch.room, *each.shape), each.dtype)
                    stacked[name][step] = each
            yield stacked, stacked["weights"][:steps].sum(axis=1, dtype=np.float64)


def _cells_and_steps(dispatch: Dispatch) -> tuple[int, int]:
    placement = dispatch.placement
    return placement.lanes * placement.width, dispatch.room


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
