"""JSON files as one table: one object a line, or an array of objects."""

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb
from ibis.backends.duckdb import Backend

from recsys.data.engine import quoted_name, quoted_text
from recsys.data.files import SourceFiles
from recsys.data.readers.columns import Roles, find_column, holds, refuse_repeated
from recsys.data.readers.source import NOT_AN_OBJECT, NOT_UTF8, Rejected, Source, remedy
from recsys.data.readers.text import TextFile, new_file, text_files
from recsys.errors import InputError

SAMPLE = 50
# How the engine writes numbers that its floats do not hold to the last digit.
INEXACT = r"^-?[0-9](\.[0-9]+)?e\+[0-9]+$|^-?[0-9]{16,}\.0$"
LONG_NUMBER = re.compile(rb"[0-9]{16}|[0-9][eE]")


def read_json(con: Backend, files: SourceFiles, name: str, roles: Roles | None) -> Source:
    """Reads JSON into the engine: lists as lists, everything else as the text it is.

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
    types = _columns(con, files, shapes, roles)
    columns = ", ".join(f"{quoted_name(column)} {kind}" for column, kind in types.items())
    con.raw_sql(f"CREATE TABLE {quoted_name(name)} ({columns})")
    reader = _Reader(con, name, types, Rejected(con, f"{name}_rejected"))
    for file, shape in zip(texts, shapes, strict=True):
        reader.read(file, shape)
    return Source(con.table(name), reader.rejected.table())


def _shape(file: TextFile) -> str:
    """What DuckDB calls the format: objects in lines, in an array, or one after the other."""
    head = file.head()
    if head.lstrip().startswith("["):
        return "array"
    found = [_parsed(line) for line in head.split("\n")[:SAMPLE] if line.strip()]
    objects = [each for each in found if each is not None]
    for each in objects:
        refuse_repeated([key for key, _ in each], f"an object of {file.name}", "Rename one.")
    return "newline_delimited" if objects else "auto"


def _parsed(line: str) -> list[tuple[str, Any]] | None:
    """The keys and values of an object, also of keys that are there twice."""
    try:
        found = json.loads(line, object_pairs_hook=lambda pairs: pairs)
    except (ValueError, RecursionError):
        return None
    return found if line.lstrip("\ufeff ").startswith("{") else None


def _columns(
    con: Backend, files: SourceFiles, shapes: list[str], roles: Roles | None
) -> dict[str, str]:
    """The columns to read, with their types in the engine."""
    lenient = set(shapes) == {"newline_delimited"}
    options = {
        "compression": quoted_text(files.compression),
        "format": quoted_text(shapes[0] if len(set(shapes)) == 1 else "auto"),
        "ignore_errors": str(lenient).lower(),
        "union_by_name": "true",
        "maximum_sample_files": str(len(files.paths)),
    }
    found = _described(con, files, options | ({"sample_size": "-1"} if roles is None else {}))
    if roles is None:
        return found
    if not all(holds(name, found) for name in roles.values()):
        # A key may come late: the whole of the files is asked before one is refused.
        found = _described(con, files, options | {"sample_size": "-1"})
    chosen = (find_column(name, role, found, files) for role, name in roles.items())
    return {name: found[name] for name in chosen}


def _described(con: Backend, files: SourceFiles, options: dict[str, str]) -> dict[str, str]:
    paths = ", ".join(quoted_text(path) for path in files.paths)
    given = ", ".join(f"{option} = {value}" for option, value in options.items())
    rows = con.raw_sql(f"DESCRIBE SELECT * FROM read_json([{paths}], {given})").fetchall()
    refuse_repeated([row[0] for row in rows], files, "Rename one of the keys.")
    return {row[0]: _as_text(row[1]) for row in rows}


def _as_text(kind: str) -> str:
    """The type to read a column as: text of a scalar, a list of texts, or records."""
    if kind.endswith("[]"):
        return f"{_as_text(kind.removesuffix('[]'))}[]"
    return "JSON" if kind.startswith(("STRUCT", "MAP")) else "VARCHAR"


class _Reader:
    """Reads one file after the other into a table."""

    def __init__(self, con: Backend, name: str, types: dict[str, str], rejected: Rejected) -> None:
        self.con = con
        self.target = quoted_name(name)
        self.types = types
        self.rejected = rejected

    def read(self, file: TextFile, shape: str) -> None:
        in_lines = shape == "newline_delimited"
        self.con.raw_sql("BEGIN")
        try:
            self._insert(file, shape)
            inexact = self._inexact(file)
        except duckdb.InvalidInputException:
            self.con.raw_sql("ROLLBACK")
            if not in_lines:
                raise
        else:
            if inexact is None:
                self.con.raw_sql("COMMIT")
                return
            self.con.raw_sql("ROLLBACK")
            if not in_lines:
                raise InputError(
                    f"{file.name}: numbers of {inexact!r} have more digits than are kept of "
                    "floats: write them as text, or without point and exponent"
                )
        self._read_lines(file)

    def _read_lines(self, file: TextFile) -> None:
        """Reads a file without the lines that are no objects, and every number as it stands."""
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
                    out.write(kept)
        if foreign is not None and not rows:
            raise InputError(f"{file.name}: line {foreign[0]} is {NOT_UTF8}. {remedy(NOT_UTF8)}")
        copy = TextFile(file.name, str(mended), file.files.as_local_text())
        found = self._insert(copy, "newline_delimited") if rows else 0
        mended.unlink()
        if found != rows:
            raise InputError(
                f"{file.name} cannot be read exactly: it has {rows} rows, and the engine finds "
                f"{found}. Write it anew, for example as Parquet."
            )

    def _insert(self, file: TextFile, shape: str) -> int:
        """Adds the rows of a file to the table; how many they were."""
        columns = ", ".join(f"{quoted_text(n)}: {quoted_text(t)}" for n, t in self.types.items())
        source = (
            f"read_json({quoted_text(file.path)}, columns = {{{columns}}}, format = "
            f"{quoted_text(shape)}, compression = {quoted_text(file.files.compression)})"
        )
        counted = self.con.raw_sql(f"INSERT INTO {self.target} SELECT * FROM {source}")
        return int(counted.fetchall()[0][0])

    def _inexact(self, file: TextFile) -> str | None:
        """A column with numbers that went through a float and lost digits, if any."""
        text = [name for name, kind in self.types.items() if kind == "VARCHAR"]
        asked = ", ".join(f"bool_or(regexp_matches({quoted_name(n)}, '{INEXACT}'))" for n in text)
        if not asked:
            return None
        found = self.con.raw_sql(f"SELECT {asked} FROM {self.target}").fetchall()[0]
        return next((name for name, lost in zip(text, found, strict=True) if lost), None)


def _lines(file: TextFile) -> Iterator[bytes]:
    for block in file.blocks():
        yield from block.splitlines(keepends=True)


def _object(line: bytes) -> tuple[bytes, str | None]:
    """A line as the engine may read it, or why it cannot; nothing of a blank one."""
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
