"""Iceberg tables, by pyiceberg: of a catalog that it is configured for, or of a metadata file.

Credentials come from pyiceberg's own configuration, or from where the store's own tools take them
(environment, profile, role).
"""

import importlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import pyarrow as pa

from recsys.data.sources.lakes.snapshot import Rows, Span, Version, reason
from recsys.errors import InputError
from recsys.system.extras import require

METADATA_ENDING = ".metadata.json"
# Object stores are read as other files are, through fsspec, with the same providers.
THROUGH_FSSPEC = {"py-io-impl": "pyiceberg.io.fsspec.FsspecFileIO"}
SHOWN = 10


@dataclass(frozen=True)
class IcebergSnapshot:
    """An Iceberg table at one snapshot.

    Attributes:
        where: the table, as the user named it.
        table: of pyiceberg.
        snapshot: likewise.
    """

    where: str
    table: Any
    snapshot: Any

    @cached_property
    def version(self) -> Version:
        """Which one."""
        time = datetime.fromtimestamp(self.snapshot.timestamp_ms / 1000, UTC)
        uuid, number = str(self.table.metadata.table_uuid), self.snapshot.snapshot_id
        return Version("iceberg", uuid, number, time.isoformat(timespec="milliseconds"))

    @cached_property
    def schema(self) -> pa.Schema:
        """Its columns, those that it is partitioned by included."""
        schema: pa.Schema = self._scan().projection().as_arrow()
        return schema

    def rows(self, columns: Sequence[str], span: Span | None) -> Rows:
        """Reads some of its columns: file by file in the order of their names, deletes applied.

        Raises:
            InputError: the table has deletes by equality, which pyiceberg does not read.
        """
        from pyiceberg.expressions import AlwaysTrue
        from pyiceberg.io.pyarrow import ArrowScan

        scan = self._scan(columns)
        try:
            tasks = sorted(scan.plan_files(), key=lambda task: str(task.file.file_path))
            wanted = self._may_hold(span, columns)
        except Exception as error:  # pyiceberg and its stores have exceptions of their own
            raise InputError(f"{self.where} cannot be read: {reason(error)}") from None
        # How many rows a file has with deletes is known once it is read: it is not skipped.
        read = [
            task
            for task in tasks
            if wanted is None or task.delete_files or task.file.file_path in wanted
        ]
        total = None
        if len(read) < len(tasks):
            total = sum(task.file.record_count for task in tasks)
            if any(task.delete_files for task in tasks):
                read, total = tasks, None
        arrow = ArrowScan(scan.table_metadata, scan.io, scan.projection(), AlwaysTrue())
        schema = scan.projection().as_arrow()

        def batches() -> Iterator[pa.RecordBatch]:
            # Asked for several files, pyiceberg holds all of them in memory.
            for task in read:
                yield from arrow.to_record_batches([task])

        return Rows(pa.RecordBatchReader.from_batches(schema, batches()).cast(schema), total, True)

    def _scan(self, columns: Sequence[str] = ("*",), **settings: Any) -> Any:
        chosen = {"selected_fields": tuple(columns), "snapshot_id": self.snapshot.snapshot_id}
        return self.table.scan(**chosen, **settings)

    def _may_hold(self, span: Span | None, columns: Sequence[str]) -> set[str] | None:
        """Files with a row of a time that is wanted, or without a time; None: all may have one."""
        place = -1 if span is None else self.schema.get_field_index(span.column)
        if span is None or place < 0:
            return None
        kind = self.schema.field(place).type
        bounds = span.widened(kind)
        if bounds is None:
            return None
        # By its full name, as its types do not know how its own constructors are called.
        made: Any = importlib.import_module("pyiceberg.expressions")
        signs = (made.GreaterThanOrEqual, made.LessThan)
        within = made.AlwaysTrue()
        for compare, bound in zip(signs, bounds, strict=True):
            if bound is not None:
                within = made.And(within, compare(span.column, _literal(bound, kind)))
        found = self._scan(columns, row_filter=made.Or(made.IsNull(span.column), within))
        return {task.file.file_path for task in found.plan_files()}


