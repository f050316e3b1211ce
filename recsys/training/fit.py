"""The training loop: epochs, validation, early stopping, checkpoints."""

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np

from recsys.data.batches.training_batches import TrainingBatches
from recsys.data.batches.user_batches import UserBatches
from recsys.data.dataset import Dataset
from recsys.data.manifest import Part
from recsys.errors import InputError
from recsys.models.retriever import Retriever
from recsys.system import stopping
from recsys.system.memory import peak_memory
from recsys.system.processes import current
from recsys.system.wording import switch
from recsys.training.averaging import WeightAverage
from recsys.training.batches import training_batches
from recsys.training.checkpoint import CheckpointWriter, State
from recsys.training.checkpoint_folder import CheckpointFolder, Place
from recsys.training.config import TrainingConfig
from recsys.training.continuation import Earlier, carry_over, said
from recsys.training.devices import (
    free_memory,
    gathers_batches,
    peak_device_memory,
    training_devices,
)
from recsys.training.divergence import NotANumber, all_finite, explained
from recsys.training.loader import Loader
from recsys.training.memory import MemoryForecast, forecast, held_by, require_memory
from recsys.training.optimizer import OptimizerConfig, OptimizerState
from recsys.training.private_training import PrivateTraining
from recsys.training.step import Step, build_step

logger = logging.getLogger(__name__)


@dataclass
class TrainingState:
    """Where training stands; what a checkpoint remembers beside the arrays.

    ``waited`` are the seconds, of ``seconds``, in which the loop had nothing to give the
    device, which may have been busy still. ``memory_bytes`` is what training was forecast
    to take of the device's memory; ``peak_bytes`` is the most main memory that a process held
    which trained, and ``peak_device_bytes`` the most of its accelerator. ``rate_drops`` are the
    epochs after which the learning rate dropped. ``privacy`` is what was done for users (see
    :class:`recsys.training.privacy.Mechanism`), where ``training.privacy`` asks for it.
    ``continued`` is what was carried over from an earlier model (see
    :func:`recsys.training.continuation.carry_over`), and the events that an epoch predicts.
    """

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    weight_sum: float = 0.0
    seconds: float = 0.0
    waited: float = 0.0
    events: int = 0
    memory_bytes: int = 0
    peak_bytes: int = 0
    peak_device_bytes: int = 0
    best_epoch: int = 0
    best_value: float | None = None
    history: list[dict[str, float]] = field(default_factory=list)
    rate_drops: list[int] = field(default_factory=list)
    privacy: dict[str, Any] | None = None
    continued: dict[str, int] | None = None

    def is_over(self, epochs: int, patience: int) -> bool:
        """Whether so many epochs are done, or so many have brought nothing better."""
        return self.epoch >= epochs or self.epoch - self.best_epoch >= patience


