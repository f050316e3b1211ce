"""Feeds the training step: stacked batches with their negatives, assembled ahead of it."""

import queue
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from recsys.data.batches.training_batches import TrainingBatches
from recsys.data.dataset import Dataset, Part
from recsys.models.losses.negatives import Sampler, build_sampler
from recsys.models.losses.sampled import SampledLossConfig
from recsys.models.retriever import Retriever

PREFETCHED_RUNS = 4
ASSEMBLY = "assembly of batches"


class Feed:
    """The steps of an epoch, grouped as the device takes them.

    Args:
        batches: the epoch's order and its batches.
        sampler: draws negatives; None for a loss that needs none.
        seed: of the negatives.
        steps_per_dispatch: steps of one group, at most.
        epochs: epochs that will be asked for, at most.
    """

    def __init__(
        self,
        batches: TrainingBatches,
        sampler: Sampler | None,
        seed: int,
        steps_per_dispatch: int,
        epochs: int,
    ) -> None:
        self._batches = batches
        self._sampler = sampler
        self._seed = seed
        self._steps = steps_per_dispatch
        self._epochs = epochs
        self._assembled: _Prefetched | None = None
        self._ahead: int | None = None

    def epoch(
        self, epoch: int, first_step: int
    ) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        """Stacked batches [steps, batch, ...] and each step's sum of weights.

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
        draw = self._batches.draw(0)
        run = max(
            self._batches.runs(draw, self._steps),
            key=lambda run: (run.layout.lanes * run.layout.width, len(run.layout.rows)),
        )
        batch = self._with_negatives(self._batches.batch(run, 0, draw), 0, run.first_step)
        steps = len(run.layout.rows)
        return {name: np.broadcast_to(each, (steps, *each.shape)) for name, each in batch.items()}

    def close(self) -> None:
        """Ends the assembly of what nobody will ask for."""
        if self._assembled is not None:
            self._assembled.stop()

    def _assemble(self, epoch: int, first_step: int) -> "_Prefetched":
        self.close()
        return _Prefetched(self._stacked(epoch, first_step))

    def _stacked(
        self, epoch: int, first_step: int
    ) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        draw = self._batches.draw(epoch)
        for run in self._batches.runs(draw, self._steps):
            if run.first_step < first_step:
                continue
            steps = []
            for offset in range(len(run.layout.rows)):
                batch = self._batches.batch(run, offset, draw)
                steps.append(self._with_negatives(batch, epoch, run.first_step + offset))
            stacked = {name: np.stack([step[name] for step in steps]) for name in steps[0]}
            yield stacked, stacked["weights"].sum(axis=1, dtype=np.float64)

    def _with_negatives(
        self, batch: dict[str, np.ndarray], epoch: int, step: int
    ) -> dict[str, np.ndarray]:
        if self._sampler is None:
            return batch
        generator = np.random.default_rng([self._seed, epoch, step, 2])
        targets = batch["targets"][batch["weights"] > 0]
        if not len(targets):  # nothing but context events: the loss is 0 whatever is drawn
            count = self._sampler.count
            return {
                **batch,
                "negatives": np.zeros(count, dtype=np.int32),
                "negative_log_counts": np.zeros(count, dtype=np.float32),
            }
        items, log_counts = self._sampler.draw(generator, targets)
        return {**batch, "negatives": items, "negative_log_counts": log_counts}


def sampler_of(retriever: Retriever, dataset: Dataset, last_part: Part) -> Sampler | None:
    """The sampler that a retriever's loss needs, with the probabilities of the fitted parts."""
    loss = retriever.config.loss
    if not isinstance(loss, SampledLossConfig):
        return None
    events = dataset.fitted_events(last_part)
    targets = dataset.event_items[events[dataset.event_weights[events] > 0]]
    # What training has never seen is no negative (see Retriever.loss_of).
    counts = np.bincount(targets, minlength=retriever.known_items)
    return build_sampler(loss.negatives, counts)


class _Prefetched:
    """Runs an iterator in a thread of its own, a few elements ahead.

    Args:
        source: the iterator.
    """

    _END = object()

    def __init__(self, source: Iterator[Any]) -> None:
        self._elements: queue.Queue[Any] = queue.Queue(PREFETCHED_RUNS)
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
