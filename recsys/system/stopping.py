"""Ctrl-C, SIGTERM and SIGHUP end a command in order: what can be saved is, and nothing is left.

A signal raises :class:`Stopped` wherever the command is. Work that would lose something by that,
as training between two steps, asks for a delay with :func:`deferred`.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, ClassVar

SIGNALS: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STATUSES = frozenset(128 + number for number in SIGNALS)


class Stopped(SystemExit):
    """A signal asked the command to end; the exit status is the one that shells give it."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


class _State:
    asked: int | None = None
    is_deferred = False
    # What answers a signal in a program that is not ours, by number.
    others: ClassVar[dict[int, Any]] = {}


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Within it, a signal raises :class:`Stopped`; one that is ignored (nohup) stays so."""
    _State.asked = None
    previous = {}
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                previous[number] = signal.signal(number, _handle)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        _State.asked = None


@contextlib.contextmanager
def deferrable() -> Iterator[None]:
    """Within it, Ctrl-C and SIGTERM can be :func:`deferred` also where recsys is a library.

    What answers them in the program (in a notebook, Ctrl-C raises ``KeyboardInterrupt``) does so
    after the delay; SIGTERM, where nothing answers it, raises :class:`Stopped`.
    """
    taken: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS[:2]:
            answer = signal.getsignal(number)
            if answer is signal.SIG_DFL or (callable(answer) and answer is not _handle):
                taken[number] = signal.signal(number, _handle)
    _State.others |= taken
    try:
        yield
    finally:
        for number, answer in taken.items():
            signal.signal(number, answer)
            del _State.others[number]
        if taken:
            _State.asked = None


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Within it, the first signal waits for :func:`check`; a second one does not."""
    _State.is_deferred = True
    try:
        yield
    finally:
        _State.is_deferred = False


def asked() -> int | None:
    """The number of the signal that asked the command to end, if one did."""
    return _State.asked


def check() -> None:
    """Raises :class:`Stopped` if a signal is waiting for it."""
    if _State.asked is not None:
        _answer(_State.asked, None)


def _handle(number: int, frame: FrameType | None) -> None:
    waits = _State.is_deferred and _State.asked is None
    _State.asked = number
    if not waits:
        _answer(number, frame)


def _answer(number: int, frame: FrameType | None) -> None:
    other = _State.others.get(number)
    if not callable(other):
        raise Stopped(number)
    other(number, frame)
    _State.asked = None  # it was heard, and the work goes on
