"""Finds the files of a source and tells what they are before any engine reads them."""

import codecs
import errno
import glob
import gzip
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import fsspec
import pyarrow as pa
from fsspec.core import url_to_fs

from recsys.errors import InputError
from recsys.system.extras import MissingExtra
from recsys.system.redaction import HIDDEN, redact, remember_address, remember_value

Format = Literal["csv", "json", "parquet"]
Compression = Literal["none", "gzip", "zstd"]

ENDINGS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".dat": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
}
COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}
BACK_ENDS = ("aiohttp", "gcsfs", "requests", "s3fs")  # of the extra `remote`
JSON_OBJECTS = re.compile(rb'(\[\s*)?\{\s*["}]')
FOREIGN = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook: unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: save the sheet as CSV",
    b"BZh": "compressed with bzip2: unpack it, or use gzip",
    b"\xfd7zXZ": "compressed with xz: unpack it, or use gzip",
    b"\x89HDF": "an HDF5 file: save it as Parquet",
    b"ORC": "an ORC file: save it as Parquet",
    b"SQLite format 3": "an SQLite database: export the table as CSV or Parquet",
}


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
    """

    paths: tuple[str, ...]
    format: Format
    compression: Compression
    filesystem: fsspec.AbstractFileSystem | None
    fingerprint: str
    folder: Path | None
    names: tuple[str, ...]
    scratch: Path

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
            a file that is not what its ending says.
    """
    patterns = [path] if isinstance(path, str) else list(path)
    if not patterns:
        raise InputError("`path` is an empty list: name at least one file")
    _refuse_hidden(patterns)
    found = [file for pattern in patterns for file in _expand(expand_environment(pattern), format)]
    names = tuple(redact(file) for file in found)
    remote = [file for file in found if "://" in file]
    if remote and len(remote) < len(found):
        raise InputError("`path` mixes local files and remote addresses: use one kind")
    filesystem = _filesystem(remote[0]) if remote else None
    folder = None if remote else Path(found[0]).parent
    if filesystem is not None and _is_http(found[0]):
        found = [_download(filesystem, url, scratch, number) for number, url in enumerate(found)]
        filesystem = None
    kinds = {file: _inspect(file, filesystem, format, encoding) for file in found}
    _one_kind(kinds)
    kind, compression = kinds[found[0]]
    digest = hashlib.sha256()
    for file in found:
        digest.update(_content_mark(file, filesystem))
    fingerprint = digest.hexdigest()
    files = SourceFiles(
        tuple(found), kind, compression, filesystem, fingerprint, folder, names, scratch
    )
    return _as_utf8(files, encoding, scratch)


@contextmanager
def open_plain(
    file: str,
    filesystem: fsspec.AbstractFileSystem | None,
    compression: Compression = "none",
) -> Iterator[Any]:
    """The bytes of a local or remote file, without its layer of compression."""
    opener: Any = open if filesystem is None else filesystem.open
    with opener(file, "rb") as raw:
        if compression == "gzip":
            with gzip.open(raw) as stream:
                yield stream
        elif compression == "zstd":
            with pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd") as stream:
                yield stream
        else:
            yield raw


