"""What a person sees while a run goes on: lines through ``logging``, and bars.

In a library, lines go to the logger ``recsys``: information is quiet unless the program asks for
it (``logging.getLogger("recsys").setLevel(logging.INFO)`` and a handler), warnings are shown. The
command line shows both (:func:`lines_shown`). Bars are shown in a terminal and in a notebook.
"""

import contextlib
import html
import logging
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from recsys.system.display import printable_lines

if TYPE_CHECKING:
    from recsys.training.fit import TrainingState

console = Console(stderr=True, highlight=False)
logger = logging.getLogger("recsys")


def say(text: str) -> None:
    """A line that stays, and that a library keeps to itself."""
    logger.info("%s", text)


def warn(text: str) -> None:
    """A line that a person should read: what was left out, what cannot be relied on."""
    logger.warning("%s", text)


class _Lines(logging.Handler):
    """Shows what is logged as lines for a person, without time and level."""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints the message alone."""
        console.print(printable_lines(record.getMessage()), markup=False, soft_wrap=True)


@contextlib.contextmanager
def lines_shown() -> Iterator[None]:
    """Within it, everything that ``recsys`` logs is shown on stderr, as the command line does."""
    level, propagates, handler = logger.level, logger.propagate, _Lines()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagates


@contextlib.contextmanager
def working(what: str) -> Iterator[Callable[[str, float], None]]:
    """Shows that something takes its time; yields a function (stage, share done)."""
    bar = _bar()
    bar.show(what)
    try:
        yield lambda stage, share: bar.show(f"{what}: {stage}", share)
    finally:
        bar.stop()


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
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def step_ended(self, progress: "TrainingState", steps_per_epoch: int) -> None:
        """Moves the bar."""
        if self._bar is None:
            if progress.best_value is not None:  # of a training that goes on, too
                self._best = max(self._best, progress.best_value)
            self._bar = _bar()
        loss = progress.loss_sum / max(progress.weight_sum, 1e-9)
        self._bar.show(
            f"epoch {progress.epoch + 1}/{self._epochs} loss {loss:.4f}",
            progress.step / max(steps_per_epoch, 1),
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


class Bar(Protocol):
    """What a bar can do, wherever it is shown."""

    def show(self, description: str, share: float | None = None) -> None:
        """Says what is going on, and how much of it is done, from 0 to 1, if that is known."""
        ...

    def stop(self) -> None:
        """Takes the bar away."""
        ...


class TerminalBar:
    """A bar of rich on stderr; nothing, where stderr is not a terminal."""

    def __init__(self) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._progress.add_task("", total=None)

    def show(self, description: str, share: float | None = None) -> None:
        self._progress.start()
        total = None if share is None else 1.0
        self._progress.update(self._task, description=description, total=total, completed=share)

    def stop(self) -> None:
        self._progress.stop()


class NotebookBar:
    """A bar in a cell's output, which is gone when the work is done.

    It needs nothing but IPython: the bars of rich and tqdm need the widgets of Jupyter, which
    many notebooks lack.
    """

    def __init__(self) -> None:
        self._handle: Any = None
        self._shown = ""

    def show(self, description: str, share: float | None = None) -> None:
        from IPython.display import HTML, display

        value = "" if share is None else f' value="{share:.2f}"'
        text = f"<progress{value}></progress> {html.escape(printable_lines(description))}"
        if text == self._shown:  # nothing that can be seen has changed
            return
        self._shown = text
        if self._handle is None:
            self._handle = display(HTML(text), display_id=True)
        else:
            self._handle.update(HTML(text))

    def stop(self) -> None:
        from IPython.display import HTML

        if self._handle is not None:
            self._handle.update(HTML(""))
            self._handle = None


def in_notebook() -> bool:
    """Whether a kernel of Jupyter runs this, and not a terminal."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    shell = get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def _bar() -> Bar:
    return NotebookBar() if in_notebook() else TerminalBar()
