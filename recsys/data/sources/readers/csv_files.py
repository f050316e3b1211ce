"""CSV files as one table of text."""

from collections.abc import Iterator

import duckdb
from ibis.backends.duckdb import Backend

from recsys.data.sources.config import FileConfig
from recsys.data.sources.engine import quoted_name, quoted_text
from recsys.data.sources.files import SourceFiles
from recsys.data.sources.readers.columns import Roles, wanted_columns
from recsys.data.sources.readers.csv_lines import LONGEST, Grammar, look_again
from recsys.data.sources.readers.dialect import Dialect, Header, find_dialect, read_header
from recsys.data.sources.readers.places import Places
from recsys.data.sources.readers.source import NOT_UTF8, Rejected, Source, remedy
from recsys.data.sources.readers.text import Look, TextFile, new_file, text_files
from recsys.errors import InputError


def read_csv(
    con: Backend, files: SourceFiles, config: FileConfig, name: str, roles: Roles | None
) -> Source:
    """Reads CSV files into the engine, all cells as text.

    Nothing is left to the engine's guess, which rests on the first rows: the dialect is found or
    set, each file's own header names its columns, and a file in which not every line
    is a row is looked at line by line.

    Args:
        con: the engine.
        files: what to read.
        config: how.
        name: of the table to write.
        roles: by role the columns that are needed; all when None.

    Raises:
        InputError: the header of a file does not fit, or its text cannot be read.
    """
    texts = text_files(files)
    dialect = find_dialect(texts[0], config)
    headers = [read_header(file, dialect, config) for file in texts]
    wanted = wanted_columns({file.name: header.names for file, header in zip(texts, headers,
                             strict=True)}, roles, files)  # fmt: skip
    columns = ", ".join(f"{quoted_name(column)} VARCHAR" for column in wanted)
    con.raw_sql(f"CREATE TEMP TABLE {quoted_name(name)} ({columns})")
    rejected, places = Rejected(con, f"{name}_rejected"), Places(con, f"{name}_places")
    reader = _Reader(con, dialect, name, wanted, rejected, places)
    for file, header in zip(texts, headers, strict=True):
        reader.read(file, header)
    notes = tuple(filter(None, [reader.note()]))
    return Source(con.table(name), rejected.table(), places.table(), name, notes=notes)


