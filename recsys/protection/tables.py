"""Tables of users on disk, Parquet or CSV: whose rows they have, and the rest of their rows."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from recsys.protection.encryption import encryption_in, read_names, read_table, write_table
from recsys.system.files import atomic_path

CSV = ".csv"


def columns_of(path: Path) -> list[str]:
    """The names of its columns."""
    if path.suffix == CSV:
        with path.open(encoding="utf-8", newline="") as file:
            return next(csv.reader(file), [])
    return read_names(path)


def users_in(path: Path, column: str) -> list[str | None]:
    """The user of each row, as text.

    Args:
        path: of the table.
        column: that has them.
    """
    if path.suffix == CSV:
        with path.open(encoding="utf-8", newline="") as file:
            return [row[column] for row in csv.DictReader(file)]
    users = read_table(path, [column])[column].to_pylist()
    return [None if user is None else str(user) for user in users]


def keep_rows(path: Path, keep: Sequence[bool]) -> None:
    """Writes a table again with some of its rows, in whole or not at all.

    Args:
        path: of the table.
        keep: for each row, whether it stays.
    """
    with atomic_path(path, private=True) as temporary:
        if path.suffix != CSV:
            rest = read_table(path).filter(pa.array(keep, pa.bool_()))
            write_table(rest, temporary, encryption_in(path))
            return
        with (
            path.open(encoding="utf-8", newline="") as source,
            temporary.open("w", encoding="utf-8", newline="") as target,
        ):
            writer = csv.writer(target, lineterminator="\n")
            for number, row in enumerate(csv.reader(source)):
                if number == 0 or keep[number - 1]:
                    writer.writerow(row)


def move_events(path: Path, places: np.ndarray) -> None:
    """Writes a table again whose ``event`` tells where in a dataset an event stands.

    Args:
        path: of the table, in Parquet.
        places: where each event stands now.
    """
    table = read_table(path)
    moved = pa.array(places[table["event"].to_numpy()], pa.int64())
    with atomic_path(path, private=True) as temporary:
        table = table.set_column(table.column_names.index("event"), "event", moved)
        write_table(table, temporary, encryption_in(path))
