"""A table of a lake as one table of the engine."""

from collections.abc import Iterator

import duckdb
import pyarrow as pa
from ibis.backends.duckdb import Backend

from recsys.data.sources.engine import quoted_name
from recsys.data.sources.files import SourceFiles
from recsys.data.sources.lakes.snapshot import Snapshot, Span, reason
from recsys.data.sources.readers.columns import Roles, refuse_repeated, wanted_columns
from recsys.data.sources.readers.places import Places
from recsys.data.sources.readers.source import Rejected, Source
from recsys.errors import InputError


def read_lake(
    con: Backend, files: SourceFiles, name: str, roles: Roles | None, span: Span | None
) -> Source:
    """Copies the rows of a table into the engine, in bounded memory.

    They come in the same order each time: in that of the files, or sorted where the table's reader
    keeps none.

    Args:
        con: the engine.
        files: the table.
        name: of the engine's table.
        roles: by role the columns that are needed; all when None.
        span: files without a row of it are skipped.

    Raises:
        InputError: the table cannot be read, or lacks a column that is needed.
    """
    snapshot = files.snapshot
    assert snapshot is not None  # the caller has looked at the format
    names = snapshot.schema.names
    refuse_repeated(names, files, "Rename one of them.")
    wanted = wanted_columns({str(files): names}, roles, files)
    rows = snapshot.rows(wanted, span)
    failures: list[Exception] = []
    batches = _watched(rows.batches, failures)
    con.con.register("incoming", pa.RecordBatchReader.from_batches(rows.batches.schema, batches))
    order = "" if rows.in_order else " ORDER BY ALL"
    try:
        con.raw_sql(f"CREATE TABLE {quoted_name(name)} AS SELECT * FROM incoming{order}")
    except duckdb.Error:
        if not failures:
            raise
        raise InputError(_told(failures[0], files, snapshot)) from None
    finally:
        con.con.unregister("incoming")
    table = con.table(name)
    count = int(table.count().execute())
    places = Places(con, f"{name}_places")
    places.add(str(files), count)
    rejected = Rejected(con, f"{name}_rejected")
    skipped = 0 if rows.total is None else rows.total - count
    notes = (f"{files}: {snapshot.version}",)
    return Source(table, rejected.table(), places.table(), name, notes=notes, skipped=skipped)


def _watched(batches: pa.RecordBatchReader, failures: list[Exception]) -> Iterator[pa.RecordBatch]:
    """Batches; what goes wrong is kept, as the engine turns it into an error of its own."""
    try:
        yield from batches
    except Exception as error:  # each reader and store has its own exceptions
        failures.append(error)
        raise


def _told(error: Exception, files: SourceFiles, snapshot: Snapshot) -> str:
    if isinstance(error, FileNotFoundError) or "not found" in str(error).casefold():
        return (
            f"{files}: a file of {snapshot.version} is gone ({reason(error)}): tables remove the "
            "files of old versions when they are vacuumed. Read a newer version"
        )
    return f"{files} cannot be read: {reason(error)}"
