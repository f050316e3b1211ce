"""Guesses which column of an unknown log plays which role, and gives the reason.

Names decide first (:mod:`recsys.experiment.roles.names`); the content confirms, or rules out. A
role without evidence is left blank, with the columns that may play it beside it.
"""

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from recsys.data.sources.config import Columns, LogConfig
from recsys.data.sources.engine import blaming_input, connect
from recsys.data.sources.files import SourceFiles
from recsys.data.sources.nested import flattened, with_paths
from recsys.data.sources.read import column, locate, read_table
from recsys.data.sources.readers.dialect import first_cells, lines_above
from recsys.data.sources.readers.source import NOT_UTF8, Source, remedy
from recsys.data.sources.readers.text import TextFile, text_files
from recsys.data.sources.shared_columns import refuse_shared
from recsys.errors import InputError
from recsys.experiment.roles.guesser import Guesser
from recsys.experiment.roles.log_statistics import LogStatistics, measure

# What other encodings than UTF-8 logs have, the first that fits: UTF-16 begins with a mark, GBK's
# successor rejects most text of western languages, and Windows' cp1252, which is latin-1 with
# letters such as € where that has controls, five bytes; latin-1 rejects nothing.
ENCODINGS = ("utf-16", "gb18030", "cp1252", "latin-1")
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
        reading: known settings of :class:`recsys.data.sources.config.FileConfig`, such as
            ``delimiter``.

    Raises:
        InputError: the log cannot be read, or a column that is named is not there or cannot
            play its role.
    """
    options = {"path": path, **(reading or {})}
    encodings = [None] if "encoding" in options else [None, *ENCODINGS]
    for encoding in encodings:
        try:
            return _guess({**options, **({"encoding": encoding} if encoding else {})}, given or {})
        except _NotThisEncodingError as error:
            if encoding == encodings[-1]:
                raise InputError(str(error)) from error
    raise AssertionError("latin-1 reads everything")


class _NotThisEncodingError(Exception):
    """The text is not what this encoding is used for."""


def _guess(reading: dict[str, Any], given: Mapping[str, str]) -> RoleGuess:
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        con = connect(scratch, memory_gib=2.0)
        try:
            return _guess_with(con, scratch, reading, given)
        finally:
            con.disconnect()


def _guess_with(
    con: Backend, scratch: Path, reading: dict[str, Any], given: Mapping[str, str]
) -> RoleGuess:
    config = LogConfig(**reading, columns=Columns(user="?", item="?"))
    try:
        files = locate(config, "log", scratch)
        if files.format == "csv":
            above = _above(text_files(files)[0], config)
            reading, config = reading | above, config.model_copy(update=above)
        source = read_table(con, files, config, "raw")
    except InputError as error:
        if "encoding" in str(error) or config.encoding in ENCODINGS[:-1]:
            raise _NotThisEncodingError(str(error)) from error
        raise
    _check_encoding(source, config)
    with blaming_input(str(files)):
        return _guess_of(con, source, files, reading, given)


def _above(file: TextFile, config: LogConfig) -> dict[str, Any]:
    """Settings for what stands above the rows of a CSV file: titles, and a header or none."""
    skip = lines_above(file, config)
    settings: dict[str, Any] = {"skip": skip} if skip else {}
    first = first_cells(file, config.model_copy(update=settings))
    if any(_is_value(name) for name in first):
        settings["column_names"] = [f"column_{i + 1}" for i in range(len(first))]
    return settings


def _check_encoding(source: Source, config: LogConfig) -> None:
    """Refuses text of another encoding, of which a part may be read all the same."""
    if config.encoding == "utf-8":
        foreign = source.rejected.filter(source.rejected.reason == NOT_UTF8).count().execute()
        if foreign:
            raise _NotThisEncodingError(f"{foreign} lines are {NOT_UTF8}: {remedy(NOT_UTF8)}")
    elif config.encoding == "gb18030" and not _is_chinese(source.table):
        raise _NotThisEncodingError


def _is_chinese(raw: ir.Table) -> bool:
    """Whether what is not ASCII is Chinese, so that it was not read by a wrong encoding.

    Of a Chinese character both bytes are high, but for rare ones. A western text has a high byte
    before a plain letter: `Köln` in latin-1 would be read as K鰈n.
    """
    rows = raw.limit(1000).to_pyarrow().to_pylist()
    text = "".join([*raw.columns, *(str(value) for row in rows for value in row.values())])
    other = re.findall(r"[^\x00-\x7f]", text)
    lone = sum(letter.encode("gb18030", "replace")[-1] < 0x80 for letter in other)
    return len(re.findall(CJK, text)) > 0.9 * len(other) > 0 and lone <= 0.5 * len(other)


def _is_value(name: str) -> bool:
    """Whether a header cell looks like data: the file has no header line."""
    return bool(re.fullmatch(r"-?\d+([.:/-]\d+)*(_\d+)?", name.strip()))


def _guess_of(
    con: Backend,
    source: Source,
    files: SourceFiles,
    reading: dict[str, Any],
    given: Mapping[str, str],
) -> RoleGuess:
    source = replace(source, table=flattened(with_paths(source.table, given.values())))
    log = source.table
    if len(log.columns) < 2:
        raise InputError(
            f"{files} has one column only, {log.columns[0]!r}, and users and items are two: name "
            "what is between the columns by --delimiter"
        )
    con.create_table("sample", log.limit(Guesser.SAMPLE))
    guesser = Guesser(log, con.table("sample"))
    if "encoding" in reading:
        guesser.notes.append(
            f"the file is not UTF-8 text: {reading['encoding']} was taken, check its letters"
        )
    if "skip" in reading:
        guesser.reasons["skip"] = "lines above the header line"
        guesser.notes.append(f"`skip: {reading['skip']}`: what stands above the header line")
    if unread := source.note(files):
        guesser.notes.append(unread)
    try:
        refuse_shared(given)
    except ValueError as error:
        raise InputError(str(error)) from None
    for role, name in given.items():
        guesser.take_given(role, column(log, name, f"--{role}", files).get_name())
    if "column_names" in reading:
        guesser.by_place()
    guesser.by_name()
    guesser.settle()
    statistics = _statistics(con, source, files, reading, guesser)
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
    con: Backend, source: Source, files: SourceFiles, reading: dict[str, Any], guesser: Guesser
) -> LogStatistics | None:
    """Counts by the roles found; gives up a time or an order that leaves nothing to split by."""
    if guesser.blanks:
        return None
    while True:
        config = LogConfig(**reading, **guesser.options, columns=Columns(**guesser.roles))
        try:
            statistics = measure(con, source, config, files)
        except InputError as error:
            guesser.notes.append(str(error).removeprefix(f"{files}: "))
            return None
        if statistics.split is not None:
            break
        guesser.give_up_order()
    guesser.bear(sum(statistics.unusable.values()), statistics.rows)
    return statistics
