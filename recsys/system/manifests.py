"""What files held when they were written: manifests with digests, checked before they are used.

A manifest is a JSON document that lists files with their sizes and SHA-256 digests. Its own
content is sealed by a digest, too. Digests reveal accidents, and edits by hand; they are not a
signature, as anyone who changes a file on purpose can write the manifest again.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pydantic import Field

from recsys.config import StrictConfig
from recsys.errors import Damaged
from recsys.system.files import atomic_path
from recsys.system.reading import read_json, reading

SEAL = "seal"


class FileRecord(StrictConfig):
    """What a file held."""

    bytes: int = Field(description="its size")
    sha256: str = Field(description="of its content, hexadecimal")


Files = dict[str, FileRecord]


def digest(file: Path) -> str:
    """The SHA-256 of a file's content, hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_in(folder: Path) -> list[Path]:
    """All files in a folder and below it, by name."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def describe(folder: Path, files: Iterable[Path]) -> Files:
    """Sizes and digests of files, by their path within a folder."""
    files = list(files)
    # Hashing releases the interpreter: large arrays are hashed beside one another.
    with ThreadPoolExecutor() as pool:
        digests = pool.map(digest, files)
    return {
        file.relative_to(folder).as_posix(): FileRecord(bytes=file.stat().st_size, sha256=sha256)
        for file, sha256 in zip(files, digests, strict=True)
    }


def damaged(folder: Path, files: Mapping[str, FileRecord], content: bool = True) -> list[str]:
    """The files of a manifest that are missing, or are not as they were.

    Args:
        folder: that the names are within.
        files: what they held.
        content: whether it is compared; else sizes alone, which takes milliseconds.
    """
    sizes = {name: _size(folder / name) for name in files}
    found = {name for name, record in files.items() if sizes[name] != record.bytes}
    if content:
        rest = [name for name in files if name not in found]
        with ThreadPoolExecutor() as pool:
            digests = pool.map(lambda name: digest(folder / name), rest)
        found |= {
            name for name, sha256 in zip(rest, digests, strict=True) if sha256 != files[name].sha256
        }
    return [name for name in files if name in found]


def check(folder: Path, files: Mapping[str, FileRecord], mend: str, content: bool = True) -> None:
    """Refuses files that are not as they were; see :func:`damaged`.

    Args:
        folder, files, content: see :func:`damaged`.
        mend: a sentence with the command that mends them.

    Raises:
        Damaged: the first such file.
    """
    for name in damaged(folder, files, content):
        if not (folder / name).is_file():
            raise Damaged(folder / name, mend, "is missing")
        raise Damaged(folder / name, mend)


def write_manifest(path: Path, document: Mapping[str, Any], private: bool = False) -> None:
    """Writes a manifest with its seal, in whole or not at all.

    Args:
        path: the file.
        document: what JSON can hold; no ``seal``.
        private: see :func:`recsys.system.files.atomic_path`.
    """
    text = _as_text(json.loads(json.dumps(document, allow_nan=False)))
    with (
        atomic_path(path, private) as temporary,
        temporary.open("w", encoding="utf-8") as file,
    ):
        file.write(text)
        file.flush()
        # A power cut after the rename must not find an empty file: all else stands on it.
        os.fsync(file.fileno())


def write_folder_manifest(folder: Path, name: str, document: Mapping[str, Any]) -> None:
    """Writes the manifest of a finished folder: what is given, and every other file in it.

    Args:
        folder: what it describes.
        name: of the manifest in it.
        document: see :func:`write_manifest`; its section ``files`` is added.
    """
    files = describe(folder, [file for file in files_in(folder) if file != folder / name])
    write_manifest(folder / name, {**document, "files": as_document(files)})


def read_manifest(path: Path, mend: str) -> dict[str, Any]:
    """What :func:`write_manifest` was given.

    Args:
        path: the file.
        mend: a sentence with the command that mends it.

    Raises:
        Damaged: it is missing, damaged, or was changed since.
    """
    document = read_json(path, mend, [SEAL])
    del document[SEAL]
    with reading(path, mend):
        # To the letter: a blank that became another is harmless, but the next may not be.
        if path.read_bytes() != _as_text(document).encode():
            raise Damaged(path, mend)
    return document


def as_files(document: Any, path: Path, mend: str) -> Files:
    """The files that a manifest lists.

    Args:
        document: its section ``files``.
        path: of the manifest, for messages.
        mend: likewise.

    Raises:
        Damaged: it is not such a section.
    """
    with reading(path, mend):
        return {name: FileRecord.model_validate(each) for name, each in document.items()}


def as_document(files: Mapping[str, FileRecord]) -> dict[str, Any]:
    """Files as a section of a manifest."""
    return {name: record.model_dump() for name, record in files.items()}


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _as_text(document: Mapping[str, Any]) -> str:
    """A manifest with its seal, as it is written."""
    sealed = {**document, SEAL: _seal(document)}
    return json.dumps(sealed, indent=2, ensure_ascii=False) + "\n"


def _seal(document: Any) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
