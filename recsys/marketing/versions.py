"""Folders of which every content is kept under a number: what was addressed stays on record."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
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


def find_version(folder: Path, mark: str) -> Path | None:
    """The version that was made from the same, if there is one."""
    for version in versions(folder):
        if json.loads((version / RECORD).read_text())["fingerprint"] == mark:
            return version
    return None


def versions(folder: Path) -> list[Path]:
    """The versions in a folder, oldest first."""
    numbered = [each for each in folder.glob("*") if each.name.isdigit()]
    return sorted(numbered, key=lambda each: int(each.name))


@contextlib.contextmanager
def new_version(folder: Path, mark: str) -> Iterator[Path]:
    """Yields an empty folder that becomes the next version when all went well.

    Args:
        folder: of all versions.
        mark: of :func:`fingerprint`, by which :func:`find_version` finds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder))
        try:
            yield draft
            (draft / RECORD).write_text(json.dumps({"fingerprint": mark}) + "\n")
            number = max((int(each.name) for each in versions(folder)), default=0) + 1
            draft.chmod(0o755)
            os.replace(draft, folder / str(number))
        except BaseException:
            shutil.rmtree(draft)
            raise
