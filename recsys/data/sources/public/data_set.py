"""The description of a public data set, and how its tables are written."""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Table = Literal["log", "users", "items"]
# The column of ids in every table of users or items.
KEY = "id"


@dataclass(frozen=True)
class PublicData:
    """A public data set.

    Attributes:
        name: what experiments call it.
        description: content, size and licence in a line.
        columns: roles of the columns of its log.
        files: of the tables it has, in its folder: CSV or Parquet.
        build: writes them, and what else the set holds, into an empty folder.
    """

    name: str
    description: str
    columns: dict[str, str]
    files: dict[Table, str]
    build: Callable[[Path], None]


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Writes a table with a header line, comma-separated, UTF-8."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
