"""What a process ends with when another one of its group has ended."""

from recsys.errors import RecsysError


class GroupEnded(RecsysError):
    """Processes that train together cannot go on: one of them has died, stalls, or has failed.

    The command line prints the message without a traceback.

    Args:
        message: which one, and what became of it.
        status: the exit status: 1, or that of the process that ended in order.

    >>> GroupEnded("process 1 (b7, pid 4711) has ended").status
    1
    """

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status
