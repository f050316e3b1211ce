"""Folders of which every content is kept under a number: what was addressed stays on record."""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from recsys.errors import Damaged
from recsys.marketing.formats import of_this_format
from recsys.system import manifests
from recsys.system.files import PRIVATE, draft_folder, locked, remove_drafts, whole_folder
from recsys.system.reading import read_json

RECORD = "version.json"
# Endings of the files that may hold an address, a hash of one, or who was told what.
OF_USERS = (".csv", ".parquet")
MEND = (
    "Build it again from its file (`recsys campaign build` or `recsys audience build`): what is "
    "damaged is made again in its place"
)

logger = logging.getLogger(__name__)


def fingerprint(document: Any) -> str:
    """A short name of what something was made from, equal for equal documents (JSON)."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def digest(path: Path) -> str:
    """A short name of a file's content."""
    return manifests.digest(path)[:16]


def checked(version: Path, name: str) -> Path:
    """A file of a version, once it proved to be as it was written.

    Args:
        version: folder of one version.
        name: of the file.

    Raises:
        Damaged: it is missing or damaged, or the folder is none of a version.
    """
    files = _record(version)[1]
    if name not in files:
        raise Damaged(version / name, MEND, "is not of a version that recsys built")
    manifests.check(version, {name: files[name]}, MEND)
    return version / name


def read_version(version: Path, name: str, keys: Sequence[str]) -> dict[str, Any]:
    """A JSON document of a version, :func:`checked`, of the format that is read.

    Args:
        version: folder of one version.
        name: of the file.
        keys: which the document has.

    Raises:
        Damaged: see :func:`checked`; or it is another document, or of another format.
    """
    path = checked(version, name)
    of_this_format(read_json(path, MEND), path, MEND)
    return read_json(path, MEND, keys)


def _record(version: Path) -> tuple[str, manifests.Files]:
    """What a version was made from, and what its files held."""
    path = version / RECORD
    document = manifests.read_manifest(path, MEND)
    return str(document.get("fingerprint")), manifests.as_files(document.get("files"), path, MEND)


def versions(folder: Path) -> list[Path]:
    """The versions in a folder, oldest first."""
    numbered = [each for each in folder.glob("*") if each.name.isdigit()]
    return sorted(numbered, key=lambda each: int(each.name))


def keep_version(
    folder: Path, mark: str, write: Callable[[Path], None], document: str | None = None
) -> Path:
    """The version that was made from the same, or else the next one.

    Files of that version that were damaged since are made again, and so said; all of them, where
    another version of recsys wrote them. Tables tell of single users: their files can be read by
    who owns them alone.

    Args:
        folder: of all versions.
        mark: of what it is made from (:func:`fingerprint`).
        write: fills an empty folder, which becomes the version when all went well.
        document: name of the JSON document that has the number of the format.
    """
    with locked(folder):
        remove_drafts(folder)
        there = versions(folder)
        for version in there:
            try:
                made_from, _ = _record(version)
            except Damaged as error:
                logger.warning("%s: it is not known what version it is", error.what)
                continue
            if made_from == mark:
                _restore(version, mark, write, document)
                return version
        added = folder / str(int(there[-1].name) + 1 if there else 1)
        with whole_folder(added) as draft:
            _fill(draft, write)
            manifests.write_folder_manifest(draft, RECORD, {"fingerprint": mark})
        return added


def _fill(draft: Path, write: Callable[[Path], None]) -> None:
    """Writes into a folder, and closes its tables to others before these can look into it."""
    mode = draft.stat().st_mode
    draft.chmod(0o700)
    write(draft)
    for path in draft.rglob("*"):
        if path.suffix in OF_USERS:
            path.chmod(PRIVATE)
    draft.chmod(mode)


def _restore(version: Path, mark: str, write: Callable[[Path], None], document: str | None) -> None:
    """Puts what was damaged back, from a draft of the same; what was added since stays."""
    _, files = _record(version)
    damaged = manifests.damaged(version, files)
    outdated = not damaged and document is not None and not _is_current(version / document)
    if not damaged and not outdated:
        return
    with draft_folder(version) as draft:
        _fill(draft, write)
        if outdated:
            damaged = [path.name for path in manifests.files_in(draft)]
            logger.warning("%s: another version of recsys wrote it: it is made again", version)
        for name in damaged:
            if not outdated:
                logger.warning("%s is missing or damaged: it is made again", version / name)
            os.replace(draft / name, version / name)
    files |= manifests.describe(version, [version / name for name in damaged])
    record = {"fingerprint": mark, "files": manifests.as_document(files)}
    manifests.write_manifest(version / RECORD, record)


def _is_current(path: Path) -> bool:
    """Whether this version of recsys reads the format of a document."""
    try:
        of_this_format(read_json(path, MEND), path, MEND)
    except Damaged:
        return False
    return True
