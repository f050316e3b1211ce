"""Checkpoints: named arrays and a little JSON in one file, written atomically."""

import json
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from recsys.system.files import atomic_path
from recsys.system.memory import main_memory
from recsys.system.reading import check_archive, reading
from recsys.system.wording import switch

# Of the main memory that is free, what a copy that is being written may take.
LARGEST_SHARE = 0.25
_METADATA = "metadata"


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
    with atomic_path(path, private=True) as temporary, temporary.open("wb") as file:
        np.savez(file, **members)
        file.flush()
        # A power cut after the rename must not find an empty file.
        os.fsync(file.fileno())


def load_checkpoint(path: Path) -> tuple[State, dict[str, Any]]:
    """Reads what :func:`save_checkpoint` wrote.

    Raises:
        Damaged: the file is missing, or not what was written.
    """
    mend = f"Start afresh with {switch('overwrite')}"
    check_archive(path, mend)
    with reading(path, mend), np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files if name != _METADATA}
        metadata = json.loads(file[_METADATA].tobytes())
    return arrays, metadata


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

    def save(self, path: Path, arrays: State, metadata: dict[str, Any]) -> None:
        """Has a checkpoint written, as :func:`save_checkpoint` does.

        Raises:
            OSError: an earlier one could not be written.
        """
        # A slow disk holds training up rather than filling the memory.
        self._settle(left=1)
        size = sum(array.nbytes for array in arrays.values())
        fits = size <= LARGEST_SHARE * main_memory().free
        copies = {name: np.array(array) for name, array in arrays.items()} if fits else arrays
        self._pending.append(self._thread.submit(self._write, path, copies, metadata))
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

    def _write(self, path: Path, arrays: State, metadata: dict[str, Any]) -> None:
        if self._has_failed:  # what follows would speak of what was not written
            return
        try:
            save_checkpoint(path, arrays, metadata)
        except BaseException:
            self._has_failed = True
            raise

    def _settle(self, left: int) -> None:
        while len(self._pending) > left:
            self._pending.popleft().result()