class Callback(Protocol):
    """What wants to hear of training: a progress bar, an experiment tracker."""

    def step_ended(self, progress: TrainingState, steps_per_epoch: int) -> None:
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
    rate_drops: Sequence[int] = (),
    validate: Callable[[Retriever], dict[str, float]] | None = None,
    metric: str = "",
    callbacks: Sequence[Callback] = (),
    earlier: Earlier | None = None,
) -> TrainingState:
    """Fits a retriever, or continues where a killed run stopped.

    A damaged checkpoint is not used: training goes on from the one before, or starts again, with a
    warning. Ctrl-C and SIGTERM keep the steps taken so far, in a notebook as on the command line.

    Of several processes (:mod:`recsys.system.processes`) all call it alike. They take the same
    steps, each with its share of every batch; the first validates, writes and decides.

    Args:
        retriever: fresh from :func:`recsys.training.build.build_retriever`; on
            return it has the best epoch's weights.
        dataset: what to fit on.
        config: how.
        seed: of order and negatives.
        folder: where checkpoints lie (:mod:`recsys.training.checkpoint_folder`).
        last_part: the last part to fit on.
        epochs: stop after so many; the learning rate's course stays that of
            ``config.epochs``.
        rate_drops: epochs after which the learning rate drops, as it did when they were chosen.
        validate: computes validation metrics after every epoch; without it all
            epochs are run and the last weights kept.
        metric: the one of them that decides (higher is better); under ``config.privacy`` none
            does, and the last weights are kept.
        callbacks: called after every dispatch and epoch.
        earlier: a model to go on from, and what it was fitted on.

    Returns:
        What happened, with an entry per epoch in ``history``.

    Raises:
        InputError: the checkpoint in ``folder`` is of another backend, dataset or
            seed, or of another earlier model; training does not fit into memory; or see
            :func:`recsys.training.devices.training_devices`,
            :class:`recsys.training.private_training.PrivateTraining`,
            :meth:`recsys.training.continuation.Earlier.old_events` and
            :func:`recsys.training.continuation.carry_over`.
        TrainingDiverged: the loss is not a number any more; it names what is behind that. No
            checkpoint is written of weights that are not numbers.
        Stopped: a signal asked for it; the steps taken so far are kept. KeyboardInterrupt where
            Ctrl-C raises that.
    """
    last_epoch = epochs or config.epochs
    batches: TrainingBatches | UserBatches
    build: Callable[[int], Step] = partial(build_step, retriever, config.optimizer)
    private, continued = None, None
    if config.privacy is None:
        old = None
        if earlier is not None:
            old = earlier.old_events(dataset, last_part)
            slots, continued = carry_over(earlier, retriever, dataset)
            build = partial(_build_on, slots, build)
        batches = training_batches(
            retriever, dataset, config, seed, last_part, training_devices(), old
        )
        if continued is not None:
            continued["epoch_events"] = batches.events_per_epoch
            logger.info(said(continued))
        on_device = gathers_batches(batches)
    else:
        private = PrivateTraining(retriever, dataset, config, seed, folder, last_part)
        batches, build, on_device = private.batches, private.build_step, False
    loader = Loader(batches, config.steps_per_dispatch, last_epoch, on_device)
    total_steps = config.epochs * batches.steps_per_epoch
    step, memory = _step_that_fits(retriever, config.optimizer, partial(build, total_steps), loader)
    origin = {"backend": keras.backend.backend(), "dataset": dataset.fingerprint, "seed": seed}
    if earlier is not None:
        origin["earlier"] = earlier.digest
    average = WeightAverage(config.average_decay)
    writer = CheckpointWriter()
    files = CheckpointFolder(folder, writer)
    checkpoint = _Checkpoint(files, origin, step, average, batches.steps_per_epoch)
    progress = checkpoint.resume(TrainingState(rate_drops=list(rate_drops)))
    progress.memory_bytes = memory.total
    progress.continued = continued
    if private:
        progress.privacy = private.mechanism.as_dict()
        private.keep_secret()
    # Whatever ends it, a callback's error too, no thread is left behind.
    with (
        contextlib.closing(writer),
        contextlib.closing(loader),
        stopping.deferrable(),
        explained(retriever, dataset, batches, config),
    ):
        while not progress.is_over(last_epoch, config.patience):
            _heed_signals()
            step.scale_rate(config.optimizer.rate_scale(progress.epoch, progress.rate_drops))
            with stopping.deferred():
                _run_epoch(
                    progress, loader, batches.steps_per_epoch, step, checkpoint, config, callbacks
                )
            step.synchronise()
            before = average.state()
            average.update(retriever)
            validated = None
            # From the metrics on until they are kept.
            with contextlib.ExitStack() as undisturbed:
                try:
                    with average.applied(retriever):
                        if current.is_first():
                            validated = _validated(validate, retriever)
                        undisturbed.enter_context(stopping.deferred())
                        # The others go on from here, and may pass a signal on at once.
                        told = f"metrics of epoch {progress.epoch + 1}"
                        validated = current.from_first(told, partial(dict, validated or {}))
                        metrics = _end_epoch(progress, validated, None if private else metric)
                        _drop_rate(progress, config.optimizer, metric)
                        if progress.best_epoch == progress.epoch:
                            checkpoint.save_best(progress, _weights(retriever))
                except (SystemExit, KeyboardInterrupt):  # a signal
                    if validated is None:  # the steps are done, and need not be done again
                        average.restore(before)
                        checkpoint.save(progress)
                    raise
                # Before the checkpoint: a run killed in between calls them for the epoch again.
                for callback in callbacks:
                    callback.epoch_ended(progress.epoch, metrics)
                checkpoint.save(progress)
        _heed_signals()
    weights = current.after_first("weights", partial(files.load_best, progress.best_epoch))
    for variable, name in zip(retriever.changing_variables, sorted(weights), strict=True):
        variable.assign(weights[name])
    if private:
        private.forget_secret()
    return progress


