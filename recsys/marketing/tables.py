"""Small tables that a marketer brings: opt-outs, contacts, stock, messages, outcomes."""

import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import ibis.expr.types as ir
import numpy as np
import pandas as pd
from ibis.backends.duckdb import Backend

from recsys.data.engine import blaming_input, connect
from recsys.data.files import SourceFiles
from recsys.data.ids import identifier
from recsys.data.sources import FileConfig, column, locate, read_table
from recsys.errors import InputError

MEMORY_GIB = 2.0


@contextmanager
def open_table(
    config: FileConfig, roles: Mapping[str, str] | None = None
) -> Iterator[tuple[Backend, ir.Table, SourceFiles]]:
    """A table in an engine of its own: the engine, the table, and its files for messages.

    Each of its lines counts (one may be somebody who wants no messages): none is left out.

    Args:
        config: the table.
        roles: by role the columns that are needed; all by default.

    Raises:
        InputError: it cannot be read, or not each of its lines.
    """
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        con = connect(scratch, MEMORY_GIB)
        try:
            files = locate(config, "users", scratch)
            source = read_table(con, files, config, "given", roles)
            with blaming_input(str(files)):
                yield con, source.complete(files), files
        finally:
            con.disconnect()


def read_columns(
    config: FileConfig, columns: Mapping[str, str | None], ids: Collection[str]
) -> pd.DataFrame:
    """Some columns of a table, as text without blanks around it; None where empty.

    Args:
        config: the table.
        columns: by role the column's name; a role without one is left out.
        ids: roles whose values are ids, which take the form that they have in a dataset
            (``17850.0`` is ``17850``).

    Returns:
        A column per role, in the order of the file.

    Raises:
        InputError: the table cannot be read, or not each of its lines, or has no such column
            (the nearest is named).
    """
    named = {role: name for role, name in columns.items() if name is not None}
    with open_table(config, named) as (con, raw, files):
        chosen = {}
        for role, name in named.items():
            values = column(raw, name, role, files)
            text = values.cast("string").strip().nullif("")
            chosen[role] = identifier(values) if role in ids else text
        found = con.to_pandas(raw.select(**chosen)).astype(object)
    return found.where(found.notnull(), None)


def as_times(values: pd.Series, where: str) -> pd.Series:
    """Text as times in UTC.

    Args:
        values: ISO 8601, such as ``2026-01-31`` or ``2026-01-31T09:00:00+01:00``; without a
            zone, in UTC.
        where: the file and the column, for messages.

    Raises:
        InputError: one is missing, or no such time.
    """
    times = pd.to_datetime(values, format="ISO8601", utc=True, errors="coerce")
    if times.isnull().any():
        row = int(times.isnull().to_numpy().argmax())
        raise InputError(
            f"{where}: {values.iloc[row]!r} in row {row + 1} is no time; write it as 2026-01-31 "
            "or 2026-01-31T09:00:00Z"
        )
    return times


def as_numbers(values: pd.Series, where: str) -> pd.Series:
    """Text as numbers, NaN where it is missing.

    Args:
        values: text.
        where: the file and the column, for messages.

    Raises:
        InputError: one is no number, or an infinite one.
    """
    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    odd = values.notnull().to_numpy() & ~np.isfinite(numbers.to_numpy())
    if odd.any():
        row = int(odd.argmax())
        raise InputError(
            f"{where}: {values.iloc[row]!r} in row {row + 1} is no number; write it as 1234.5"
        )
    return numbers
