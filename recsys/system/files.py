"""Files and folders that are written in whole or not at all, and by one process at a time.

Until they are whole they are drafts: siblings named ``.<process>-<name>``. An exception takes its
draft away; what a killed process left goes when the same is written again, or by
:func:`remove_drafts`.
"""

import contextlib
import fcntl
import glob
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import Any

from recsys.errors import InputError

# The mode of a file that only its owner may read.
PRIVATE = 0o600
DRAFT = re.compile(r"\.([0-9]{1,9})-.+")


class Busy(InputError):
    """Another process, or thread, holds a lock."""


def given_path(value: Any, what: str) -> Path:
    """A path that a caller named; an empty text would be the working directory.

    Args:
        value: what was given.
        what: names the argument in messages.

    Raises:
        InputError: it is empty, or is not a path.

    >>> given_path("~", "load").is_absolute()
    True
    >>> given_path("", "runs_dir")
    Traceback (most recent call last):
    ...
    recsys.errors.InputError: runs_dir: expected a path, received ''
    """
    if not isinstance(value, str | PurePath) or not str(value).strip():
        raise InputError(f"{what}: expected a path, received {value!r:.200}")
    return Path(value).expanduser()


@contextlib.contextmanager
def atomic_path(path: Path, private: bool = False) -> Iterator[Path]:
    """Yields a temporary sibling that takes the place of ``path`` when all went well.

    The temporary name ends as the real one does, for writers that go by the
    ending. After an exception (a full disk, say) nothing is left of it, and
    ``path`` is as it was. A file that is there already keeps its mode: one that was
    closed to others stays so.

    Args:
        path: the file to write; its folder must be there.
        private: only its owner may read it, from the first byte on and whatever the umask.
    """
    temporary = _draft_of(path)
    try:
        if private:
            # Writers open what is there, and leave its mode.
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE))
            temporary.chmod(PRIVATE)  # a umask can take from its owner, too
        yield temporary
        if private:
            temporary.chmod(PRIVATE)
        else:
            with contextlib.suppress(FileNotFoundError):
                shutil.copymode(path, temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def draft_folder(path: Path) -> Iterator[Path]:
    """Yields an empty temporary sibling of a folder, which is gone in the end.

    Until then only its owner can look into it.

    Args:
        path: the folder that is drafted; the one around it is made.
    """
    temporary = _draft_of(path)
    temporary.parent.mkdir(parents=True, exist_ok=True)
    temporary.mkdir(mode=0o700)
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def whole_folder(path: Path, replaces: bool = False) -> Iterator[Path]:
    """Yields an empty folder that takes the place of ``path`` when all went well.

    After an exception (a full disk, say) nothing is left of it, and ``path`` is as it was.

    Args:
        path: the folder to write; the one around it is made.
        replaces: whether a folder that is there gives way; otherwise it must be empty.

    Raises:
        OSError: what is there may not be replaced.
    """
    with draft_folder(path) as scratch:
        draft, previous = scratch / "new", scratch / "previous"
        draft.mkdir()
        yield draft
        try:
            if replaces and path.exists():
                os.replace(path, previous)  # a process that has it open keeps it
            os.replace(draft, path)
        except BaseException:
            if previous.exists() and not path.exists():
                os.replace(previous, path)
            raise


def refuse_other(folder: Path, mark: str, what: str) -> None:
    """Keeps what somebody else put at a path from being replaced.

    Args:
        folder: that a user named, to be written as a whole.
        mark: a file that such a folder holds.
        what: it is, in messages, such as ``an index``.

    Raises:
        InputError: a file is there, or a folder that holds something else.
    """
    if not folder.exists() or (folder / mark).is_file():
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise InputError(
            f"{folder} is there already, and is not {what}: choose another folder, or remove it"
        )


@contextlib.contextmanager
def locked(path: Path, busy: str | None = None, shared: bool = False) -> Iterator[None]:
    """Keeps other processes, and threads, from what they too lock before they write it.

    The lock is a file beside it, ``.<name>.lock``, which stays unless :func:`remove_lock` removes
    it. A process that is killed gives it up.

    Args:
        path: a file or a folder, there or not; the folder around it is made.
        busy: the message if another one holds the lock; None to wait for it.
        shared: whether others that share the lock may hold it, too.

    Raises:
        Busy: another one holds it.
        InputError: the file system does not support locks.
    """
    path = path.absolute()
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _lock_of(path).open("w+") as lock:  # a network's file system reads what it shares
            try:
                fcntl.flock(lock, kind | (0 if busy is None else fcntl.LOCK_NB))
            except BlockingIOError as error:
                raise Busy(busy or "") from error
            except OSError as error:
                raise InputError(
                    f"files in {path.parent} cannot be locked ({error.strerror}): choose a folder "
                    "on another file system, or mount this one with locks"
                ) from error
            # One that its holder removed meanwhile keeps nobody out any more.
            if os.fstat(lock.fileno()).st_nlink:
                yield
                return


def is_locked(path: Path) -> bool:
    """Whether another process, or thread, holds what :func:`locked` gives; nothing is made.

    It takes the lock for a moment to find out.

    Args:
        path: see :func:`locked`.
    """
    try:
        with _lock_of(path.absolute()).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there is no such file, or the file system has no locks
        return False
    return False


def remove_lock(path: Path) -> None:
    """Removes the file of a lock, and the folder around it if it is empty then.

    Args:
        path: that this process has :func:`locked`, until the lock is given up.
    """
    _lock_of(path.absolute()).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # something else is in it
        path.absolute().parent.rmdir()


def _lock_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def remove_drafts(folder: Path) -> None:
    """Removes drafts of processes that have ended, at any depth.

    Args:
        folder: nothing else in this process is writing there.
    """
    _remove(folder.rglob(".*-*"))


def _remove(paths: Iterable[Path]) -> None:
    for path in list(paths):
        found = DRAFT.fullmatch(path.name)
        if found is None or _is_at_work(int(found[1])):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _draft_of(path: Path) -> Path:
    """Where to write; what killed processes left of the same is removed."""
    _remove(path.parent.glob(f".*-{glob.escape(path.name)}"))
    return path.with_name(f".{os.getpid()}-{path.name}")


def _is_at_work(process: int) -> bool:
    """Whether another process of that number lives; those of containers may all have our own."""
    if process == os.getpid():
        return False
    with contextlib.suppress(PermissionError):  # it is another user's
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
    return True


def without_detours(path: Path) -> Path:
    """A path without ``..``, that leads to the same place and is relative if it was.

    Args:
        path: to a file or folder.
    """
    short = Path(os.path.normpath(path))
    # Behind a link, `..` is another folder than the one that is written before it.
    return short if short.resolve() == path.resolve() else path.resolve()