def _heed_signals() -> None:
    """Ends the training where a signal asked for it; of several processes, by the first."""
    if current.is_first():
        stopping.check()
    elif (number := stopping.asked()) is not None:
        current.pass_on(number)


def _build_on(slots: OptimizerState | None, build: Callable[[int], Step], total_steps: int) -> Step:
    """The step, with what the optimizer of an earlier training remembers."""
    step = build(total_steps)
    if slots is not None:
        step.take_up(slots)
    return step


def _step_that_fits(
    retriever: Retriever, optimizer: OptimizerConfig, build: Callable[[], Step], loader: Loader
) -> tuple[Step, MemoryForecast]:
    """The step, and what training takes of memory; refused before anything of it is allocated."""
    needed = forecast(retriever, optimizer)
    require_memory(needed, needed.total - held_by(retriever), free_memory())
    step = build()
    workings = [(step.working_memory(batches), batches) for batches in loader.of_each_shape()]
    working, largest = max(workings, key=lambda pair: pair[0])
    needed = forecast(retriever, optimizer, largest, working)
    require_memory(needed, working + needed.data, free_memory())
    return step, needed


class _Checkpoint:
    """Everything that a killed run continues from.

    Args:
        files: where it is kept.
        origin: what a run must have in common with the one that wrote it.
        step: whose state is kept.
        average: likewise.
        steps_per_epoch: of the training.
    """

    def __init__(
        self,
        files: CheckpointFolder,
        origin: dict[str, Any],
        step: Step,
        average: WeightAverage,
        steps_per_epoch: int,
    ) -> None:
        self._files = files
        self._origin = origin
        self._step = step
        self._average = average
        self._steps_per_epoch = steps_per_epoch
        self._saved_at = time.monotonic()

    @property
    def age(self) -> float:
        """Seconds since it was written, or since the run began."""
        return time.monotonic() - self._saved_at

    def resume(self, fresh: TrainingState) -> TrainingState:
        """Restores the step; starts afresh where no checkpoint is whole."""
        # The first one removes what is damaged.
        found = current.after_first("checkpoint", self._files.load)
        current.agree("checkpoint", {"checkpoint": None if found is None else _place_of(found[1])})
        if found is None:
            return fresh
        state, metadata = found
        if metadata["origin"] != self._origin:
            raise InputError(
                f"the checkpoints of this run were written with {metadata['origin']}, and it has "
                f"{self._origin} now. Set KERAS_BACKEND as it was, or start afresh with "
                f"{switch('overwrite')}."
            )
        self._step.restore(state)
        self._average.restore(state)
        return TrainingState(**metadata["progress"])

    def save_best(self, progress: TrainingState, weights: State) -> None:
        """Keeps the weights of the epoch that has ended."""
        if not current.is_first():
            return
        self._refuse_unless_finite(progress, weights)
        self._files.save_best(progress.epoch, weights)

    def save(self, progress: TrainingState) -> None:
        """Keeps where training stands.

        Raises:
            NotANumber: it would be worth nothing.
        """
        if not current.is_first():
            return
        metadata = {"origin": self._origin, "progress": asdict(progress)}
        arrays = {**self._step.state(), **self._average.state()}
        self._refuse_unless_finite(progress, arrays)
        place = Place(progress.epoch, progress.step, progress.best_epoch)
        self._files.save(place, arrays, metadata)
        self._saved_at = time.monotonic()

    def _refuse_unless_finite(self, progress: TrainingState, arrays: State) -> None:
        if not all_finite(arrays):
            at_end = progress.step == 0
            epoch, steps = progress.epoch - at_end, progress.step or self._steps_per_epoch
            raise NotANumber("the weights are not numbers any more", epoch, steps - 1)