def open_iceberg(
    place: str, where: str, version: int | str | None, as_of: datetime | None
) -> IcebergSnapshot:
    """Opens an Iceberg table.

    Args:
        place: ``CATALOG.NAMESPACE.TABLE`` of a catalog that pyiceberg is configured for, the path
            or address of a metadata file, or that of a folder whose ``version-hint.text`` names
            the current one.
        where: what messages call it.
        version: the id of a snapshot, or the name of a branch or tag; the current one by default.
        as_of: the snapshot that was current then instead.

    Raises:
        InputError: there is no such table or snapshot, it is damaged, or its catalog or store
            cannot be reached or refuses.
        MissingExtra: ``pyiceberg`` is not installed.
    """
    require("pyiceberg.table", extra="lake", what=f"reading the Iceberg table {where}")
    is_file = "://" in place or place.endswith(METADATA_ENDING) or os.path.isdir(place)
    table = _of_metadata(place, where) if is_file else _of_catalog(place, where)
    return IcebergSnapshot(where, table, _snapshot(table, where, version, as_of))


def _of_metadata(place: str, where: str) -> Any:
    from pyiceberg.exceptions import ValidationError
    from pyiceberg.table import StaticTable

    if "://" in place:
        require("s3fs" if place.startswith("s3") else "fsspec", extra="lake", what=f"{where}")
    try:
        return StaticTable.from_metadata(place, THROUGH_FSSPEC if "://" in place else {})
    except FileNotFoundError:
        if place.endswith(METADATA_ENDING):
            raise InputError(f"no metadata file {where}") from None
        raise InputError(
            f"{where} does not say which of its metadata files is current (it has no "
            "metadata/version-hint.text): name that file (*.metadata.json) in `path`, or the table "
            "by its catalog, as CATALOG.NAMESPACE.TABLE"
        ) from None
    except (ValueError, ValidationError) as error:
        raise InputError(f"the metadata of the table {where} is broken: {reason(error)}") from None
    except Exception as error:  # each store has its own exceptions
        raise InputError(f"{where} cannot be reached: {reason(error)}") from None


def _of_catalog(name: str, where: str) -> Any:
    from pyiceberg.catalog import load_catalog
    from pyiceberg.exceptions import NoSuchTableError

    catalog, *inside = name.split(".")
    if len(inside) < 2:
        raise InputError(
            f"there is no folder or file {where}, and it is not an Iceberg table of a catalog: "
            "those are named CATALOG.NAMESPACE.TABLE"
        )
    try:
        return load_catalog(catalog).load_table(tuple(inside))
    except NoSuchTableError:
        raise InputError(f"the catalog {catalog} has no table {'.'.join(inside)}") from None
    except ValueError as error:
        raise InputError(
            f"the catalog {catalog} of the table {where} is not configured: {reason(error)}. "
            "pyiceberg is configured by ~/.pyiceberg.yaml or by variables such as "
            f"PYICEBERG_CATALOG__{catalog.upper()}__URI"
        ) from None
    except Exception as error:  # each catalog has its own exceptions
        raise InputError(f"the catalog {catalog} cannot be used: {reason(error)}") from None


def _snapshot(table: Any, where: str, version: int | str | None, as_of: datetime | None) -> Any:
    found = table.current_snapshot()
    if found is None:
        raise InputError(f"the Iceberg table {where} has no snapshot yet: it has no rows")
    if as_of is not None:
        found = table.snapshot_as_of_timestamp(int(as_of.timestamp() * 1000))
    elif isinstance(version, int):
        found = table.snapshot_by_id(version)
    elif version is not None:
        found = table.snapshot_by_name(version)
    if found is None:
        named = f"version {version}" if as_of is None else f"state as of {as_of}"
        known = [str(each.snapshot_id) for each in table.snapshots()]
        more = f" and {len(known) - SHOWN} older ones" if len(known) > SHOWN else ""
        raise InputError(
            f"{where} has no {named}, or it has expired: its snapshots are "
            f"{', '.join(known[-SHOWN:])}{more}"
        )
    return found


def _literal(time: datetime, kind: pa.DataType) -> str:
    if pa.types.is_date(kind):
        return time.date().isoformat()
    return time.strftime("%Y-%m-%dT%H:%M:%S") + ("+00:00" if kind.tz else "")
