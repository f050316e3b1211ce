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
from recsys.system.redaction import redact


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
    _hide_progress(con)
    # Extensions are fetched from the internet at run time. None is needed:
    # remote files are read through fsspec.
    con.raw_sql("SET autoinstall_known_extensions = false")
    con.raw_sql("SET autoload_known_extensions = false")
    # Ibis 12 writes lambdas that way, which DuckDB 2.0 deprecates.
    con.raw_sql("SET lambda_syntax = 'ENABLE_SINGLE_ARROW'")
    # Text with a zone is read the same wherever the machine stands.
    con.raw_sql("SET TimeZone = 'UTC'")
    return con


def connect_in_memory() -> Backend:
    """Opens an engine without a file, for tables that are in memory already."""
    con = ibis.duckdb.connect()
    _hide_progress(con)
    return con


def _hide_progress(con: Backend) -> None:
    # In a notebook without Jupyter's widgets there is no bar, and DuckDB refuses the setting.
    # All rows are fetched: DuckDB does no other work on a connection that holds a result.
    ((is_shown,),) = con.raw_sql("SELECT current_setting('enable_progress_bar')").fetchall()
    if is_shown:
        con.raw_sql("SET enable_progress_bar = false")


def stream(con: Backend, table: ir.Table, rows: int = 1 << 20) -> Iterator[pa.RecordBatch]:
    """The rows of a table over existing tables, in batches, never all in memory.

    Ibis's own ``to_pyarrow_batches`` calls a method that DuckDB 2.0 removed.
    """
    yield from con.con.sql(con.compile(table)).to_arrow_reader(rows)


def quoted_name(name: str) -> str:
    """The name of a column or table, as it stands in SQL."""
    return '"' + name.replace('"', '""') + '"'


def quoted_text(text: str) -> str:
    """Text as it stands in SQL."""
    return "'" + text.replace("'", "''") + "'"


# Begins the message of a value that an expression refuses; see :func:`refuse`.
REFUSED = "refused: "
NAME_ENCODING = (
    "Name the file's encoding, for example `encoding: cp1252` (Western Europe) or "
    "`encoding: gb18030` (Chinese)."
)
# What DuckDB raises over the content of a file.
ABOUT_CONTENT = (
    duckdb.InvalidInputException,
    duckdb.ConversionException,
    duckdb.IOException,
    duckdb.OutOfRangeException,
    UnicodeError,
)


@contextmanager
def blaming_input(where: str) -> Iterator[None]:
    """Turns failures that come from a file or from the disk into :class:`InputError`.

    Args:
        where: the file or files being read, for the message.
    """
    try:
        yield
    except (duckdb.Error, OSError, UnicodeError) as error:
        mended = _explain(error, where)
        if mended is None:
            raise
        # What shows a secret is not chained either.
        told = str(error)
        raise InputError(mended) from (error if redact(told) == told else None)


def _explain(error: Exception, where: str) -> str | None:
    """The message for the user; None if the failure is ours."""
    if _is_disk_full(error):
        return f"the disk is full: {_brief(error)}. Nothing half-written is left; free some space."
    if isinstance(error, duckdb.OutOfMemoryException):
        return (
            f"the engine ran out of memory or of disk for temporary data: {_brief(error)}. "
            "Free some disk space, or use a machine with more memory."
        )
    if isinstance(error, PermissionError | NotADirectoryError | FileExistsError):
        return f"{error.filename or where} cannot be used: {error.strerror}"
    if isinstance(error, duckdb.InvalidInputException) and REFUSED in str(error):
        return f"{where}: {str(error).partition(REFUSED)[2]}"
    about_content = isinstance(error, ABOUT_CONTENT) or _is_damage(error)
    if about_content or "Unknown TimeZone" in str(error):
        return f"{where} cannot be read: {_brief(error)}{_mend(error)}"
    return None


def _is_damage(error: Exception) -> bool:
    """Whether a Parquet file's inner structure is broken, which DuckDB has no class for."""
    return type(error) is duckdb.Error


def _is_disk_full(error: Exception) -> bool:
    if not isinstance(error, OSError):
        return "No space left" in str(error)
    # Arrow names no error number in all cases, and NumPy reports a short write.
    said = str(error)
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return full or "No space left" in said or " requested and " in said


def _brief(error: Exception) -> str:
    """The lines of a DuckDB message with what is wrong; its advice names DuckDB's options."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = []
    for line in lines:
        if line.startswith(("Possible", "Candidate", "The search space", "LINE ", "*", "file =")):
            break
        told.append(line)
    return " ".join(told)[:500]


def _mend(error: Exception) -> str:
    said = str(error).casefold()
    if "unknown timezone" in said:
        return " Set `timezone` to a name such as Europe/Berlin."
    if "strptime" in said:
        return " Correct `time_format`."
    if "utf-8" in said or "unicode" in said or isinstance(error, UnicodeError):
        return f" {NAME_ENCODING}"
    if _is_damage(error):
        return " The file is damaged: fetch or write it again."
    if "decompression" in said:
        return " The file is damaged: fetch or write it again."
    if isinstance(error, duckdb.IOException):
        return ""
    return " Mend or remove the line."


def refuse(reason: ir.StringValue) -> ir.StringValue:
    """An expression that stops the reading with an :class:`InputError` where it is evaluated.

    Args:
        reason: what is wrong and how to mend it. It must depend on a column: a constant would be
            evaluated before any row is read.
    """
    return _stop(REFUSED + reason)


@ibis.udf.scalar.builtin(name="error")
def _stop(reason: str) -> str:  # type: ignore[empty-body]
    """Raises DuckDB's InvalidInputException."""


@ibis.udf.scalar.builtin(name="epoch_us")
def epoch_us(time: dt.Timestamp("UTC")) -> int:  # type: ignore[valid-type, empty-body]
    """Microseconds since 1970 UTC."""


@ibis.udf.scalar.builtin(name="timezone")
def in_timezone(zone: str, time: dt.timestamp) -> dt.Timestamp("UTC"):  # type: ignore[valid-type]
    """The time at which clocks of the zone show a naive timestamp."""


@ibis.udf.scalar.builtin(name="try_strptime")
def parse_naive(text: str, format: str) -> dt.timestamp:  # type: ignore[valid-type]
    """Text without a zone by a strptime format; null where it does not fit."""


@ibis.udf.scalar.builtin(name="try_strptime")
def parse_zoned(text: str, format: str) -> dt.Timestamp("UTC"):  # type: ignore[valid-type]
    """Text with a zone (``%z``) by a strptime format; null where it does not fit."""
