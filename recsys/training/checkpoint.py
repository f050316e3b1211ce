"""Checkpoints: named arrays and a little JSON in one file, written atomically."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from recsys.system.files import atomic_path
from recsys.system.reading import check_archive, reading

_METADATA = "metadata"
MEND = "Start afresh with --overwrite"


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
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **members)
        file.flush()
        # A power cut after the rename must not find an empty file.
        os.fsync(file.fileno())


def load_checkpoint(path: Path) -> tuple[State, dict[str, Any]]:
    """Reads what :func:`save_checkpoint` wrote.

    Raises:
        Damaged: the file is missing, or not what was written.
    """
    check_archive(path, MEND)
    with reading(path, MEND), np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files if name != _METADATA}
        metadata = json.loads(file[_METADATA].tobytes())
    return arrays, metadata