def expand_environment(text: str) -> str:
    """Replaces ``${NAME}`` by the environment's value and ``~`` by the home folder.

    Raises:
        InputError: the variable is not set.
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            raise InputError(
                f"the path {text!r} needs the environment variable {name}, which is not set"
            )
        remember_value(os.environ[name], match[0])
        return os.environ[name]

    return os.path.expanduser(re.sub(r"\$\{(\w+)\}", value, text))


def _refuse_hidden(patterns: Sequence[str]) -> None:
    """Refuses an address of which only the redacted form is left, as run folders keep it."""
    for pattern in patterns:
        remember_address(pattern)
        if f"://{HIDDEN}@" in pattern or re.search(r"(?:://|^\$\{).*[?&#;=]\*{3}", pattern):
            raise InputError(
                f"the address {pattern!r} lacks its secrets, which are not kept ({HIDDEN}): give "
                "it again, best as ${NAME}, which is taken from the environment"
            )


def _expand(path: str, format: Format | None) -> list[str]:
    """The files a path stands for, sorted, so that rows keep one order."""
    if "://" in path:
        return _expand_remote(path, format)
    if os.path.isdir(path):
        inside = sorted(str(file) for file in Path(path).rglob("*") if file.is_file())
        return _data_files(inside, path, format)
    if os.path.isfile(path):
        return [path]
    if glob.has_magic(path):
        matches = sorted(file for file in glob.glob(path, recursive=True) if os.path.isfile(file))
        if matches:
            return matches
        raise InputError(f"no file matches {path} (working directory {os.getcwd()})")
    raise InputError(f"no file or folder {path} (working directory {os.getcwd()})")


def matches_nothing(path: str) -> bool:
    """Whether a path has wildcards that no file matches, at least not yet.

    Of a path that cannot be looked up it is False: reading it says why.
    """
    path = expand_environment(path)
    if not glob.has_magic(path) or os.path.exists(path):
        return False
    if "://" not in path:
        return not any(os.path.isfile(file) for file in glob.iglob(path, recursive=True))
    try:
        return not _is_http(path) and not _filesystem(path).glob(path)
    except Exception:  # each store has its own exceptions
        return False


def _expand_remote(path: str, format: Format | None) -> list[str]:
    if _is_http(path):
        return [path]
    filesystem = _filesystem(path)
    protocol = urlsplit(path).scheme
    try:
        if glob.has_magic(path):
            matches = [f"{protocol}://{file}" for file in sorted(filesystem.glob(path))]
        elif filesystem.isdir(path):
            inside = [f"{protocol}://{file}" for file in sorted(filesystem.find(path))]
            matches = _data_files(inside, path, format)
        else:
            matches = [path] if filesystem.exists(path) else []
    except Exception as error:  # Each store has its own exceptions (credentials, network, …).
        # Nothing that came from a store is chained: it may hold the whole address.
        raise InputError(f"{path} cannot be reached: {error}") from None
    if not matches:
        raise InputError(f"no remote file {path}")
    return matches


def _data_files(files: list[str], folder: str, format: Format | None) -> list[str]:
    """Files of a folder that hold data, by their endings."""
    visible = [f for f in files if not Path(f).name.startswith((".", "_"))]
    kinds = {f: _format_by_name(f) for f in visible}
    chosen = [f for f in visible if kinds[f] is not None and format in (None, kinds[f])]
    if not chosen:
        raise InputError(
            f"the folder {folder} holds no {format or 'CSV, JSON or Parquet'} file "
            f"(endings known: {', '.join(ENDINGS)}, each also with .gz or .zst)"
        )
    return chosen


def _filesystem(address: str) -> fsspec.AbstractFileSystem:
    try:
        return url_to_fs(address)[0]
    except ImportError as error:
        missing = getattr(error.__cause__, "name", None) or str(error)
        what = f"reading {address}"
        if missing in BACK_ENDS:
            raise MissingExtra(what, missing, "remote") from None
        raise InputError(
            f"{what} needs {missing}, which is not installed: pip install {missing}"
        ) from None
    except ValueError as error:
        raise InputError(f"{address} is not an address that can be read: {error}") from None


def _is_http(address: str) -> bool:
    return address.startswith(("http://", "https://"))


def _download(
    filesystem: fsspec.AbstractFileSystem, address: str, scratch: Path, number: int
) -> str:
    name = Path(urlsplit(address).path).name or "download"
    target = scratch / "downloads" / str(number) / name
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        filesystem.get_file(address, str(target))
    except FileNotFoundError:
        raise InputError(f"{address} does not exist on its server") from None
    except Exception as error:  # Timeouts, refused connections and statuses differ in class.
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        raise InputError(f"{address} cannot be downloaded: {str(error) or repr(error)}") from None
    # Messages about the file name the address.
    remember_value(str(target), redact(address))
    return str(target)


def _format_by_name(file: str) -> Format | None:
    path = Path(file)
    if path.suffix.lower() in COMPRESSIONS:
        path = path.with_suffix("")
    return ENDINGS.get(path.suffix.lower())


def _inspect(
    file: str,
    filesystem: fsspec.AbstractFileSystem | None,
    format: Format | None,
    encoding: str,
) -> tuple[Format, Compression]:
    """Format and compression of one file by its content, held against its name."""
    head, tail = _ends(file, filesystem)
    if not head:
        raise InputError(f"{file} is empty")
    for magic, what in FOREIGN.items():
        if head.startswith(magic):
            raise InputError(f"{file} is {what}")
    compression: Compression = "none"
    if head.startswith(b"\x1f\x8b"):
        compression = "gzip"
    elif head.startswith(b"\x28\xb5\x2f\xfd"):
        compression = "zstd"
    named = COMPRESSIONS.get(Path(file).suffix.lower())
    if named and named != compression:
        raise InputError(f"{file} is not {named}-compressed, although its ending says so")
    content = _content(file, filesystem, head, compression, encoding)
    if content == "parquet" and tail != b"PAR1":
        raise InputError(f"{file} is a truncated Parquet file: its end is missing. Copy it again.")
    expected = format or _format_by_name(file)
    if expected is not None and content is not None and expected != content:
        raise InputError(
            f"{file} is not {_spoken(expected)}, although its "
            f"{'`format`' if format else 'ending'} says so: it holds {_spoken(content)}"
        )
    kind = expected or content
    if kind is None:
        raise InputError(f"the ending of {file} does not say what it holds: set `format`")
    return kind, compression


def _ends(file: str, filesystem: fsspec.AbstractFileSystem | None) -> tuple[bytes, bytes]:
    try:
        with open_plain(file, filesystem) as stream:
            head = stream.read(65536)
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - 4))
            return head, stream.read(4)
    except PermissionError as error:
        raise InputError(f"{file} may not be read: {error}") from error


def _content(
    file: str,
    filesystem: fsspec.AbstractFileSystem | None,
    head: bytes,
    compression: Compression,
    encoding: str,
) -> Format | None:
    """Format by content; None where that cannot be seen."""
    if head.startswith(b"PAR1"):
        return "parquet"
    if compression == "zstd":
        return None
    if compression == "gzip":
        try:
            with open_plain(file, filesystem, compression) as stream:
                head = stream.read(65536)
        except (EOFError, gzip.BadGzipFile, OSError) as error:
            raise InputError(f"{file} is a broken or truncated gzip file: {error}") from error
        if not head.strip():
            raise InputError(f"{file} is empty")
    wide = codecs.lookup(_known_encoding(encoding)).name.startswith(("utf-16", "utf-32"))
    if b"\0" in head and not wide:
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise InputError(f"{file} is UTF-16 text: set `encoding: utf-16`")
        raise InputError(f"{file} is no text and no Parquet file: CSV, JSON or Parquet is needed")
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if not text:
        raise InputError(f"{file} is empty")
    return "json" if JSON_OBJECTS.match(text) else "csv"


def _known_encoding(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError as error:
        raise InputError(
            f"unknown encoding {encoding!r}: try utf-8, latin-1, cp1252 or utf-16"
        ) from error


def _one_kind(kinds: dict[str, tuple[Format, Compression]]) -> None:
    if len(set(kinds.values())) > 1:
        examples = {kind: file for file, kind in kinds.items()}
        raise InputError(
            "the files of one source must have one format and compression, these differ: "
            + ", ".join(f"{file} ({kind}, {packed})" for (kind, packed), file in examples.items())
        )


def _spoken(format: Format) -> str:
    return {"csv": "CSV text", "json": "JSON", "parquet": "Parquet"}[format]


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
    if files.format == "parquet" or _known_encoding(encoding) in ("utf-8", "ascii", "utf-8-sig"):
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
