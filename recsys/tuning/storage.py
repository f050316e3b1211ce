"""Where a study is kept: a journal in the sweep's folder, to which several processes write.

A journal, as SQLite is not to be trusted on a file system of a network. Each line is an operation,
which is there once its line ends.
"""

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from recsys.errors import Damaged
from recsys.system.extras import require
from recsys.system.files import locked
from recsys.system.reading import reading
from recsys.system.wording import switch

if TYPE_CHECKING:
    import optuna
    import optuna.storages.journal
else:
    optuna = require("optuna", extra="sweep", what="recsys sweep")


def lost() -> str:
    """What to do about a journal that is damaged."""
    return f"What was tried is lost: start the sweep again with {switch('overwrite')}"


def open_storage(path: Path) -> optuna.storages.BaseStorage:
    """The journal; made if it is not there.

    Raises:
        Damaged: the file is there, but is not a journal.
    """
    if path.is_file():
        _check(path)
    with reading(path, lost()):
        backend = optuna.storages.journal.JournalFileBackend(str(path), _Lock(path))
        return optuna.storages.JournalStorage(backend)


def _check(path: Path) -> None:
    *whole, begun = path.read_bytes().split(b"\n")
    with reading(path, lost()):
        for line in whole:
            json.loads(line)
    if begun and not begun.startswith(b"{"):
        raise Damaged(path, lost())


class _Lock(optuna.storages.journal.JournalFileOpenLock):
    """Keeps other writers out; unlike Optuna's own, one that is killed gives it up at once.

    Args:
        path: of the journal.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path
        self._held = contextlib.ExitStack()

    def acquire(self) -> bool:
        """Waits for it, and removes the line that a killed process has left half-written."""
        self._held.enter_context(locked(self._path))
        content = self._path.read_bytes()
        if not content.endswith(b"\n"):
            with self._path.open("r+b") as file:
                file.truncate(content.rfind(b"\n") + 1)
        return True

    def release(self) -> None:
        """Gives it up."""
        self._held.close()
