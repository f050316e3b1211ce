"""JSON files as one table: one object a line, or an array of objects."""

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import duckdb
from ibis.backends.duckdb import Backend

from recsys.data.sources.engine import quoted_name, quoted_text
from recsys.data.sources.files import SourceFiles
from recsys.data.sources.readers.columns import Roles, find_column, holds, refuse_repeated
from recsys.data.sources.readers.places import Places
from recsys.data.sources.readers.source import NOT_AN_OBJECT, NOT_UTF8, Rejected, Source, remedy
from recsys.data.sources.readers.text import TextFile, new_file, text_files
from recsys.errors import InputError

SAMPLE = 50
# How the engine writes numbers that its floats do not hold to the last digit.
INEXACT = r"^-?[0-9](\.[0-9]+)?e\+[0-9]+$|^-?[0-9]{16,}\.0$"
LIST = "VARCHAR[]"
RECORD = "JSON"
# A value alone is a list of one.
AS_LIST = (
    "CASE WHEN {0} IS NULL OR json_type({0}) = 'NULL' THEN NULL WHEN json_type({0}) = 'ARRAY' "
    "THEN from_json({0}, '[\"VARCHAR\"]') ELSE [{0} ->> '$'] END"
)
RENAME = "Rename one of the keys."
LONG_NUMBER = re.compile(rb"[0-9]{16}|[0-9][eE]")


def read_json(con: Backend, files: SourceFiles, name: str, roles: Roles | None) -> Source:
    """Reads JSON into the engine: lists and records as such, everything else as the text it is.

    Args:
        con: the engine.
        files: what to read.
        name: of the table to write.
        roles: by role the columns that are needed; all when None.

    Raises:
        InputError: a file cannot be read, no object has a key that is needed, or objects have
            two keys of one name.
    """
    texts = text_files(files)
    shapes = [_shape(file) for file in texts]
    types = _columns(con, texts, shapes, roles)
    columns = ", ".join(f"{quoted_name(column)} {kind}" for column, kind in types.items())
    con.raw_sql(f"CREATE TEMP TABLE {quoted_name(name)} ({columns})")
    rejected, places = Rejected(con, f"{name}_rejected"), Places(con, f"{name}_places")
    reader = _Reader(con, name, types, rejected, places)
    for file, shape in zip(texts, shapes, strict=True):
        reader.read(file, shape)
    return Source(con.table(name), rejected.table(), places.table(), name)


def _shape(file: TextFile) -> str:
    """What DuckDB calls the format: objects in lines, in an array, or one after the other."""
    if file.head().lstrip().startswith("["):
        return "array"
    return "newline_delimited" if file.has_lines() and _first_objects(file) else "auto"


