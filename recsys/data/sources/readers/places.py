"""Where each row of a table stands in the files that it was read from."""

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

# A stretch of rows that follow one another in a file, on consecutive lines.
STRETCH = pa.schema(
    {
        "first": pa.int64(),
        "stretch_file": pa.string(),
        "first_of_file": pa.int64(),
        "first_line": pa.int64(),
    }
)
MOST_IN_MEMORY = 100_000


class Places:
    """The table of stretches, as rows are read: a stretch ends where lines hold no row."""

    def __init__(self, con: Backend, name: str) -> None:
        self._con = con
        self._name = name
        self._stretches: list[tuple[int, str, int, int | None]] = []
        self._rows = 0
        self._file: str | None = None
        self._of_file = 0
        self._next_line: int | None = None
        con.create_table(name, schema=ibis.schema(STRETCH))

    def add(self, file: str, rows: int, line: int | None = None) -> None:
        """Tells where the next rows stand.

        Args:
            file: as the user named it.
            rows: how many.
            line: of the first, from 1, where each has a line of its own; None: the file has none.
        """
        if not rows:
            return
        if file != self._file:
            self._file, self._of_file = file, self._rows
            self._next_line = None
        elif line is not None and line == self._next_line:
            self._rows, self._next_line = self._rows + rows, line + rows
            return
        self._stretches.append((self._rows, file, self._of_file, line))
        self._rows += rows
        self._next_line = None if line is None else line + rows
        if len(self._stretches) >= MOST_IN_MEMORY:
            self._write()

    def table(self) -> ir.Table:
        """All that was told."""
        self._write()
        return self._con.table(self._name)

    def _write(self) -> None:
        if self._stretches:
            columns = [list(column) for column in zip(*self._stretches, strict=True)]
            self._con.insert(self._name, pa.table(columns, schema=STRETCH))
            self._stretches.clear()


def placed(rows: ir.Table, places: ir.Table) -> ir.Table:
    """Rows with the ``file`` and ``line`` that they stand in; ``row`` counts in the file, from 1.

    Args:
        rows: ``row`` (position among all rows, from 0), ``file`` and ``line``: null but for what
            is not a row, which has no ``row``.
        places: of :meth:`Places.table`.
    """
    found = rows.asof_join(places, rows.row >= places["first"])
    return found.mutate(
        file=ibis.coalesce(found.file, found.stretch_file),
        line=ibis.coalesce(found.line, found.first_line + found.row - found["first"]),
        row=found.row - found.first_of_file + 1,
    ).drop(*STRETCH.names)
