"""Runs a command; exit statuses."""

import contextlib
import sys
import traceback
from collections.abc import Iterator
from typing import NoReturn

from recsys.cli.app import app
from recsys.runs.console import lines_shown
from recsys.runs.events import Failed, emit, events_written
from recsys.system.display import show_error
from recsys.system.endings import ending
from recsys.system.processes import current
from recsys.system.redaction import redact
from recsys.system.stopping import Stopped, stopped_by_signals
from recsys.system.wording import as_typed

# Of a command line that cannot be read, which is told by then.
USAGE = 2
WRONG_USAGE = "the command or one of its options is not known, or lacks a value"


def main() -> None:
    """Exit status: 0 success, 2 bad input (one message, no traceback), 1 a failure of ours.

    128 and the number of the signal that ended it: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP.
    """
    with stopped_by_signals(), lines_shown(), as_typed(), _events(sys.argv[1:]):
        try:
            app()
        except BaseException as raised:
            error = raised
            if isinstance(raised, Stopped) and (verdict := current.verdict()) is not None:
                error = verdict
            if (end := ending(error, sys.argv[1:])) is not None:
                message = redact(end.message.removeprefix("error: "))
                show_error(f"{current.prefix()}{redact(end.message)}")
                emit(Failed(status=end.status, message=message))
                current.leave(end.status, message)
                sys.exit(end.status)
            if isinstance(error, Exception):
                _fail(error)
            if isinstance(error, SystemExit) and error.code == USAGE:
                emit(Failed(status=USAGE, message=f"{WRONG_USAGE}, as told on stderr"))
            if isinstance(error, SystemExit):
                current.leave(error.code if isinstance(error.code, int) else int(bool(error.code)))
            raise


@contextlib.contextmanager
def _events(arguments: list[str]) -> Iterator[None]:
    """With ``--json``, stdout has events alone; what else is printed goes to stderr.

    It begins before the command is known, so that whatever is wrong with it is an event, too.
    """
    if "--json" not in arguments:
        yield
        return
    with events_written(sys.stdout), contextlib.redirect_stdout(sys.stderr):
        yield


def _fail(error: Exception) -> NoReturn:
    """Prints the traceback of a failure of ours, without secrets that it may hold."""
    message = redact(f"{type(error).__name__}: {error}")
    show_error(f"{current.prefix()}{redact(traceback.format_exc())}")
    emit(Failed(status=1, message=message))
    current.leave(1, message)
    sys.exit(1)
