"""What is seen of a training: a bar with its speed, its memory and its metric; a line an epoch."""

import time
from dataclasses import dataclass
from typing import Self

from recsys.runs.console import Bar, new_bar, say
from recsys.runs.events import EpochEnded, emit
from recsys.training.devices import memory_in_use
from recsys.training.fit import TrainingState

GIB = 2**30
# Seconds between two looks at the bar: a training may take thousands of steps in one.
INTERVAL = 0.25


@dataclass
class _Pace:
    """How fast an epoch goes, of which the first dispatch, which may compile, does not count."""

    began: float
    first_step: int
    first_events: int
    now: float
    step: int
    events: int

    @property
    def seconds(self) -> float:
        return self.now - self.began

    @property
    def events_per_second(self) -> float | None:
        return (self.events - self.first_events) / self.seconds if self.seconds > 0 else None

    @property
    def seconds_per_step(self) -> float | None:
        steps = self.step - self.first_step
        return self.seconds / steps if steps else None


class TrainingProgress:
    """A bar while it trains, a line after each epoch. A context manager: the bar hides the cursor.

    What it says is measured: the speed without the first dispatch of an epoch, memory as the
    device or the system tells it. It looks at most four times a second, and where nothing is shown
    it only takes the time.

    Args:
        epochs: at most.
        metric: the validation metric that decides; "" while nothing is validated.
    """

    def __init__(self, epochs: int, metric: str = "") -> None:
        self._epochs = epochs
        self._metric = metric
        self._value: float | None = None
        self._best: float | None = None
        self._best_epoch: int | None = None
        self._bar: Bar | None = None
        self._pace: _Pace | None = None
        self._seconds_per_step: float | None = None
        self._shown = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def step_ended(self, progress: TrainingState, steps_per_epoch: int) -> None:
        """Moves the bar."""
        now = time.monotonic()
        if self._bar is None:
            self._bar = new_bar()
            if self._metric and progress.best_value is not None:  # of a training that goes on
                self._best, self._best_epoch = progress.best_value, progress.best_epoch
        if self._pace is None:
            at = (now, progress.step, progress.events)
            self._pace = _Pace(*at, *at)
        pace = self._pace
        pace.now, pace.step, pace.events = now, progress.step, progress.events
        is_last = progress.step >= steps_per_epoch
        if self._bar.is_seen and (is_last or now - self._shown >= INTERVAL):
            self._shown = now
            self._show(self._bar, pace, progress, steps_per_epoch)

    def epoch_ended(self, epoch: int, metrics: dict[str, float]) -> None:
        """Says what the epoch came to, on a line that stays."""
        line = f"epoch {epoch}/{self._epochs}  loss {metrics['loss']:.4f}"
        if self._metric:
            self._value = value = metrics[self._metric]
            is_best = self._best is None or value > self._best
            line += f"  {self._metric} {value:.4f}" + (" *" if is_best else "")
            if is_best:
                self._best, self._best_epoch = value, epoch
        speed = None if self._pace is None else self._pace.events_per_second
        if self._pace is not None:
            self._seconds_per_step = self._pace.seconds_per_step or self._seconds_per_step
        self._pace = None
        say(f"{line}  {metrics['train_seconds']:.1f} s in training so far")
        emit(
            EpochEnded(
                epoch=epoch,
                epochs=self._epochs,
                loss=metrics["loss"],
                metric=self._metric or None,
                value=self._value,
                best=self._best,
                best_epoch=self._best_epoch,
                train_seconds=metrics["train_seconds"],
                events_per_second=speed,
                memory_gib=memory_in_use().bytes / GIB,
            )
        )

    def _show(self, bar: Bar, pace: _Pace, progress: TrainingState, steps_per_epoch: int) -> None:
        if progress.step >= steps_per_epoch and self._metric:
            what = f"validating epoch {progress.epoch + 1} of {self._epochs}"
        else:
            what = f"training, epoch {progress.epoch + 1} of {self._epochs}"
        if left := self._left(pace, progress, steps_per_epoch):
            what += f", {left}"
        memory = memory_in_use()
        told = [f"{memory.bytes / GIB:.1f} GiB of {memory.of}"]
        if progress.weight_sum > 0:  # the first losses of an epoch may still be computed
            told.append(f"loss {progress.loss_sum / progress.weight_sum:.4f}")
        if speed := pace.events_per_second:
            told.insert(0, f"{speed:,.0f} events/s")
        if self._value is not None:
            told.append(f"{self._metric} {self._value:.4f}")
        if self._best is not None:
            told.append(f"best {self._best:.4f} (epoch {self._best_epoch})")
        bar.show(what, progress.step / max(steps_per_epoch, 1), "  ".join(told))

    def _left(self, pace: _Pace, progress: TrainingState, steps_per_epoch: int) -> str:
        """How long it may take; training may stop earlier, when it no longer gets better."""
        each = pace.seconds_per_step or self._seconds_per_step
        if each is None:
            return ""
        in_epoch = each * (steps_per_epoch - progress.step)
        epochs = self._epochs - progress.epoch
        validated = [
            epoch["validation_seconds"]
            for epoch in progress.history
            if "validation_seconds" in epoch
        ]
        if self._metric and not validated:  # how long that takes is not known yet
            return f"{clock(in_epoch)} left of the epoch" if in_epoch > 0 else ""
        validation = sum(validated) / len(validated) if validated and self._metric else 0.0
        left = in_epoch + (epochs - 1) * each * steps_per_epoch + epochs * validation
        return f"{'up to ' if self._metric else ''}{clock(left)} left"


def clock(seconds: float) -> str:
    """Seconds as a clock shows them.

    >>> clock(7.4), clock(133), clock(7325)
    ('0:07', '2:13', '2:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
