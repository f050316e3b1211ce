"""The training loop: epochs, validation, early stopping, checkpoints."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import keras
import numpy as np
from pydantic import Field, NonNegativeInt, field_validator

from recsys.config import StrictConfig
from recsys.data.batches import TrainingBatches
from recsys.data.dataset import Dataset, Part
from recsys.errors import InputError
from recsys.models.losses.negatives import Sampler, build_sampler
from recsys.models.losses.sampled_softmax import SampledSoftmaxConfig
from recsys.models.retriever import Retriever
from recsys.training.checkpoint import State, load_checkpoint, save_checkpoint
from recsys.training.optimizer import OptimizerConfig
from recsys.training.step import build_step

PREFETCHED_RUNS = 4


class TrainingConfig(StrictConfig):
    """How a retriever is fitted."""

    epochs: int = Field(20, ge=1, description="passes over the training events, at most")
    batch_size: int = Field(128, ge=1, description="rows (users, or cuts of long histories) a step")
    optimizer: OptimizerConfig = Field(OptimizerConfig(), description="Adam(W)")
    precision: Literal["float32", "mixed_bfloat16"] = Field(
        "float32", description="what layers compute in; weights and the softmax stay float32"
    )
    patience: int = Field(
        3, ge=1, description="epochs without a better validation metric before training stops"
    )
    refit: bool = Field(
        False, description="fit again on train and validation, for the best number of epochs"
    )
    seeds: list[NonNegativeInt] = Field([1], min_length=1, description="one run each")
    steps_per_dispatch: int = Field(8, ge=1, description="steps that the device takes in one call")
    checkpoint_seconds: float = Field(
        60.0, ge=0, description="seconds between checkpoints within an epoch"
    )

    @field_validator("seeds")
    @classmethod
    def _differ(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("each seed may be given once")
        return seeds


@dataclass
class Progress:
    """Where training stands; what a checkpoint remembers beside the arrays."""

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    weight_sum: float = 0.0
    seconds: float = 0.0
    events: int = 0
    best_epoch: int = 0
    best_value: float | None = None
    history: list[dict[str, float]] = field(default_factory=list)
    finished: bool = False


class Callback(Protocol):
    """What wants to hear of training: a progress bar, an experiment tracker."""

    def step_ended(self, progress: Progress, steps_per_epoch: int) -> None:
        """Called after every dispatch."""
        ...

    def epoch_ended(self, epoch: int, metrics: dict[str, float]) -> None:
        """Called with the epoch (from 1), its loss, seconds and validation metrics."""
        ...


def fit(
    retriever: Retriever,
    dataset: Dataset,
    config: TrainingConfig,
    seed: int,
    folder: Path,
    last_part: Part = "train",
    epochs: int | None = None,
    validate: Callable[[Retriever], dict[str, float]] | None = None,
    metric: str = "",
    callbacks: Sequence[Callback] = (),
) -> Progress:
    """Fits a retriever, or continues where a killed run stopped.

    Args:
        retriever: fresh from :func:`recsys.training.build.build_retriever`; on
            return it has the best epoch's weights.
        dataset: what to fit on.
        config: how.
        seed: of order and negatives.
        folder: where checkpoints lie: ``last.npz`` and ``best.npz``.
        last_part: the last part to fit on.
        epochs: stop after so many; the learning rate's course stays that of
            ``config.epochs``.
        validate: computes validation metrics after every epoch; without it all
            epochs are run and the last weights kept.
        metric: the one of them that decides (higher is better).
        callbacks: told of every dispatch and epoch.

    Returns:
        What happened, with a row per epoch in ``history``.

    Raises:
        InputError: the checkpoint in ``folder`` is of another backend, dataset or
            seed; or the loss is no longer a number.
    """
    batches = TrainingBatches(
        dataset,
        last_part,
        retriever.config.max_events,
        config.batch_size,
        seed,
        tuple(retriever.config.query.user_features),
    )
    source = _BatchSource(batches, _sampler(retriever, dataset, last_part), seed, config)
    step = build_step(retriever, config.optimizer, config.epochs * batches.steps_per_epoch)
    last_epoch = epochs or config.epochs
    last, best = folder / "last.npz", folder / "best.npz"
    progress = Progress()
    origin = {
        "backend": keras.backend.backend(),
        "dataset": dataset.fingerprint,
        "seed": seed,
    }

    def remembered(progress: Progress) -> dict[str, Any]:
        return {"origin": origin, "progress": asdict(progress)}

    if last.is_file():
        state, metadata = load_checkpoint(last)
        if metadata["origin"] != origin:
            raise InputError(
                f"{last} was written with {metadata['origin']}, this run has {origin}. Set "
                "KERAS_BACKEND as it was, or start afresh with --overwrite."
            )
        step.restore(state)
        progress = Progress(**metadata["progress"])
    saved_at = time.monotonic()
    while not progress.finished:
        began = time.monotonic()
        pending: list[tuple[Any, np.ndarray]] = []
        for stacked, weights in _prefetch(source.epoch(progress.epoch, progress.step)):
            pending.append((step.run(stacked), weights))
            progress.step += len(weights)
            progress.events += int(np.count_nonzero(stacked["weights"]))
            if len(pending) > 1:  # the last one may still be running on the device
                _account(progress, pending.pop(0))
            for callback in callbacks:
                callback.step_ended(progress, batches.steps_per_epoch)
            if (
                time.monotonic() - saved_at >= config.checkpoint_seconds
                and progress.step < batches.steps_per_epoch
            ):
                while pending:
                    _account(progress, pending.pop(0))
                progress.seconds += time.monotonic() - began
                save_checkpoint(last, step.state(), remembered(progress))
                began = saved_at = time.monotonic()
        while pending:
            _account(progress, pending.pop(0))
        progress.seconds += time.monotonic() - began
        step.synchronise()
        metrics = _end_epoch(progress, validate, metric, retriever)
        waited = progress.epoch - progress.best_epoch
        progress.finished = progress.epoch >= last_epoch or waited >= config.patience
        if progress.best_epoch == progress.epoch:
            save_checkpoint(best, _weights(retriever), {"epoch": progress.epoch})
        # Before the checkpoint: who is killed in between hears of the epoch again.
        for callback in callbacks:
            callback.epoch_ended(progress.epoch, metrics)
        save_checkpoint(last, step.state(), remembered(progress))
        saved_at = time.monotonic()
    weights, _ = load_checkpoint(best)
    for variable, name in zip(retriever.variables, sorted(weights), strict=True):
        variable.assign(weights[name])
    return progress


def _end_epoch(
    progress: Progress,
    validate: Callable[[Retriever], dict[str, float]] | None,
    metric: str,
    retriever: Retriever,
) -> dict[str, float]:
    """Closes an epoch: its metrics, and whether it is the best so far."""
    loss = progress.loss_sum / max(progress.weight_sum, 1e-9)
    metrics = {"loss": loss}
    progress.epoch += 1
    progress.step = 0
    progress.loss_sum = progress.weight_sum = 0.0
    if validate is None:
        progress.best_epoch = progress.epoch
    else:
        began = time.monotonic()
        metrics |= validate(retriever)
        metrics["validation_seconds"] = time.monotonic() - began
        if progress.best_value is None or metrics[metric] > progress.best_value:
            progress.best_value, progress.best_epoch = metrics[metric], progress.epoch
    metrics["train_seconds"] = progress.seconds
    progress.history.append({"epoch": progress.epoch, **metrics})
    return metrics


def _account(progress: Progress, pending: tuple[Any, np.ndarray]) -> None:
    losses, weights = pending
    losses = np.asarray(losses, dtype=np.float64)
    if not np.isfinite(losses).all():
        raise InputError(
            f"training diverged in epoch {progress.epoch + 1}: the loss is not a number. Lower "
            "training.optimizer.learning_rate, and look for huge values among the features."
        )
    progress.loss_sum += float(np.sum(losses * weights))
    progress.weight_sum += float(np.sum(weights))


def _weights(retriever: Retriever) -> State:
    return {
        f"{index:04d}": keras.ops.convert_to_numpy(variable)
        for index, variable in enumerate(retriever.variables)
    }


def _sampler(retriever: Retriever, dataset: Dataset, last_part: Part) -> Sampler | None:
    loss = retriever.config.loss
    if not isinstance(loss, SampledSoftmaxConfig):
        return None
    events = dataset.fitted_events(last_part)
    targets = dataset.event_items[events[dataset.event_weights[events] > 0]]
    # What training has never seen is no negative (see Retriever.loss_of).
    counts = np.bincount(targets, minlength=retriever.known_items)
    return build_sampler(loss.negatives, counts)


class _BatchSource:
    """The stacked batches of an epoch, negatives included."""

    def __init__(
        self, batches: TrainingBatches, sampler: Sampler | None, seed: int, config: TrainingConfig
    ) -> None:
        self._batches = batches
        self._sampler = sampler
        self._seed = seed
        self._steps = config.steps_per_dispatch

    def epoch(
        self, epoch: int, first_step: int
    ) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        """Batches [steps, batch, ...] from a step on, and each step's sum of weights."""
        events = self._batches.epoch_events(epoch)
        for run in self._batches.runs(epoch, self._steps):
            if run.first_step < first_step:
                continue
            steps = [
                self._negatives(
                    self._batches.batch(rows, run.width, events), epoch, run.first_step + i
                )
                for i, rows in enumerate(run.rows)
            ]
            stacked = {name: np.stack([step[name] for step in steps]) for name in steps[0]}
            yield stacked, stacked["weights"].sum(axis=(1, 2), dtype=np.float64)

    def _negatives(
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


def _prefetch(source: Iterator[Any]) -> Iterator[Any]:
    """Runs an iterator in a thread of its own, a few elements ahead."""
    end = object()
    elements: queue.Queue[Any] = queue.Queue(PREFETCHED_RUNS)
    stopped = threading.Event()

    def put(element: Any) -> None:
        while not stopped.is_set():
            try:
                return elements.put(element, timeout=0.1)
            except queue.Full:
                continue

    def fill() -> None:
        try:
            for element in source:
                put(element)
                if stopped.is_set():
                    return
            put(end)
        except BaseException as error:  # handed to the reader, who raises it
            put(error)

    threading.Thread(target=fill, daemon=True).start()
    try:
        while (element := elements.get()) is not end:
            if isinstance(element, BaseException):
                raise element
            yield element
    finally:
        stopped.set()
