"""Small tables that a marketer brings: opt-outs, contacts, stock, messages, outcomes."""

import contextlib
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from ibis.backends.duckdb import Backend

from recsys.data.prepare.conditions import explaining, time_limit
from recsys.data.prepare.ids import identifier
from recsys.data.prepare.wanted import HOLDS, asked
from recsys.data.sources.addresses import matches_nothing
from recsys.data.sources.cells import trimmed
from recsys.data.sources.config import FileConfig
from recsys.data.sources.engine import blaming_input, connect
from recsys.data.sources.files import SourceFiles
from recsys.data.sources.numbers import NumberFormat, format_hint, read_numbers
from recsys.data.sources.read import column, locate, read_table
from recsys.data.sources.time_faults import explain_times
from recsys.data.sources.times import TimeConfig, plausible, read_times
from recsys.errors import InputError
from recsys.protection.pseudonyms import StoredId, as_given

MEMORY_GIB = 2.0
# Values that are not numbers, of which the way they are written is guessed.
HINT_SAMPLE = 200
Config = TypeVar("Config", bound=FileConfig)


@dataclass(frozen=True)
class Condition:
    """A condition on the rows of a table.

    Attributes:
        text: in SQL, as :func:`recsys.data.prepare.conditions.check_condition` has it.
        setting: where it stands, such as `suppress.where`.
    """

    text: str
    setting: str


@contextlib.contextmanager
def open_table(
    config: FileConfig, roles: Mapping[str, str] | None = None, whole: bool = False
) -> Iterator[tuple[Backend, ir.Table, SourceFiles]]:
    """A table in an engine of its own: the engine, the table, and its files for messages.

    Each of its lines counts (one may be somebody who wants no messages): none is left out.

    Args:
        config: the table.
        roles: by role the columns that are needed; all by default.
        whole: read the other columns, too.

    Raises:
        InputError: it cannot be read, or not each of its lines.
    """
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        con = connect(scratch, MEMORY_GIB)
        try:
            files = locate(config, "users", scratch)
            source = read_table(con, files, config, "given", roles, whole)
            with blaming_input(str(files)):
                yield con, source.complete(files), files
        finally:
            con.disconnect()


def column_names(config: FileConfig) -> list[str]:
    """The columns that a table has.

    Raises:
        InputError: it cannot be read.
    """
    with open_table(config) as (_, raw, _):
        return list(raw.columns)


def with_files(config: Config) -> tuple[Config | None, list[str]]:
    """A table whose files may not be there yet, such as what earlier campaigns sent.

    A path without wildcards that is missing remains, and is an error when it is read.

    Args:
        config: the table.

    Returns:
        The table without those paths whose wildcards no file matches, None if nothing remains;
        and these paths.
    """
    paths = [config.path] if isinstance(config.path, str) else config.path or []
    missing = [path for path in paths if matches_nothing(path)]
    if not missing:
        return config, []
    rest = [path for path in paths if path not in missing]
    return (config.model_copy(update={"path": rest}) if rest else None), missing


def read_columns(
    config: FileConfig,
    columns: Mapping[str, str | None],
    ids: Collection[str],
    times: TimeConfig | None = None,
    condition: Condition | None = None,
    stored: StoredId = as_given,
) -> pd.DataFrame:
    """Some columns of a table, as text without blanks around it; None where empty.

    Args:
        config: the table.
        columns: by role the column's name; a role without one is left out.
        ids: roles whose values are ids, which take the form that they have in a dataset
            (``17850.0`` is ``17850``).
        times: how the values of the role ``time`` are read: in UTC, see :func:`as_times`.
        condition: on the rows.
        stored: what the ids of the role ``user`` are in the log's dataset.

    Returns:
        A column per role, in the order of the file; with a condition also :data:`HOLDS`, whether it
        holds, None where that is not known.

    Raises:
        InputError: the table cannot be read, or not each of its lines, has no such column (the
            nearest is named), a time is missing or not possible, or the condition is not one on
            the table's columns.
    """
    named = {role: name for role, name in columns.items() if name is not None}
    with contextlib.ExitStack() as stack:
        con, raw, files = stack.enter_context(open_table(config, named, condition is not None))
        chosen: dict[str, ir.Value] = {}
        if condition is not None:
            origin = f"{files}: {condition.setting}"
            raw = asked(con, raw, condition.text, origin)
            chosen[HOLDS] = raw[HOLDS]
            stack.enter_context(explaining(condition.text, origin))
            stack.enter_context(time_limit(con.con, origin))
        for role, name in named.items():
            values = column(raw, name, role, files)
            if role in ids:
                chosen[role] = identifier(values)
            else:
                is_float = values.type().is_floating()
                there = values.nullif(float("nan")) if is_float else values
                chosen[role] = trimmed(there)
        where = f"{files}, {columns.get('time')!r}"
        if times is not None:
            chosen["us"] = usable_times(column(raw, named["time"], "time", files), times, where)
        found = con.to_pandas(raw.select(**chosen)).astype(object)
    found = found.where(found.notnull(), None)
    if "user" in found:
        users = {user: stored(user) for user in found["user"].dropna().unique()}
        found["user"] = found["user"].map(users).astype(object).where(found["user"].notnull(), None)
    if times is not None:
        found["time"] = as_times(found["time"], found.pop("us"), times, where)
    return found


def usable_times(values: ir.Column, config: TimeConfig, where: str) -> ir.IntegerValue:
    """Times as microseconds since 1970 UTC; null where there is no possible one.

    Raises:
        InputError: numbers of several units, which ``where`` has.
    """
    time = read_times(values, config, where)
    return ibis.ifelse(plausible(time, config), time, ibis.null("int64"))


def as_times(given: pd.Series, read: pd.Series, config: TimeConfig, where: str) -> pd.Series:
    """What was read as times, in UTC.

    Args:
        given: as the table has them, as text, by the row's number from 0 on.
        read: microseconds, of :func:`usable_times`.
        config: how they were read.
        where: the file and the column, for messages.

    Raises:
        InputError: one is missing, or is not possible; with the likely cause.
    """
    bad = read.isnull().to_numpy()
    if bad.any():
        row = int(bad.argmax())
        cause = explain_times(ibis.memtable(pd.DataFrame({"time": given[bad]})).time, config)
        raise InputError(
            f"{where}: {given.iloc[row]!r} in row {given.index[row] + 1} is not a usable time "
            f"({int(bad.sum()):,} of {len(bad):,} rows). Of these, {cause}."
        )
    return pd.to_datetime(read.astype("int64"), unit="us", utc=True)


def as_numbers(values: pd.Series, where: str, format: NumberFormat | None = None) -> pd.Series:
    """Text as numbers, NaN where it is missing.

    Args:
        values: text.
        where: the file and the column, for messages.
        format: how the numbers are written; 1234.5 by default.

    Raises:
        InputError: one is not a number, or an infinite one; the setting that reads it is named.
    """
    format = format or NumberFormat()
    numbers = read_numbers(values.tolist(), format)
    odd = values.notnull().to_numpy() & ~np.isfinite(numbers)
    if odd.any():
        row = int(odd.argmax())
        hint = format_hint(values[odd].tolist()[:HINT_SAMPLE], format)
        raise InputError(
            f"{where}: {values.iloc[row]!r} in row {row + 1} is not a number"
            f"{hint or '; write it as 1234.5'}"
        )
    return pd.Series(numbers, index=values.index)
