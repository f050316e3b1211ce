"""Parquet files as one table."""

from contextlib import AbstractContextManager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from recsys.data.sources.engine import quoted_name, quoted_text
from recsys.data.sources.files import SourceFiles
from recsys.data.sources.formats import open_plain
from recsys.data.sources.readers.columns import Roles, refuse_repeated, wanted_columns
from recsys.data.sources.readers.places import Places
from recsys.data.sources.readers.source import Rejected, Source
from recsys.errors import InputError


def read_parquet(con: Backend, files: SourceFiles, name: str, roles: Roles | None) -> Source:
    """Opens Parquet files; they are read when the table is.

    Columns are joined by name. One whose type is of another kind in some of the files (ids that
    are integers here and floats there) is text: so no digit is lost.

    Args:
        con: the engine.
        files: what to read.
        name: of the view to make.
        roles: by role the columns that are needed; all when None.

    Raises:
        InputError: a file cannot be read, lacks a column that is needed, or has two of one name.
    """
    schemas, places = {}, Places(con, f"{name}_places")
    for number, file in enumerate(files.names):
        schemas[file], rows = _described(files, number)
        places.add(file, rows)
    for file, schema in schemas.items():
        refuse_repeated(schema.names, file, "Rename one of them.")
    wanted = wanted_columns({file: schema.names for file, schema in schemas.items()}, roles, files)
    kinds = {
        column: {_kind(schema.field(column).type) for schema in schemas.values()} - {None}
        for column in wanted
    }
    mixed = {column for column, found in kinds.items() if len(found) > 1}
    chosen = ", ".join(
        f"CAST({quoted_name(c)} AS VARCHAR) AS {quoted_name(c)}" if c in mixed else quoted_name(c)
        for c in wanted
    )
    if mixed:
        parts = [f"SELECT {chosen} FROM read_parquet({quoted_text(path)})" for path in files.paths]
        query = " UNION ALL BY NAME ".join(parts)
    else:
        paths = ", ".join(quoted_text(path) for path in files.paths)
        query = f"SELECT {chosen} FROM read_parquet([{paths}], union_by_name = true)"
    con.raw_sql(f"CREATE VIEW {quoted_name(name)} AS {query}")
    rejected = Rejected(con, f"{name}_rejected")
    return Source(con.table(name), rejected.table(), places.table(), name, "VIEW")


def _described(files: SourceFiles, number: int) -> tuple[pa.Schema, int]:
    """The columns of a file, and how many rows it has."""
    opened: AbstractContextManager[Any] = open_plain(files.paths[number], files.filesystem)
    try:
        with opened as stream:
            file = pq.ParquetFile(stream)
            return file.schema_arrow, file.metadata.num_rows
    except (pa.ArrowException, OSError) as error:
        told = f"{files.names[number]} cannot be read: {str(error).strip()}"
        raise InputError(f"{told} Fetch or write it again.") from error


def _kind(type: pa.DataType) -> str | None:
    """What may stand in one column without loss; None for a column without any value."""
    if pa.types.is_null(type):
        return None
    if pa.types.is_integer(type):
        return "integer"
    if pa.types.is_floating(type):
        return "float"
    if pa.types.is_dictionary(type):
        return _kind(type.value_type)
    for kind in ("string", "binary"):
        if kind in str(type):
            return kind
    return "time" if pa.types.is_temporal(type) else str(type)
