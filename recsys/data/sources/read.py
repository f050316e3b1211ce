"""Reads a source, in whatever form it is, as one table of the engine.

Everything is read through Ibis. CSV and JSON columns are read as text first, so
that ids keep the form they have in the file, and cast by their role afterwards
(:mod:`recsys.data.sources.readers`).
"""

from dataclasses import replace
from pathlib import Path

import fsspec
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from recsys.data.sources import public
from recsys.data.sources.cells import NULL_WORDS, readable
from recsys.data.sources.config import FileConfig
from recsys.data.sources.engine import blaming_input
from recsys.data.sources.files import SourceFiles, find_files
from recsys.data.sources.lakes.open_table import open_table
from recsys.data.sources.lakes.recognise import lake_of
from recsys.data.sources.lakes.snapshot import Span
from recsys.data.sources.nested import with_paths
from recsys.data.sources.readers.columns import Roles, find_column
from recsys.data.sources.readers.csv_files import read_csv
from recsys.data.sources.readers.json_files import read_json
from recsys.data.sources.readers.lake_tables import read_lake
from recsys.data.sources.readers.parquet_files import read_parquet
from recsys.data.sources.readers.source import Source
from recsys.errors import InputError


def locate(config: FileConfig, side: public.Table, scratch: Path) -> SourceFiles:
    """Finds the files of a source, fetching a public data set when that is what it names."""
    if config.public is not None:
        path: str | list[str] = str(public.table_file(config.public, side))
    else:
        assert config.path is not None  # the model's validator requires one of the two
        path = config.path
    with blaming_input(str(path)):
        lake = None if config.public else lake_of(path, config.format)
        if lake is not None:
            assert isinstance(path, str)  # a list names no table
            return open_table(lake, path, scratch, config.version, config.as_of)
        if config.version is not None or config.as_of is not None:
            raise InputError(
                f"{path} is not a Delta or Iceberg table: `version` and `as_of` are for those"
            )
        return find_files(path, scratch, config.format, config.encoding)


def read_table(
    con: Backend,
    files: SourceFiles,
    config: FileConfig,
    name: str,
    roles: Roles | None = None,
    whole: bool = False,
    span: Span | None = None,
) -> Source:
    """Reads files as one table; CSV and scalar JSON columns are text, as are bytes.

    Words for a missing value are read as missing, as the config says.

    Args:
        con: an engine of :func:`recsys.data.sources.engine.connect`.
        files: what :func:`locate` found.
        config: how to read them.
        name: a name for the table, unique in the engine.
        roles: by role the columns that are needed; only these are read, all by default.
        whole: read the other columns, too.
        span: times that are wanted, for tables that can skip the files of others.

    Returns:
        The table, and the lines of text files that are not rows of it.

    Raises:
        InputError: a file cannot be read, or lacks a column that is needed.
    """
    if files.filesystem is not None:
        _register(con, files.filesystem)
    needed = None if whole else roles
    with blaming_input(str(files)):
        if files.snapshot is not None:
            source = read_lake(con, files, name, needed, span)
        elif files.format == "parquet":
            source = read_parquet(con, files, name, needed)
        elif files.format == "json":
            source = read_json(con, files, name, needed)
        else:
            source = read_csv(con, files, config, name, needed)
        in_text = NULL_WORDS if files.format == "csv" else ()
        words = in_text if config.null_values is None else config.null_values
        # A view of its own, so that no expression over it reads a cell twice.
        table = con.create_view(f"{name}_readable", readable(source.table, words))
        return replace(source, table=with_paths(table, (roles or {}).values()))


def _register(con: Backend, filesystem: fsspec.AbstractFileSystem) -> None:
    protocols = filesystem.protocol
    name = protocols if isinstance(protocols, str) else protocols[0]
    if not con.con.filesystem_is_registered(name):
        con.con.register_filesystem(filesystem)


def column(table: ir.Table, name: str, role: str, where: object) -> ir.Column:
    """One column of a source, or what its records hold at a dotted path such as ``user.id``.

    Raises:
        InputError: there is no such column; the message names the nearest.
    """
    found = find_column(name, role, table.columns, where)
    if found not in (name, name.strip()):
        raise InputError(
            f"{where}: there is nothing at {name!r} ({role}): the column {found!r} has no such "
            "field, or holds no records"
        )
    return table[found]