def _first_objects(file: TextFile) -> "list[_Pairs]":
    """The keys and values of the objects in the first lines, also of keys that are there twice."""
    found = []
    for line in file.head().split("\n")[:SAMPLE]:
        try:
            pairs = json.loads(line, object_pairs_hook=_Pairs)
        except (ValueError, RecursionError):
            continue
        if isinstance(pairs, _Pairs):
            found.append(pairs)
    return found


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON, which is not a list."""


def _columns(
    con: Backend, texts: list[TextFile], shapes: list[str], roles: Roles | None
) -> dict[str, str]:
    """The columns to read, each with its type in the engine."""
    found: dict[str, str] = {}
    for file, shape in zip(texts, shapes, strict=True):
        kinds = _kinds(file) if shape == "newline_delimited" else _described(con, file, shape)
        # A list anywhere makes a column of lists.
        found |= {key: kind for key, kind in kinds.items() if found.get(key) != LIST}
    if roles is None or not all(holds(name, found) for name in roles.values()):
        # A key may come late: all objects are asked before one is refused.
        for file, shape in zip(texts, shapes, strict=True):
            if shape == "newline_delimited":
                late = (key for key in _all_keys(con, file) if key not in found)
                found |= dict.fromkeys(late, "VARCHAR")
    if roles is None:
        return found
    chosen = (find_column(name, role, found, texts[0].files) for role, name in roles.items())
    return {name: found[name] for name in chosen}


def _kinds(file: TextFile) -> dict[str, str]:
    """The keys of the first objects in lines, each with its type in the engine."""
    objects = _first_objects(file)
    refuse_repeated([key for key, _ in objects[0]], f"an object of {file.name}", RENAME)
    found: dict[str, str | None] = {}
    for key, value in chain.from_iterable(objects):
        kind = found.setdefault(key, None)
        if isinstance(value, _Pairs):
            found[key] = kind or RECORD
        elif isinstance(value, list):
            found[key] = LIST
        elif value is not None and kind != LIST:
            found[key] = "VARCHAR"  # as which a record among others is read, too
    return {key: kind or "VARCHAR" for key, kind in found.items()}


def _all_keys(con: Backend, file: TextFile) -> list[str]:
    """The keys of all objects in lines."""
    source = (
        f"read_ndjson_objects({quoted_text(file.path)}, ignore_errors = true, compression = "
        f"{quoted_text(file.files.compression)})"
    )
    asked = f"SELECT unnest(json_keys(json)) AS key FROM {source} WHERE json_type(json) = 'OBJECT'"
    rows = con.raw_sql(f"SELECT DISTINCT key FROM ({asked}) ORDER BY key").fetchall()
    return [key for (key,) in rows]


def _described(con: Backend, file: TextFile, shape: str) -> dict[str, str]:
    """All keys of objects that are not in lines, each with its type in the engine."""
    source = (
        f"read_json({quoted_text(file.path)}, format = {quoted_text(shape)}, sample_size = -1, "
        f"compression = {quoted_text(file.files.compression)})"
    )
    rows = con.raw_sql(f"DESCRIBE SELECT * FROM {source}").fetchall()
    refuse_repeated([row[0] for row in rows], file.name, RENAME)
    return {row[0]: _as_read(row[1]) for row in rows}


def _as_read(kind: str) -> str:
    if kind.endswith("]"):
        return LIST
    return RECORD if kind.startswith(("STRUCT", "MAP")) else "VARCHAR"


class _Reader:
    """Reads one file after the other into a table."""

    def __init__(
        self,
        con: Backend,
        name: str,
        types: dict[str, str],
        rejected: Rejected,
        places: Places,
    ) -> None:
        self.con = con
        self.target = quoted_name(name)
        self.types = types
        self.rejected = rejected
        self.places = places

    def read(self, file: TextFile, shape: str) -> None:
        in_lines = shape == "newline_delimited"
        if shape == "array" and not file.ends_with(b"]"):
            # The engine takes what is there of an array that is cut behind a comma.
            raise InputError(
                f"{file.name} is a truncated JSON array: its `]` is missing. Copy it again."
            )
        self.con.raw_sql("BEGIN")
        try:
            rows = self._insert(file, shape)
            inexact = self._inexact(file)
        except duckdb.InvalidInputException:
            self.con.raw_sql("ROLLBACK")
            if not in_lines:
                raise
        else:
            every_line = not in_lines or _has_lines(file, rows)
            if inexact is None and every_line:
                self.con.raw_sql("COMMIT")
                self.places.add(file.name, rows, 1 if in_lines else None)
                return
            self.con.raw_sql("ROLLBACK")
            if not in_lines:
                raise InputError(
                    f"{file.name}: numbers in {inexact!r} have more digits than a float keeps: "
                    "write them as text, or without point and exponent"
                )
        self._read_lines(file)

    def _read_lines(self, file: TextFile) -> None:
        """Reads a file without the lines that are not objects, and every number as it stands."""
        mended = new_file(file.files)
        rows = 0
        foreign: tuple[int, bytes] | None = None
        with open(mended, "wb") as out:
            for number, line in enumerate(_lines(file), start=1):
                kept, reason = _object(line)
                if reason is not None:
                    self.rejected.add(file.name, number, line, reason)
                    foreign = foreign or ((number, line) if reason == NOT_UTF8 else None)
                elif kept:
                    rows += 1
                    self.places.add(file.name, 1, number)
                    out.write(kept)
        if foreign is not None and not rows:
            raise InputError(f"{file.name}: line {foreign[0]} is {NOT_UTF8}. {remedy(NOT_UTF8)}")
        copy = TextFile(file.name, str(mended), file.files.as_local_text())
        found = self._insert(copy, "newline_delimited") if rows else 0
        mended.unlink()
        if found != rows:
            raise InputError(
                f"{file.name} cannot be read exactly: it has {rows:,} rows, and the engine finds "
                f"{found:,}. Write it anew, for example as Parquet."
            )

    def _insert(self, file: TextFile, shape: str) -> int:
        """Adds the rows of a file to the table, and returns their number."""
        columns = ", ".join(
            f"{quoted_text(name)}: '{'JSON' if kind == LIST else kind}'"
            for name, kind in self.types.items()
        )
        chosen = ", ".join(
            AS_LIST.format(quoted_name(name)) if kind == LIST else quoted_name(name)
            for name, kind in self.types.items()
        )
        source = (
            f"read_json({quoted_text(file.path)}, columns = {{{columns}}}, format = "
            f"{quoted_text(shape)}, compression = {quoted_text(file.files.compression)})"
        )
        counted = self.con.raw_sql(f"INSERT INTO {self.target} SELECT {chosen} FROM {source}")
        return int(counted.fetchall()[0][0])

    def _inexact(self, file: TextFile) -> str | None:
        """A column with numbers that went through a float and lost digits, if any."""
        text = [name for name, kind in self.types.items() if kind == "VARCHAR"]
        asked = ", ".join(f"bool_or(regexp_matches({quoted_name(n)}, '{INEXACT}'))" for n in text)
        if not asked:
            return None
        found = self.con.raw_sql(f"SELECT {asked} FROM {self.target}").fetchall()[0]
        return next((name for name, lost in zip(text, found, strict=True) if lost), None)


def _has_lines(file: TextFile, rows: int) -> bool:
    """Whether each of the rows has one line of a file, and there are no others."""
    return file.look("").lines == rows


def _lines(file: TextFile) -> Iterator[bytes]:
    for block in file.blocks():
        yield from block.splitlines(keepends=True)


def _object(line: bytes) -> tuple[bytes, str | None]:
    """A line as the engine may read it, or why it cannot; empty for a blank one."""
    if not line.strip():
        return b"", None
    try:
        long = LONG_NUMBER.search(line) is not None
        found = json.loads(line.decode(), parse_float=_exact, object_pairs_hook=_once)
    except UnicodeDecodeError:
        return b"", NOT_UTF8
    except (ValueError, RecursionError):
        return b"", NOT_AN_OBJECT
    if not isinstance(found, dict):
        return b"", NOT_AN_OBJECT
    return (json.dumps(found).encode() + b"\n" if long else line), None


def _exact(number: str) -> float | str:
    """A number with point or exponent; as text where a float has fewer digits than it."""
    found = float(number)
    return number if found.is_integer() and abs(found) >= 2**53 else found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found
