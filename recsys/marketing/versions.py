"""Folders of which every content is kept under a number: what was addressed stays on record."""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

RECORD = "version.json"


def fingerprint(document: Any) -> str:
    """A short name of what something was made from, equal for equal documents (JSON)."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def digest(path: Path) -> str:
    """A short name of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def versions(folder: Path) -> list[Path]:
    """The versions in a folder, oldest first."""
    numbered = [each for each in folder.glob("*") if each.name.isdigit()]
    return sorted(numbered, key=lambda each: int(each.name))


def keep_version(folder: Path, mark: str, write: Callable[[Path], None]) -> Path:
    """The version that was made from the same, or else the next one.

    Args:
        folder: of all versions.
        mark: of what it is made from (:func:`fingerprint`).
        write: fills an empty folder, which becomes the version when all went well.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for killed in folder.glob(".draft-*"):  # of a process that is no more: the lock is ours
            shutil.rmtree(killed)
        there = versions(folder)
        for version in there:
            if json.loads((version / RECORD).read_text())["fingerprint"] == mark:
                return version
        draft = folder / ".draft-new"
        draft.mkdir()  # open to those whom the umask lets in, as what is written in it
        try:
            write(draft)
            (draft / RECORD).write_text(json.dumps({"fingerprint": mark}) + "\n")
            return draft.rename(folder / str(int(there[-1].name) + 1 if there else 1))
        except BaseException:
            shutil.rmtree(draft)
            raise
