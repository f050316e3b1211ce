"""The data engine: Ibis on an embedded DuckDB with bounded memory.

Tables live in a database file inside the scratch folder of one preparation, and
DuckDB spills there when its memory is used up.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from recsys.errors import InputError


def connect(scratch: Path, memory_gib: float) -> Backend:
    """Opens an engine whose tables and spilled data lie in ``scratch``.

    Args:
        scratch: an existing folder, removed by the caller.
        memory_gib: what DuckDB may hold in memory, in GiB.
    """
    con = ibis.duckdb.connect(
        scratch / "work.duckdb",
        memory_limit=f"{int(memory_gib * 1024)}MiB",
        temp_directory=str(scratch / "spill"),
    )
    con.raw_sql("SET enable_progress_bar = false")
    # Extensions are fetched from the internet at run time. None is needed:
    # remote files are read through fsspec.
    con.raw_sql("SET autoinstall_known_extensions = false")
    con.raw_sql("SET autoload_known_extensions = false")
    # Text with a zone is read the same wherever the machine stands.
    con.raw_sql("SET TimeZone = 'UTC'")
    return con


def stream(con: Backend, table: ir.Table, rows: int = 1 << 20) -> Iterator[pa.RecordBatch]:
    """The rows of a table over existing tables, in batches, never all in memory.

    Ibis's own ``to_pyarrow_batches`` calls a method that DuckDB 2.0 removed.
    """
    yield from con.con.sql(con.compile(table)).to_arrow_reader(rows)


@contextmanager
def blaming_input(where: str) -> Iterator[None]:
    """Turns failures that come from a file or from the disk into :class:`InputError`.

    Args:
        where: the file or files being read, for the message.
    """
    try:
        yield
    except (duckdb.InvalidInputException, duckdb.ConversionException, UnicodeError) as error:
        raise InputError(f"{where} cannot be read: {_brief(error)}{_mend(error)}") from error
    except duckdb.OutOfMemoryException as error:
        raise InputError(
            f"the engine ran out of memory or of disk for temporary data: {_brief(error)}. "
            "Free some disk space, or use a machine with more memory."
        ) from error
    except duckdb.IOException as error:
        if "No space left" in str(error):
            raise InputError(disk_full(where)) from error
        raise InputError(f"{where} cannot be read: {_brief(error)}") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(disk_full(error.filename or where)) from error
        raise


def disk_full(where: object) -> str:
    """The message for a disk without space."""
    return f"the disk is full ({where}). Nothing half-written was left; free some space and rerun."


def _brief(error: Exception) -> str:
    """The lines of a DuckDB message that say what is wrong; its advice names DuckDB's options."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = []
    for line in lines:
        if line.startswith(("Possible", "Possible fixes", "LINE ", "*", "file =")):
            break
        told.append(line)
    return " ".join(told)[:500]


def _mend(error: Exception) -> str:
    message = str(error)
    if isinstance(error, UnicodeError) or "utf-8" in message or "unicode" in message.lower():
        return " Name the file's encoding, for example `encoding: latin-1`."
    return " Mend or remove the line; if the columns were split wrongly, set `delimiter`."


@ibis.udf.scalar.builtin(name="epoch_us")
def epoch_us(moment: dt.Timestamp("UTC")) -> int:  # type: ignore[valid-type, empty-body]
    """Microseconds since 1970 UTC."""


@ibis.udf.scalar.builtin(name="timezone")
def in_timezone(zone: str, moment: dt.timestamp) -> dt.Timestamp("UTC"):  # type: ignore[valid-type]
    """The moment at which clocks of the zone show a naive timestamp."""


@ibis.udf.scalar.builtin(name="try_strptime")
def parse_naive(text: str, format: str) -> dt.timestamp:  # type: ignore[valid-type]
    """Text without a zone by a strptime format; null where it does not fit."""


@ibis.udf.scalar.builtin(name="try_strptime")
def parse_zoned(text: str, format: str) -> dt.Timestamp("UTC"):  # type: ignore[valid-type]
    """Text with a zone (``%z``) by a strptime format; null where it does not fit."""
