"""What a file holds, by its ending and by its content, and how it is compressed."""

import codecs
import gzip
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import fsspec
import pyarrow as pa

from recsys.errors import InputError
from recsys.system.redaction import redact

Lake = Literal["delta", "iceberg"]
Format = Literal["csv", "json", "parquet", "delta", "iceberg"]
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
LAKES: tuple[Lake, ...] = ("delta", "iceberg")
COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}
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


@contextmanager
def open_plain(
    file: str,
    filesystem: fsspec.AbstractFileSystem | None,
    compression: Compression = "none",
) -> Iterator[Any]:
    """The bytes of a local or remote file, without its layer of compression.

    Raises:
        InputError: within the block, the file turns out to be damaged or cut short.
    """
    opener: Any = open if filesystem is None else filesystem.open
    with opener(file, "rb") as raw:
        if compression == "none":
            yield raw
            return
        try:
            if compression == "gzip":
                with gzip.open(raw) as stream:
                    yield stream
            else:
                with pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd") as stream:
                    yield stream
        except (EOFError, zlib.error, OSError) as error:
            # What the system raises, over the disk that is read or written, has a number.
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise InputError(
                f"{redact(file)} is a broken or truncated {compression} file: {error}. Copy it "
                "again."
            ) from error


def format_by_name(file: str) -> Format | None:
    """The format that a file's ending stands for, also beneath a compression; None if none."""
    path = Path(file)
    if path.suffix.lower() in COMPRESSIONS:
        path = path.with_suffix("")
    return ENDINGS.get(path.suffix.lower())


def inspect(
    file: str,
    filesystem: fsspec.AbstractFileSystem | None,
    format: Format | None,
    encoding: str,
) -> tuple[Format, Compression]:
    """Format and compression of one file by its content, held against its name."""
    head, tail = _ends(file, filesystem)
    if not head:
        raise InputError(f"{file} is empty: write it again, or name another one in `path`")
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
        raise InputError(
            f"the ending of {file} stands for {named} compression, but the file is not {named}: "
            "rename or compress it"
        )
    content = _content(file, filesystem, head, compression, encoding)
    if content == "parquet" and tail != b"PAR1":
        raise InputError(f"{file} is a truncated Parquet file: its end is missing. Copy it again.")
    expected = format or format_by_name(file)
    if expected is not None and content is not None and expected != content:
        raise InputError(
            f"{file} is not {_spoken(expected)}, the {'given `format`' if format else 'format of '}"
            f"{'' if format else 'its ending'}: it holds {_spoken(content)}. "
            f"{'Correct `format`' if format else 'Rename it, or set `format`'}."
        )
    kind = expected or content
    if kind is None:
        raise InputError(f"the ending of {file} does not stand for a known format: set `format`")
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
        with open_plain(file, filesystem, compression) as stream:
            head = stream.read(65536)
        if not head.strip():
            raise InputError(f"{file} is empty: write it again, or name another one in `path`")
    wide = codecs.lookup(known_encoding(encoding)).name.startswith(("utf-16", "utf-32"))
    if b"\0" in head and not wide:
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise InputError(f"{file} is UTF-16 text: set `encoding: utf-16`")
        raise InputError(
            f"{file} is neither text nor Parquet: save it as CSV, JSON or "
            "Parquet, or name its `encoding`"
        )
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if not text:
        raise InputError(f"{file} is empty: write it again, or name another one in `path`")
    return "json" if JSON_OBJECTS.match(text) else "csv"


def known_encoding(encoding: str) -> str:
    """Python's own name of an encoding.

    Raises:
        InputError: there is no such encoding.
    """
    try:
        return codecs.lookup(encoding).name
    except LookupError as error:
        raise InputError(
            f"unknown encoding {encoding!r}: try utf-8, cp1252, gb18030 or utf-16"
        ) from error


def refuse_mixed(kinds: dict[str, tuple[Format, Compression]]) -> None:
    """Refuses files of one source that differ in format or compression.

    Raises:
        InputError: they do; the message names one file of each kind.
    """
    if len(set(kinds.values())) > 1:
        examples = {kind: file for file, kind in kinds.items()}
        raise InputError(
            "the files of one source must have one format and compression; these differ: "
            + ", ".join(f"{file} ({kind}, {packed})" for (kind, packed), file in examples.items())
        )


def _spoken(format: Format) -> str:
    return {"csv": "CSV text", "json": "JSON", "parquet": "Parquet"}.get(format, format)
