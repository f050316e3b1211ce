"""Runs a command; exit statuses."""

import sys
import traceback
from typing import NoReturn

from recsys.cli.app import app
from recsys.runs.console import lines_shown
from recsys.system.display import show_error
from recsys.system.endings import ending
from recsys.system.redaction import redact
from recsys.system.stopping import stopped_by_signals
from recsys.system.wording import as_typed


def main() -> None:
    """Exit status: 0 success, 2 bad input (one message, no traceback), 1 a failure of ours.

    128 and the number of the signal that ended it: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP.
    """
    with stopped_by_signals(), lines_shown(), as_typed():
        try:
            app()
        except BaseException as error:
            if (end := ending(error, sys.argv[1:])) is not None:
                show_error(redact(end.message))
                sys.exit(end.status)
            if isinstance(error, Exception):
                _fail()
            raise


def _fail() -> NoReturn:
    """Prints the traceback of a failure of ours, without secrets that it may hold."""
    show_error(redact(traceback.format_exc()))
    sys.exit(1)
