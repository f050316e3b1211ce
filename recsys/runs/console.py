"""What a person sees while a run goes on: lines through ``logging``, and bars.

In a library, lines go to the logger ``recsys``: information is quiet unless the program asks for
it (``logging.getLogger("recsys").setLevel(logging.INFO)`` and a handler), warnings are shown. The
command line shows both (:func:`lines_shown`). Bars are shown in a terminal and in a notebook.
"""

import contextlib
import html
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from recsys.runs.events import are_heard
from recsys.system.display import printable_lines
from recsys.system.processes import current

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
        """Prints the message alone; of several processes all but the first keep to warnings."""
        if current.is_first() or record.levelno >= logging.WARNING:
            line = f"{current.prefix()}{record.getMessage()}"
            console.print(printable_lines(line), markup=False, soft_wrap=True)


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
    bar = new_bar()
    bar.show(what)
    try:
        yield lambda stage, share: bar.show(f"{what}: {stage}", share)
    finally:
        bar.stop()


class Bar(Protocol):
    """What a bar can do, wherever it is shown."""

    @property
    def is_seen(self) -> bool:
        """Whether there is anywhere to show it."""
        ...

    def show(self, description: str, share: float | None = None, detail: str = "") -> None:
        """Says what is going on, and how much of it is done, from 0 to 1, if that is known.

        Args:
            description: beside the bar.
            share: that is done.
            detail: a line below it.
        """
        ...

    def stop(self) -> None:
        """Takes the bar away."""
        ...


class TerminalBar:
    """A bar of rich on stderr; nothing, where stderr is not a terminal or a program listens."""

    def __init__(self) -> None:
        self.is_seen = sys.stderr.isatty() and not are_heard() and current.is_first()
        self._progress = _WithDetail(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not self.is_seen,
        )
        self._task = self._progress.add_task("", total=None, detail="")

    def show(self, description: str, share: float | None = None, detail: str = "") -> None:
        self._progress.start()
        total = None if share is None else 1.0
        self._progress.update(
            self._task, description=description, total=total, completed=share, detail=detail
        )

    def stop(self) -> None:
        self._progress.stop()


class _WithDetail(Progress):
    """Bars with a line of text below each; in a narrow terminal, with as many as it needs."""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        for task in self.tasks:
            if detail := task.fields["detail"]:
                yield Text(f"  {detail}", style="dim")


class NotebookBar:
    """A bar in a cell's output, which is gone when the work is done.

    It needs nothing but IPython: the bars of rich and tqdm need the widgets of Jupyter, which
    many notebooks lack.
    """

    is_seen = True

    def __init__(self) -> None:
        self._handle: Any = None
        self._shown = ""

    def show(self, description: str, share: float | None = None, detail: str = "") -> None:
        from IPython.display import HTML, display

        value = "" if share is None else f' value="{share:.2f}"'
        text = f"<progress{value}></progress> {html.escape(printable_lines(description))}"
        if detail:
            text += f"<br>{html.escape(printable_lines(detail))}"
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


def new_bar() -> Bar:
    """A bar where this runs: in a cell's output, or in a terminal."""
    return NotebookBar() if in_notebook() else TerminalBar()
