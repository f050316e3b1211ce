"""Programs of others that launch: what they print, and what they refuse, in a sentence."""

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from recsys.errors import InputError
from recsys.system.stopping import Stopped

SECONDS = 120


def require_program(program: str, mend: str) -> None:
    """Refuses where a program is not installed.

    Args:
        program: such as ``sbatch``.
        mend: where it is to be had.

    Raises:
        InputError: it is not on the path.
    """
    if shutil.which(program) is None:
        raise InputError(f"{program} is not installed here: {mend}")


def ask(command: Sequence[str], said: str | None = None) -> str:
    """What a program prints.

    Args:
        command: the program and its arguments.
        said: to its standard input.

    Raises:
        InputError: it refuses, is not there, or does not answer.
    """
    program = command[0]
    try:
        done = subprocess.run(
            command, input=said or "", capture_output=True, text=True, timeout=SECONDS
        )
    except FileNotFoundError:
        raise InputError(f"{program} is not installed here") from None
    except subprocess.TimeoutExpired:
        raise InputError(
            f"{program} does not answer within {SECONDS} s: see whether its server is up"
        ) from None
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "it says nothing").splitlines()
        raise InputError(f"{program} refuses (status {done.returncode}): {'; '.join(lines[:5])}")
    return done.stdout


@contextlib.contextmanager
def ended_in_order(processes: Callable[[], Sequence[subprocess.Popen[Any]]]) -> Iterator[None]:
    """Has processes end in order with what is done within it: by SIGTERM, and waits for them.

    Args:
        processes: those that were started so far.
    """
    try:
        yield
    except BaseException:
        while alive := [each for each in processes() if each.poll() is None]:
            for each in alive:
                each.terminate()
            # A second Ctrl-C is told to the seeds, too.
            with contextlib.suppress(Stopped, KeyboardInterrupt):
                for each in alive:
                    each.wait()
        raise