def _place_of(metadata: dict[str, Any]) -> dict[str, int]:
    """Where a checkpoint's training stands."""
    return {key: metadata["progress"][key] for key in ("epoch", "step", "best_epoch")}


def _run_epoch(
    progress: TrainingState,
    loader: Loader,
    steps_per_epoch: int,
    step: Step,
    checkpoint: _Checkpoint,
    config: TrainingConfig,
    callbacks: Sequence[Callback],
) -> None:
    """Takes the rest of an epoch's steps, with a checkpoint from time to time."""
    began = time.monotonic()
    pending: list[tuple[int, Any, np.ndarray]] = []

    def settle(left: int) -> None:
        while len(pending) > left:
            _account(progress, *pending.pop(0))

    batches = loader.epoch(progress.epoch, progress.step)
    while True:
        asked = time.monotonic()
        element = next(batches, None)
        progress.waited += time.monotonic() - asked
        if element is None:
            break
        steps = len(element.weights)
        current.advance()
        pending.append((progress.step, step.run(element.batches, steps), element.weights))
        progress.step += steps
        progress.events += element.events
        settle(left=1)  # the last one may still be running on the device
        for callback in callbacks:
            callback.step_ended(progress, steps_per_epoch)
        if not current.is_first():
            _heed_signals()
            continue
        is_due = checkpoint.age >= config.checkpoint_seconds and progress.step < steps_per_epoch
        if is_due or stopping.asked():
            settle(left=0)
            progress.seconds += time.monotonic() - began
            checkpoint.save(progress)
            stopping.check()
            began = time.monotonic()
    settle(left=0)
    progress.seconds += time.monotonic() - began


def _validated(
    validate: Callable[[Retriever], dict[str, float]] | None, retriever: Retriever
) -> dict[str, float]:
    """The validation metrics of an epoch, and the seconds that they took."""
    if validate is None:
        return {}
    began = time.monotonic()
    metrics = validate(retriever)
    return {**metrics, "validation_seconds": time.monotonic() - began}


def _end_epoch(
    progress: TrainingState, validated: dict[str, float], metric: str | None
) -> dict[str, float]:
    """Closes an epoch: its metrics, and whether it is the best so far; without one, the last is."""
    loss = progress.loss_sum / max(progress.weight_sum, 1e-9)
    metrics = {"loss": loss, **validated}
    progress.epoch += 1
    progress.step = 0
    progress.loss_sum = progress.weight_sum = 0.0
    if not validated or metric is None:
        progress.best_epoch = progress.epoch
    elif progress.best_value is None or metrics[metric] > progress.best_value:
        progress.best_value, progress.best_epoch = metrics[metric], progress.epoch
    progress.peak_bytes = max(progress.peak_bytes, peak_memory())
    progress.peak_device_bytes = max(progress.peak_device_bytes, peak_device_memory() or 0)
    metrics["train_seconds"] = progress.seconds
    metrics["input_wait_share"] = progress.waited / max(progress.seconds, 1e-9)
    progress.history.append({"epoch": progress.epoch, **metrics})
    return metrics


def _drop_rate(progress: TrainingState, optimizer: OptimizerConfig, metric: str) -> None:
    """Decides whether the next epoch's learning rate is lower."""
    if optimizer.drops(progress.epoch, progress.best_epoch, progress.rate_drops):
        progress.rate_drops.append(progress.epoch)
        logger.info(
            "no better %s in %d epochs: the learning rate drops to %g times what it was",
            metric,
            optimizer.plateau_epochs,
            optimizer.plateau_factor,
        )


def _account(progress: TrainingState, first_step: int, losses: Any, weights: np.ndarray) -> None:
    """Adds the losses of a dispatch up, waiting for them."""
    losses = np.asarray(losses, dtype=np.float64)[: len(weights)]
    if not np.isfinite(losses).all():
        step = first_step + int(np.argmin(np.isfinite(losses)))
        raise NotANumber("the loss is not a number", progress.epoch, step)
    progress.loss_sum += float(np.sum(losses * weights))
    progress.weight_sum += float(np.sum(weights))


def _weights(retriever: Retriever) -> State:
    return {
        f"{index:04d}": keras.ops.convert_to_numpy(variable)
        for index, variable in enumerate(retriever.changing_variables)
    }
