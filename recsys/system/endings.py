"""How a command ends that did not come to its end: with one line and a status, or a traceback."""

import errno
import re
from collections.abc import Sequence
from dataclasses import dataclass

from recsys.errors import InputError
from recsys.system.processes.ended import GroupEnded
from recsys.system.stopping import asked

# What of the system's refusals a user can mend: another path, other rights.
MENDABLE = frozenset(
    {
        errno.EACCES, errno.EEXIST, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOENT,
        errno.ENOTDIR, errno.EPERM, errno.EROFS,
    }
)  # fmt: skip
# What the name of a file has before it while the file is being written (recsys.system.files).
DRAFT = re.compile(r"(?<=/)\.[0-9]+-|^\.[0-9]+-")
# These take up what they find of a run.
CONTINUE = ("run", "train", "sweep", "launch")
# These begin anew, and what they had begun is marked as interrupted until then.
REPEAT = ("evaluate", "export", "upload")


@dataclass(frozen=True)
class Ending:
    """The message to the user, and the exit status."""

    message: str
    status: int


def ending(error: BaseException, arguments: Sequence[str]) -> Ending | None:
    """What an exception means to the user; None for a failure of ours.

    Args:
        error: what ended the command.
        arguments: of the command line, without the program.
    """
    if isinstance(error, GroupEnded):  # which has asked this process to end, too
        return Ending(f"error: {error}", error.status)
    if (number := asked()) is not None:  # what the signal interrupted may report it in its own way
        return Ending(f"stopped; {_what_is_left(arguments)}", 128 + number)
    if isinstance(error, InputError):
        return Ending(f"error: {error}", 2)
    if not isinstance(error, OSError):
        return None
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        mend = "Free some space and run the same command again."
        return Ending(f"error: the disk is full: {error}. {mend}", 2)
    if error.errno in MENDABLE and error.filename is not None:
        name = DRAFT.sub("", str(error.filename))
        shown = name if len(name) <= 200 else f"{name[:199]}…"
        return Ending(f"error: {shown} cannot be used: {error.strerror}", 2)
    return None


def _what_is_left(arguments: Sequence[str]) -> str:
    command = arguments[0] if arguments else ""
    if command == "serve":
        return "the requests that had begun were answered"
    if command == "launch" and arguments[1:2] in (["slurm"], ["kubernetes"]):
        return "what was submitted goes on"
    if command in REPEAT:
        return "the same command does it again, from the beginning"
    fills_a_folder = command == "recommend" and any(
        each.partition("=")[0] == "--out" for each in arguments
    )
    if command not in CONTINUE and not fills_a_folder:
        return "nothing was left behind"
    if "--overwrite" in arguments:
        return "the same command without --overwrite continues"
    return "the same command continues"
