"""Runs commands as a user types them."""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from recsys import cli
from tests.processes import REPOSITORY


class Done(NamedTuple):
    """What a command did."""

    returncode: int
    stdout: str
    stderr: str


def recsys(*arguments: str, cwd: Path | None = None) -> Done:
    """The command in this process: starting a backend takes longer than most commands.

    Args:
        arguments: as typed after ``recsys``.
        cwd: the working directory; this one by default.
    """
    stdout, stderr = io.StringIO(), io.StringIO()
    status = 0
    with (
        contextlib.chdir(cwd or Path.cwd()),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
        mock.patch.object(sys, "argv", ["recsys", *arguments]),
    ):
        try:
            cli.main()
        except SystemExit as stopped:
            status = stopped.code if isinstance(stopped.code, int) else int(bool(stopped.code))
    return Done(status, stdout.getvalue(), stderr.getvalue())


def recsys_process(
    *arguments: str, cwd: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "recsys.cli", *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)} | environment,
        capture_output=True,
        text=True,
    )
