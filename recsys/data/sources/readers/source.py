"""A table as it was read, and what of its files could not be read."""

from dataclasses import dataclass
from typing import Literal

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from recsys.data.sources.engine import NAME_ENCODING, quoted_name
from recsys.errors import InputError
from recsys.system.display import counted

BROKEN_QUOTES = "broken quotes"
CELLS = "wrong number of cells"
TOO_LONG = "row too long"
NOT_UTF8 = "not UTF-8 text"
NOT_AN_OBJECT = "not a JSON object"
# What a rejected line is kept as.
REJECTED = pa.schema(
    {"file": pa.string(), "line": pa.int64(), "raw": pa.string(), "reason": pa.string()}
)
EXAMPLES = 3
MOST_IN_MEMORY = 100_000


@dataclass(frozen=True)
class Source:
    """What was read from the files of one table.

    Attributes:
        table: the rows; all columns of text files are text.
        rejected: the lines that are not rows: ``file``, ``line`` (from 1), ``raw`` (the line as
            it stands in the file) and ``reason``. Without rows for what is not text.
        places: where the rows stand, see :class:`recsys.data.sources.readers.places.Places`.
        name: of what the engine holds.
        kind: what that is.
        notes: what to know of how it was read.
        skipped: rows of files that were not read, as none of them is wanted.
    """

    table: ir.Table
    rejected: ir.Table
    places: ir.Table
    name: str
    kind: Literal["TABLE", "VIEW"] = "TABLE"
    notes: tuple[str, ...] = ()
    skipped: int = 0

    def drop(self, con: Backend) -> None:
        """Frees the space of the rows once they are no longer needed."""
        con.raw_sql(f"DROP {self.kind} {quoted_name(self.name)}")

    def note(self, where: object, quotes: bool = True) -> str | None:
        """A message about the lines that were left out; None where all were read.

        Args:
            where: the files.
            quotes: shows what the lines hold; not those of users, as notes are kept.
        """
        told = self._told(quotes)
        return None if told is None else f"{where}: {told}. Such lines were left out."

    def complete(self, where: object) -> ir.Table:
        """The table, of files whose every line is needed.

        Raises:
            InputError: a line could not be read.
        """
        told = self._told()
        if told is not None:
            first = self.rejected.order_by("file", "line").limit(1).reason.execute().iloc[0]
            raise InputError(f"{where}: every line is needed, and {told}. {remedy(str(first))}")
        return self.table

    def _told(self, quotes: bool = True) -> str | None:
        lines = int(self.rejected.count().execute())
        if not lines:
            return None
        first = self.rejected.order_by("file", "line").limit(EXAMPLES).to_pyarrow().to_pylist()
        shown = "; ".join(
            f"line {row['line']} ({row['reason']})" + (f": {_brief(row['raw'])}" if quotes else "")
            for row in first
        )
        return f"{counted(lines, 'line')} cannot be read: {shown}"


def remedy(reason: str) -> str:
    """What mends a line that cannot be read; empty for other reasons."""
    return {
        BROKEN_QUOTES: "Mend the quotes of these lines: a quote inside quotes is doubled, or set "
        "`escape` to the character before it. If quotes are plain characters in this file, set "
        '`quote: ""`.',
        CELLS: "Mend these lines; if the columns were split wrongly, set `delimiter`.",
        TOO_LONG: "Shorten or remove these rows; if a quote is not closed, mend it.",
        NOT_UTF8: NAME_ENCODING,
        NOT_AN_OBJECT: "Mend or remove these lines: each must be one complete JSON object.",
    }.get(reason, "")


class Rejected:
    """The table of lines that are not rows, as they are found."""

    def __init__(self, con: Backend, name: str) -> None:
        self._con = con
        self._name = name
        self._rows: list[tuple[str, int, str, str]] = []
        con.create_table(name, schema=ibis.schema(REJECTED))

    def add(self, file: str, line: int, text: bytes, reason: str) -> None:
        """Keeps a line.

        Args:
            file: as the user named it.
            line: from 1.
            text: its bytes.
            reason: why it is not a row.
        """
        self._rows.append((file, line, text.decode("utf-8", "replace").rstrip("\r\n"), reason))
        if len(self._rows) >= MOST_IN_MEMORY:
            self._write()

    def table(self) -> ir.Table:
        """All that were kept."""
        self._write()
        return self._con.table(self._name)

    def _write(self) -> None:
        if self._rows:
            columns = [list(column) for column in zip(*self._rows, strict=True)]
            self._con.insert(self._name, pa.table(columns, schema=REJECTED))
            self._rows.clear()


def _brief(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "…")
