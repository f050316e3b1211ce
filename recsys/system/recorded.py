"""The files of a folder that is filled step by step: which are done, and whether they still are."""

import contextlib
import hashlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from recsys.errors import Damaged
from recsys.system.manifests import (
    Files,
    as_document,
    as_files,
    check,
    damaged,
    describe,
    read_manifest,
    write_manifest,
)
from recsys.system.reading import read_json, read_yaml

logger = logging.getLogger(__name__)


class RecordedFiles:
    """A folder's ``manifest.json``: the digest of each file that a step ended with.

    A file is done once it is recorded. A step that was killed while
    it made its files is done again.

    Args:
        folder: what the files lie in.
        mend: a sentence with the command that makes again what is damaged.
        manifest: name of the manifest.
    """

    def __init__(self, folder: Path, mend: str, manifest: str = "manifest.json") -> None:
        self.manifest = folder / manifest
        self._folder = folder
        self._mend = mend

    @contextlib.contextmanager
    def making(self, *paths: Path) -> Iterator[None]:
        """Within it, files are made; what they hold is recorded if all goes well.

        Args:
            paths: files of the folder.
        """
        before = self._known()
        names = [self._name(path) for path in paths]
        kept = {name: record for name, record in before.items() if name not in names}
        if len(kept) < len(before):
            self._write(kept)
        yield
        self._write(self._known() | describe(self._folder, paths))

    def hold(self, *paths: Path) -> bool:
        """Whether files are done, and still as they were recorded. Warns of those that are damaged.

        Args:
            paths: files of the folder.
        """
        recorded = self._known()
        for path in (changed := self._changed(*paths)):
            if path.is_file():
                logger.warning("%s: it is made again", Damaged(path, self._mend).what)
        return not changed and all(self._name(path) in recorded for path in paths)

    def all_hold(self, *paths: Path) -> bool:
        """Whether files are done, and everything that is recorded is as it was.

        Args:
            paths: see :meth:`hold`.
        """
        recorded = [self._folder / name for name in self._known()]
        return self.hold(*dict.fromkeys([*paths, *recorded]))

    def recorded(self, path: Path) -> bool:
        """Whether a file was made, wherever it is now; so it may be, if the manifest is damaged."""
        try:
            return self._name(path) in self._files()
        except Damaged:
            return True

    def altered(self, path: Path) -> bool:
        """Whether a file is recorded, but not as it was."""
        return bool(self._changed(path))

    def _changed(self, *paths: Path) -> list[Path]:
        recorded = self._known()
        names = [self._name(path) for path in paths]
        known = {name: recorded[name] for name in names if name in recorded}
        return [self._folder / name for name in damaged(self._folder, known)]

    def held(self, path: Path, text: str) -> bool:
        """Whether a file was recorded with a text, whatever is there now."""
        record = self._known().get(self._name(path))
        return record is not None and record.sha256 == hashlib.sha256(text.encode()).hexdigest()

    def checked(self, path: Path, mend: str | None = None) -> Path:
        """A file, which if it is recorded proved to be as it was.

        Args:
            path: the file.
            mend: a sentence with the command that mends it, if it is another one.

        Raises:
            Damaged: it is not, or that is unknown, as the manifest is damaged.
        """
        name, files = self._name(path), self._files()
        if name in files:
            check(self._folder, {name: files[name]}, mend or self._mend)
        return path

    def read(self, path: Path, keys: Sequence[str] = (), mend: str | None = None) -> Any:
        """A JSON or YAML document, :meth:`checked`.

        Args:
            path: the file.
            keys: what the document has.
            mend: a sentence with the command that mends it, if it is another one.

        Raises:
            Damaged: it is missing or damaged, or another program's.
        """
        read = read_yaml if path.suffix == ".yaml" else read_json
        return read(self.checked(path, mend), mend or self._mend, keys)

    def forget_if_damaged(self) -> None:
        """Removes a manifest that is damaged, with a warning: nothing is done then."""
        try:
            self._files()
        except Damaged as error:
            logger.warning("%s: what it lists is made again", error.what)
            self.manifest.unlink()

    def _write(self, files: Files) -> None:
        write_manifest(self.manifest, {"files": as_document(files)})

    def _files(self) -> Files:
        if not self.manifest.is_file():
            return {}
        document = read_manifest(self.manifest, self._mend)
        return as_files(document.get("files"), self.manifest, self._mend)

    def _known(self) -> Files:
        """What is recorded; nothing, where the manifest is damaged."""
        try:
            return self._files()
        except Damaged:
            return {}

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()
