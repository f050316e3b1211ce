"""The files of a source, which are looked at before any engine reads them."""

import codecs
import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import fsspec

from recsys.data.sources.addresses import (
    download,
    expand,
    expand_environment,
    is_http,
    open_filesystem,
    refuse_hidden,
)
from recsys.data.sources.formats import (
    Compression,
    Format,
    inspect,
    known_encoding,
    open_plain,
    refuse_mixed,
)
from recsys.data.sources.lakes.recognise import refuse_files_of_tables
from recsys.data.sources.lakes.snapshot import Snapshot
from recsys.errors import InputError
from recsys.system.redaction import redact


@dataclass(frozen=True)
class SourceFiles:
    """Files of one format that together are one table.

    Attributes:
        paths: local paths, or addresses that ``filesystem`` opens.
        format: what they hold.
        compression: how CSV and JSON files are compressed.
        filesystem: of remote files; None when they are local.
        fingerprint: changes when the content changes.
        folder: of the first file, where relative paths in a table begin; None when
            it is remote.
        names: how messages name each file: as it was given, without secrets.
        scratch: a folder for what is made of them.
        snapshot: the version of the table, where it is one of a lake.
    """

    paths: tuple[str, ...]
    format: Format
    compression: Compression
    filesystem: fsspec.AbstractFileSystem | None
    fingerprint: str
    folder: Path | None
    names: tuple[str, ...]
    scratch: Path
    snapshot: Snapshot | None = None

    def __str__(self) -> str:
        more = f" and {len(self.names) - 1} more" if len(self.names) > 1 else ""
        return f"{self.names[0]}{more}"

    def as_local_text(self) -> "SourceFiles":
        """The same source, of files that were written anew on this machine, uncompressed."""
        return replace(self, compression="none", filesystem=None)


def find_files(
    path: str | Sequence[str],
    scratch: Path,
    format: Format | None = None,
    encoding: str = "utf-8",
) -> SourceFiles:
    """Expands a path, and checks that its files are what they seem to be.

    Files on HTTP servers are downloaded (many of those serve no byte ranges),
    those in object stores are read in place through fsspec.

    Args:
        path: a file, folder, glob or address, or a list of them; ``${NAME}`` is
            taken from the environment.
        scratch: folder for downloads and for text converted to UTF-8.
        format: when neither ending nor content should decide.
        encoding: of text files.

    Raises:
        InputError: nothing there, an empty file, mixed or unknown formats, or
            a file that is not what its ending stands for.
    """
    patterns = [path] if isinstance(path, str) else list(path)
    if not patterns:
        raise InputError("`path` is an empty list: name at least one file")
    refuse_hidden(patterns)
    found = [file for pattern in patterns for file in expand(expand_environment(pattern), format)]
    refuse_files_of_tables(found)
    names = tuple(redact(file) for file in found)
    remote = [file for file in found if "://" in file]
    if remote and len(remote) < len(found):
        raise InputError("`path` mixes local files and remote addresses: use one kind")
    filesystem = open_filesystem(remote[0]) if remote else None
    folder = None if remote else Path(found[0]).parent
    if filesystem is not None and is_http(found[0]):
        found = [download(filesystem, url, scratch, number) for number, url in enumerate(found)]
        filesystem = None
    kinds = {file: inspect(file, filesystem, format, encoding) for file in found}
    refuse_mixed(kinds)
    kind, compression = kinds[found[0]]
    digest = hashlib.sha256()
    for file in found:
        digest.update(_content_mark(file, filesystem))
    fingerprint = digest.hexdigest()
    files = SourceFiles(
        tuple(found), kind, compression, filesystem, fingerprint, folder, names, scratch
    )
    return _as_utf8(files, encoding, scratch)


def _content_mark(file: str, filesystem: fsspec.AbstractFileSystem | None) -> bytes:
    """Bytes that change with a file's content.

    Local files are hashed whole, which costs about a second per gigabyte and
    cannot be fooled. Object stores keep a checksum or version of their own.
    """
    if filesystem is None:
        with open(file, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    info = filesystem.info(file)
    kept = ("etag", "md5hash", "generation", "size", "lastmodified", "last_modified", "mtime")
    marks = {key.lower(): str(value) for key, value in info.items() if key.lower() in kept}
    return repr(sorted(marks.items())).encode()


def _as_utf8(files: SourceFiles, encoding: str, scratch: Path) -> SourceFiles:
    """Converts text in other encodings, of which DuckDB knows only a few."""
    if files.format == "parquet" or known_encoding(encoding) in ("utf-8", "ascii", "utf-8-sig"):
        return files
    folder = scratch / "utf8"
    folder.mkdir(exist_ok=True)
    converted = []
    for name, file in zip(files.names, files.paths, strict=True):
        target = folder / f"{len(list(folder.iterdir()))}.txt"
        try:
            with (
                open_plain(file, files.filesystem, files.compression) as packed,
                open(target, "w", encoding="utf-8", newline="") as out,
            ):
                shutil.copyfileobj(codecs.getreader(encoding)(packed), out, 1 << 20)
        except UnicodeError as error:
            raise InputError(f"{name} is not {encoding} text: {error}") from error
        converted.append(str(target))
    return replace(files.as_local_text(), paths=tuple(converted))
