"""Keeps what libraries print from the terminal."""

import contextlib
import os
import sys
from collections.abc import Iterator

STDOUT, STDERR = 1, 2


@contextlib.contextmanager
def silent(descriptor: int) -> Iterator[None]:
    """Within it, nothing that this process writes there is seen, whatever it is written in.

    Args:
        descriptor: :data:`STDOUT` or :data:`STDERR`.
    """
    stream = sys.stdout if descriptor == STDOUT else sys.stderr
    stream.flush()
    saved = os.dup(descriptor)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, descriptor)
        yield
    finally:
        os.dup2(saved, descriptor)
        os.close(saved)
        os.close(nowhere)
