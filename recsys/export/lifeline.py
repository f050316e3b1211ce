"""A process that ends with the one that started it, however that one ends.

An exception there ends its subprocesses, too, but SIGKILL leaves no time for one. So it holds one
end of a pipe, which closes with it, and the other process waits at the other end.
"""

import contextlib
import os
import threading
from collections.abc import Iterator

# The environment variable that holds the number of a subprocess's end of the pipe.
LIFELINE = "RECSYS_LIFELINE"


@contextlib.contextmanager
def lifeline() -> Iterator[int]:
    """The file descriptor that a subprocess inherits; ``LIFELINE`` holds its number."""
    reader, writer = os.pipe()
    try:
        yield reader
    finally:
        os.close(reader)
        os.close(writer)


def end_with_parent() -> None:
    """Ends this process when the one that made the :func:`lifeline` has ended, if one did."""
    descriptor = os.environ.get(LIFELINE)
    if descriptor is None:
        return

    def wait() -> None:
        os.read(int(descriptor), 1)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
