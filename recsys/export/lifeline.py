"""A process that ends with the one that started it, however that one ends.

An exception there ends its subprocesses, too, but SIGKILL leaves no time for one. So it holds one
end of a pipe, which closes with it, and the other process waits at the other end.
"""

import contextlib
import os
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def lifeline() -> Iterator[int]:
    """The file descriptor to pass to a subprocess, for :func:`end_with`."""
    reader, writer = os.pipe()
    try:
        yield reader
    finally:
        os.close(reader)
        os.close(writer)


def end_with(descriptor: int) -> None:
    """Ends this process when the one that made the :func:`lifeline` is no more."""

    def wait() -> None:
        os.read(descriptor, 1)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
