"""Tables for a terminal."""

import io
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from recsys.system.display import LONGEST_LINE, printable


def text_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as text.

    Args:
        title: above it.
        columns: heads of all columns but the first.
        rows: of cells.
    """
    table = Table(
        "", *columns, box=None, title=Text(printable(title, LONGEST_LINE)), title_justify="left"
    )
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    text = io.StringIO()
    # In a notebook rich would show the table at once, and leave the text empty.
    Console(file=text, width=160, force_jupyter=False, force_terminal=False).print(table)
    return text.getvalue()
