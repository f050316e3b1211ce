"""Guesses which column of an unknown log plays which role, and says why.

Names decide first (:mod:`recsys.data.role_names`); the content confirms, or rules out. A role
that nothing tells is left blank, with the columns that may play it beside it.
"""

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from recsys.data.engine import blaming_input, connect
from recsys.data.files import SourceFiles
from recsys.data.log_statistics import LogStatistics, measure
from recsys.data.nested import flattened
from recsys.data.role_guesser import Guesser
from recsys.data.sources import Columns, LogConfig, column, locate, read_table
from recsys.errors import InputError

# What other encodings than UTF-8 logs have, the first that fits: GBK's successor rejects most
# text of western languages, and latin-1 nothing.
ENCODINGS = ("gb18030", "latin-1")
CJK = r"[\u3000-\u9fff\uff00-\uffef]"


@dataclass(frozen=True)
class RoleGuess:
    """A guessed log section of an experiment.

    Attributes:
        settings: of the section, but for its columns.
        roles: the column of each role that was found.
        blanks: roles that must be filled in, each with the columns that may play it.
        reasons: why, by role or setting.
        notes: what a person should check.
        columns: all columns of the log; of records, by their dotted paths.
        rows: of the log.
        statistics: of the log, read by these roles; None if roles are blank, or no row could be
            used.
    """

    settings: dict[str, Any]
    roles: dict[str, str]
    blanks: dict[str, tuple[str, ...]]
    reasons: dict[str, str]
    notes: tuple[str, ...]
    columns: tuple[str, ...]
    rows: int
    statistics: LogStatistics | None

    @property
    def log(self) -> LogConfig:
        """The section, typed; there is none while roles are blank."""
        return LogConfig(**self.settings, columns=Columns(**self.roles))


def guess_roles(
    path: str | list[str],
    given: Mapping[str, str] | None = None,
    reading: Mapping[str, str] | None = None,
) -> RoleGuess:
    """Reads a log and guesses the roles of its columns.

    Args:
        path: file, folder, glob or address.
        given: roles that are known, such as ``{"user": "customer"}``.
        reading: known settings of :class:`recsys.data.sources.FileConfig`, such as ``delimiter``.

    Raises:
        InputError: the log cannot be read, or a column that is named is not there or cannot
            play its role.
    """
    options = {"path": path, **(reading or {})}
    try:
        return _guess(options, given or {})
    except InputError as error:
        if "encoding" not in str(error) or "encoding" in options:
            raise
        if "utf-16" in str(error):
            return _guess({**options, "encoding": "utf-16"}, given or {})
    for encoding in ENCODINGS:
        try:
            return _guess({**options, "encoding": encoding}, given or {})
        except _NotThisEncoding:
            continue
    raise AssertionError("latin-1 reads everything")


class _NotThisEncoding(Exception):
    """The text is nothing that this encoding is used for."""


def _guess(reading: dict[str, Any], given: Mapping[str, str]) -> RoleGuess:
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        con = connect(scratch, memory_gib=2.0)
        try:
            files, raw, is_headless = _read(con, reading, scratch)
            with blaming_input(str(files)):
                return _guess_of(con, raw, files, reading, given, is_headless)
        finally:
            con.disconnect()


def _read(
    con: Backend, reading: dict[str, Any], scratch: Path
) -> tuple[SourceFiles, ir.Table, bool]:
    """The log, and whether its columns had to be numbered, as there is no header line."""
    encoding = reading.get("encoding")
    placeholder = LogConfig(**reading, columns=Columns(user="?", item="?"))
    try:
        files = locate(placeholder, "log", scratch)
        raw = read_table(con, files, placeholder, "raw")
    except InputError as error:
        if encoding == ENCODINGS[0]:
            raise _NotThisEncoding from error
        raise
    if encoding == ENCODINGS[0] and not _is_chinese(raw):
        raise _NotThisEncoding
    is_headless = files.format == "csv" and any(_is_value(name) for name in raw.columns)
    if is_headless:
        reading["column_names"] = [f"column_{i + 1}" for i in range(len(raw.columns))]
        placeholder = LogConfig(**reading, columns=Columns(user="?", item="?"))
        raw = read_table(con, files, placeholder, "raw_headerless")
    return files, raw, is_headless


def _is_chinese(raw: ir.Table) -> bool:
    """Whether what is no ASCII is Chinese, so that it was not read by a wrong encoding."""
    rows = raw.limit(1000).to_pyarrow().to_pylist()
    text = "".join([*raw.columns, *(str(value) for row in rows for value in row.values())])
    other = re.findall(r"[^\x00-\x7f]", text)
    return len(re.findall(CJK, text)) > 0.9 * len(other) > 0


def _is_value(name: str) -> bool:
    """Whether a header cell looks like data: the file has no header line."""
    return bool(re.fullmatch(r"-?\d+([.:/-]\d+)*(_\d+)?", name.strip()))


def _guess_of(
    con: Backend,
    raw: ir.Table,
    files: SourceFiles,
    reading: dict[str, Any],
    given: Mapping[str, str],
    is_headless: bool,
) -> RoleGuess:
    log = flattened(raw)
    con.create_table("sample", log.limit(Guesser.SAMPLE))
    guesser = Guesser(log, con.table("sample"))
    if "encoding" in reading:
        note = f"the file is not UTF-8 text: {reading['encoding']} was tried, check its letters"
        guesser.notes.append(note)
    for role, name in given.items():
        column(raw, name, f"--{role}", files)
        guesser.take_given(role, name)
    if is_headless:
        guesser.by_place()
    guesser.by_name()
    guesser.settle()
    statistics = _statistics(con, raw, files, reading, guesser)
    return RoleGuess(
        settings={**reading, **guesser.options},
        roles=guesser.roles,
        blanks=guesser.blanks,
        reasons=guesser.reasons,
        notes=tuple(guesser.notes),
        columns=tuple(log.columns),
        rows=guesser.rows,
        statistics=statistics,
    )


def _statistics(
    con: Backend, raw: ir.Table, files: SourceFiles, reading: dict[str, Any], guesser: Guesser
) -> LogStatistics | None:
    """Counts by the roles found; gives up a time or an order that leaves nothing to split by."""
    if guesser.blanks:
        return None
    while True:
        config = LogConfig(**reading, **guesser.options, columns=Columns(**guesser.roles))
        try:
            statistics = measure(con, raw, config, files)
        except InputError as error:
            guesser.notes.append(str(error).removeprefix(f"{files}: "))
            return None
        if statistics.split is not None:
            break
        guesser.give_up_order()
    guesser.bear(statistics.unusable, statistics.rows)
    return statistics
