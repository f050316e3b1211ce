"""What the tests of the readers share."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from recsys.data.sources.config import FileConfig
from recsys.data.sources.engine import connect
from recsys.data.sources.read import locate, read_table


class Read(NamedTuple):
    """A table that was read: names, rows, and (file, line, raw, reason) of each rejected line."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    rejected: list[tuple[str, int, str, str]]


@pytest.fixture
def read(tmp_path: Path) -> Iterator[Callable[..., Read]]:
    """Reads files as one table: ``read(path, roles={…}, quote=…, …)``."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    con = connect(scratch, memory_gib=1.0)
    tables = iter(range(100))

    def read_files(path: Any, roles: dict[str, str] | None = None, **settings: Any) -> Read:
        config = FileConfig(path=str(path), **settings)
        files = locate(config, "log", scratch)
        source = read_table(con, files, config, f"table_{next(tables)}", roles)
        rows = con.con.sql(con.compile(source.table)).fetchall()
        lines = source.rejected.order_by("file", "line").to_pyarrow().to_pylist()
        rejected = [(Path(r["file"]).name, r["line"], r["raw"], r["reason"]) for r in lines]
        return Read(tuple(source.table.columns), rows, rejected)

    yield read_files
    con.disconnect()
