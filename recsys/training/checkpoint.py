"""Checkpoints: named arrays and a little JSON in one file, written atomically, with a checksum.

The file is an ``.npz`` archive, and behind its end the SHA-256 of all that comes before, 32 bytes,
which what reads such archives passes over.
"""

import hashlib
import json
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from recsys.errors import Damaged
from recsys.system.files import atomic_path
from recsys.system.memory import main_memory
from recsys.system.reading import reading
from recsys.system.wording import switch

# Of the main memory that is free, what a copy that is being written may take.
LARGEST_SHARE = 0.25
_METADATA = "metadata"
_DIGEST_BYTES = hashlib.sha256().digest_size
_BLOCK = 2**20


State = dict[str, np.ndarray]


def save_checkpoint(path: Path, arrays: State, metadata: dict[str, Any]) -> None:
    """Writes a checkpoint; a reader sees the old one or the new one, never half of it.

    Args:
        path: the file; its folder is made.
        arrays: by name.
        metadata: what JSON can hold.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = np.frombuffer(json.dumps(metadata).encode(), dtype=np.uint8)
    members: dict[str, Any] = {**arrays, _METADATA: text}
    with atomic_path(path, private=True) as temporary, temporary.open("w+b") as file:
        np.savez(file, **members)
        size = file.seek(0, os.SEEK_END)
        found = _digest(file, size)
        file.seek(size)
        file.write(found)
        file.flush()
        # A power cut after the rename must not find an empty file.
        os.fsync(file.fileno())


def load_checkpoint(path: Path) -> tuple[State, dict[str, Any]]:
    """Reads what :func:`save_checkpoint` wrote.

    Raises:
        Damaged: the file is missing, or not what was written.
    """
    mend = f"Start afresh with {switch('overwrite')}"
    with reading(path, mend), path.open("rb") as file:
        size = file.seek(0, os.SEEK_END) - _DIGEST_BYTES
        if size < 0 or _digest(file, size) != file.read():
            raise Damaged(path, mend)
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files if name != _METADATA}
            metadata = json.loads(archive[_METADATA].tobytes())
    return arrays, metadata


def _digest(file: BinaryIO, size: int) -> bytes:
    """The SHA-256 of the first bytes of a file, which is left behind them."""
    file.seek(0)
    found = hashlib.sha256()
    while size > 0 and (block := file.read(min(size, _BLOCK))):
        found.update(block)
        size -= len(block)
    return found.digest()


class CheckpointWriter:
    """Writes checkpoints, in order, in a thread beside the training.

    The arrays are copied, so training may change them at once. Where a copy would take more than
    a quarter of the free memory, the caller waits instead.

    Example:

    >>> import contextlib, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "last.npz"
    >>> with contextlib.closing(CheckpointWriter()) as writer:
    ...     writer.save(path, {"table": np.zeros(3)}, {"epoch": 1})
    >>> load_checkpoint(path)[1]
    {'epoch': 1}
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoints")
        self._pending: deque[Future[None]] = deque()
        self._has_failed = False

    def save(
        self,
        path: Path,
        arrays: State,
        metadata: dict[str, Any],
        then: Callable[[], None] = lambda: None,
    ) -> None:
        """Has a checkpoint written, as :func:`save_checkpoint` does.

        Args:
            path, arrays, metadata: see :func:`save_checkpoint`.
            then: called, in the thread, once it is written.

        Raises:
            OSError: an earlier one could not be written.
        """
        # A slow disk holds training up rather than filling the memory.
        self._settle(left=1)
        size = sum(array.nbytes for array in arrays.values())
        fits = size <= LARGEST_SHARE * main_memory().free
        copies = {name: np.array(array) for name, array in arrays.items()} if fits else arrays
        self._pending.append(self._thread.submit(self._write, path, copies, metadata, then))
        if not fits:
            self.wait()

    def wait(self) -> None:
        """Returns when everything is written.

        Raises:
            OSError: something could not be written.
        """
        self._settle(left=0)

    def close(self) -> None:
        """Waits, and ends the thread; errors as :meth:`wait` has them."""
        self._thread.shutdown()
        self.wait()

    def _write(
        self, path: Path, arrays: State, metadata: dict[str, Any], then: Callable[[], None]
    ) -> None:
        if self._has_failed:  # what follows would speak of what was not written
            return
        try:
            save_checkpoint(path, arrays, metadata)
            then()
        except BaseException:
            self._has_failed = True
            raise

    def _settle(self, left: int) -> None:
        while len(self._pending) > left:
            self._pending.popleft().result()
