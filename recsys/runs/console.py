"""What a person at a terminal sees while a run goes on."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from recsys.system.display import printable_lines
from recsys.training.fit import TrainingState

console = Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """A line that stays."""
    console.print(printable_lines(text), markup=False, soft_wrap=True)


@contextlib.contextmanager
def working(what: str) -> Iterator[Callable[[str, float], None]]:
    """Shows that something takes its time; yields a function (stage, share done)."""
    with _bar(transient=True) as bar:
        task = bar.add_task(what, total=None)

        def tell(stage: str, share: float) -> None:
            bar.update(task, description=f"{what}: {stage}", total=1.0, completed=share)

        yield tell


class TrainingProgress:
    """A bar within each epoch, a line after it. A context manager, as the bar hides the cursor.

    Args:
        epochs: at most.
        metric: the validation metric that decides.
    """

    def __init__(self, epochs: int, metric: str = "") -> None:
        self._epochs = epochs
        self._metric = metric
        self._best = -1.0
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def step_ended(self, progress: TrainingState, steps_per_epoch: int) -> None:
        """Moves the bar."""
        if self._bar is None:
            if progress.best_value is not None:  # of a training that goes on, too
                self._best = max(self._best, progress.best_value)
            self._bar = _bar(transient=True)
            self._bar.start()
            self._task = self._bar.add_task("", total=steps_per_epoch)
        loss = progress.loss_sum / max(progress.weight_sum, 1e-9)
        self._bar.update(
            self._task,
            completed=progress.step,
            description=f"epoch {progress.epoch + 1}/{self._epochs} loss {loss:.4f}",
        )

    def epoch_ended(self, epoch: int, metrics: dict[str, float]) -> None:
        """Replaces the bar by a line."""
        self._stop()
        line = f"epoch {epoch}/{self._epochs}  loss {metrics['loss']:.4f}"
        if self._metric:
            value = metrics[self._metric]
            line += f"  {self._metric} {value:.4f}" + (" *" if value > self._best else "")
            self._best = max(self._best, value)
        say(f"{line}  {metrics['train_seconds']:.1f} s in training so far")


def _bar(transient: bool) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=transient,
        disable=not sys.stderr.isatty(),
    )