class _Reader:
    """Reads one file after the other into a table."""

    def __init__(
        self,
        con: Backend,
        dialect: Dialect,
        name: str,
        wanted: tuple[str, ...],
        rejected: Rejected,
        places: Places,
    ) -> None:
        self.con = con
        self.dialect = dialect
        self.target = quoted_name(name)
        self.wanted = wanted
        self.rejected = rejected
        self.places = places
        self.over_lines = 0
        self.longest: tuple[int, int, str] = (0, 0, "")  # lines, the first of them, file

    def read(self, file: TextFile, header: Header) -> None:
        look = file.look(self.dialect.quote)
        if look.line_end != "mixed" and self._read_whole(file, header, look):
            return
        self._read_rows(file, header)

    def note(self) -> str | None:
        """A message about rows over several lines; a quote that is never closed makes them, too."""
        if not self.over_lines:
            return None
        lines, first, file = self.longest
        return (
            f"rows over several lines, of quoted cells with line breaks: {self.over_lines:,}, the "
            f"longest from line {first} to {first + lines - 1} of {file}"
        )

    def _read_whole(self, file: TextFile, header: Header, look: Look) -> bool:
        """Reads a file whose every line is a row; False (and nothing is read) where one is not.

        Without quotes a line is a row, and several threads may read. With them DuckDB's threads
        can begin inside a cell, and what follows a quote that is never closed vanishes
        silently: as many rows as lines show that neither happened.
        """
        blank = look.blank if len(header.names) > 1 else 0  # a row of an empty cell
        self.con.raw_sql("BEGIN")
        try:
            rows = self._insert(file, header.names, header.above, parallel=not look.quoted)
        except duckdb.InvalidInputException:
            rows = None
        if rows is not None and rows + header.lines + blank == look.lines:
            self.con.raw_sql("COMMIT")
            self._tell_places(file, header, rows, blank)
            return True
        self.con.raw_sql("ROLLBACK")
        return False

    def _tell_places(self, file: TextFile, header: Header, rows: int, blank: int) -> None:
        """Where the rows of a file stand whose every line is one, or is empty."""
        line = header.lines + 1
        for empty in file.empty_lines() if blank else ():
            if empty >= line:
                rows -= empty - line
                self.places.add(file.name, empty - line, line)
                line = empty + 1
        self.places.add(file.name, rows, line)

    def _read_rows(self, file: TextFile, header: Header) -> None:
        """Reads a file in which not every line is a row, without the lines that are not."""
        grammar = Grammar(self.dialect, len(header.names))
        mended = new_file(file.files)
        rows, foreign, text_is_utf8 = 0, None, False
        with open(mended, "wb") as out:
            for stretch in look_again(_from_line(file, header.lines), grammar, header.lines + 1):
                if stretch.reason is None:
                    rows += stretch.rows
                    self.places.add(file.name, stretch.rows, stretch.line)
                    if stretch.rows == 1 and (lines := stretch.text.count(b"\n")) > 1:
                        self.over_lines += 1
                        self.longest = max(self.longest, (lines, stretch.line, file.name))
                    text_is_utf8 = text_is_utf8 or not stretch.text.isascii()
                    out.write(stretch.text)
                    continue
                self.rejected.add(file.name, stretch.line, stretch.text, stretch.reason)
                if stretch.reason == NOT_UTF8 and foreign is None:
                    foreign = stretch
        if foreign is not None and not text_is_utf8:
            raise InputError(f"{file.name}: line {foreign.line} is {NOT_UTF8}. {remedy(NOT_UTF8)}")
        copy = TextFile(file.name, str(mended), file.files.as_local_text())
        found = self._insert(copy, header.names, 0, parallel=False) if rows else 0
        mended.unlink()
        if found != rows:
            raise InputError(
                f"{file.name} cannot be read exactly: it has {rows:,} rows, and the engine finds "
                f"{found:,}. Write it anew, for example as Parquet."
            )

    def _insert(self, file: TextFile, names: tuple[str, ...], skip: int, parallel: bool) -> int:
        """Adds the rows of a file to the table, and returns their number."""
        columns = ", ".join(f"{quoted_text(name)}: 'VARCHAR'" for name in names)
        chosen = ", ".join(quoted_name(name) for name in self.wanted)
        options = {
            "auto_detect": "false",
            "columns": f"{{{columns}}}",
            "delim": quoted_text(self.dialect.delimiter),
            "quote": quoted_text(self.dialect.quote),
            "escape": quoted_text(self.dialect.escape if self.dialect.quote else ""),
            "header": "false",
            "skip": str(skip),
            "comment": "''",
            "nullstr": "''",
            "null_padding": "false",
            "ignore_errors": "false",
            "strict_mode": "true",
            "encoding": "'utf-8'",
            "compression": quoted_text(file.files.compression),
            "max_line_size": str(LONGEST),
            "parallel": str(parallel).lower(),
        }
        given = ", ".join(f"{option} = {value}" for option, value in options.items())
        source = f"read_csv({quoted_text(file.path)}, {given})"
        counted = self.con.raw_sql(f"INSERT INTO {self.target} SELECT {chosen} FROM {source}")
        return int(counted.fetchall()[0][0])


def _from_line(file: TextFile, lines: int) -> Iterator[bytes]:
    """The text of a file without its first lines, in blocks."""
    left = lines
    for block in file.blocks():
        while left and block:
            block = block.partition(b"\n")[2]
            left -= 1
        if block:
            yield block
