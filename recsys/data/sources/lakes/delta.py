"""Delta tables, by delta-rs: local or in an object store.

Credentials come from where the store's own tools take them (environment, profile, role).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from recsys.data.sources.engine import quoted_name, quoted_text
from recsys.data.sources.lakes.snapshot import Rows, Span, Version, reason
from recsys.errors import InputError
from recsys.system.extras import require

# Of each request; a store that does not answer is given up after half a minute.
TIME_OUTS = {
    "connect_timeout": "5s",
    "timeout": "60s",
    "max_retries": "3",
    "retry_timeout": "30s",
}
# Features that the engine of delta-rs reads, in no order, and its plain files do not show.
BY_ENGINE = {"columnMapping", "deletionVectors"}


@dataclass(frozen=True)
class DeltaSnapshot:
    """A Delta table at one version.

    Attributes:
        where: the table, as the user named it.
        table: of delta-rs.
        written: when the version was committed; None where the log does not say any more.
    """

    where: str
    table: Any
    written: datetime | None

    @cached_property
    def version(self) -> Version:
        """Which one."""
        time = None if self.written is None else self.written.isoformat(timespec="milliseconds")
        return Version("delta", str(self.table.metadata().id), self.table.version(), time)

    @cached_property
    def schema(self) -> pa.Schema:
        """Its columns, those that it is partitioned by included."""
        return pa.schema(self.table.schema().to_arrow())

    def rows(self, columns: Sequence[str], span: Span | None) -> Rows:
        """Reads some of its columns: file by file in the order of their names.

        A table with deletion vectors or mapped columns is read whole by the engine of delta-rs.

        Raises:
            InputError: the table has a feature that delta-rs cannot read.
        """
        from deltalake.exceptions import DeltaError

        try:
            if BY_ENGINE & set(self.table.protocol().reader_features or ()) or self._is_mapped:
                found = self.table.scan(columns=list(columns))
                return Rows(pa.RecordBatchReader.from_stream(found), None, False)
            total = self._counted_rows() if span else None
            predicate = None if total is None or span is None else self._predicate(span)
            files = self.table.to_pyarrow_dataset(file_pruning_predicate=predicate)
        except (DeltaError, OSError) as error:
            raise InputError(f"{self.where} cannot be read: {reason(error)}") from None
        fragments = sorted(files.get_fragments(), key=lambda fragment: fragment.path)
        ordered = ds.FileSystemDataset(fragments, files.schema, files.format, files.filesystem)
        batches = ordered.scanner(columns=list(columns)).to_reader()
        return Rows(batches, None if predicate is None else total, True)

    @property
    def _is_mapped(self) -> bool:
        """Whether columns have other names in the files, also in the protocol's second version."""
        mode = self.table.metadata().configuration.get("delta.columnMapping.mode", "none")
        return bool(mode != "none")

    def _counted_rows(self) -> int | None:
        """How many rows the table has; None where some file does not say."""
        files = pa.table(self.table.get_add_actions())
        rows = files["num_records"] if "num_records" in files.column_names else None
        return None if rows is None or rows.null_count else sum(rows.to_pylist())

    def _predicate(self, span: Span) -> str | None:
        """A condition on files; rows without a time are read, and counted as such."""
        place = self.schema.get_field_index(span.column)
        bounds = None if place < 0 else span.widened(self.schema.field(place).type)
        if bounds is None:
            return None
        kind, name = self.schema.field(place).type, quoted_name(span.column)
        terms = [
            f"{name} {sign} {_literal(bound, kind)}"
            for sign, bound in zip((">=", "<"), bounds, strict=True)
            if bound is not None
        ]
        return f"{name} IS NULL OR ({' AND '.join(terms)})"


def open_delta(
    address: str, where: str, version: int | str | None, as_of: datetime | None
) -> DeltaSnapshot:
    """Opens a Delta table.

    Args:
        address: of its folder.
        where: what messages call it.
        version: which one; the newest by default.
        as_of: the newest of this time instead.

    Raises:
        InputError: there is no such table or version, its log is broken, or its store cannot be
            reached or refuses.
        MissingExtra: ``deltalake`` is not installed.
    """
    deltalake = require("deltalake", extra="lake", what=f"reading the Delta table {where}")
    from deltalake.exceptions import DeltaError, TableNotFoundError

    if isinstance(version, str):
        raise InputError(
            f"{where} has no version {version!r}: a Delta table numbers its versions from 0"
        )
    place = address if "://" in address else str(Path(address).absolute())
    try:
        table = deltalake.DeltaTable(place, storage_options=TIME_OUTS)
    except TableNotFoundError:
        raise InputError(f"{where} is not a Delta table: it has no log (_delta_log)") from None
    except OSError as error:
        raise InputError(f"{where} cannot be reached: {reason(error)}") from None
    except (DeltaError, ValueError) as error:
        raise InputError(
            f"{where}: the log of the Delta table is broken: {reason(error)}"
        ) from None
    _travel(table, where, version, as_of)
    written = _written(deltalake.DeltaTable(place, storage_options=TIME_OUTS), table.version())
    # Before its first version delta-rs gives that one.
    if as_of is not None and table.version() == 0 and written is not None and written > as_of:
        raise InputError(
            f"{where} has no state as of {as_of}: its first version is of {written}. Correct "
            "`as_of`"
        )
    return DeltaSnapshot(where, table, written)


def _travel(table: Any, where: str, version: int | None, as_of: datetime | None) -> None:
    """Goes back to an earlier version, of which ``as_of`` compares the times of the log's files."""
    from deltalake.exceptions import DeltaError

    newest = table.version()
    if version is not None and not 0 <= version <= newest:
        raise InputError(
            f"{where} has no version {version}: its versions are 0 to {newest}. Correct `version`"
        )
    asked = version if version is not None else as_of
    if asked is None:
        return
    named = f"version {version}" if version is not None else f"state as of {as_of}"
    try:
        table.load_as_version(asked)
    except (DeltaError, OSError) as error:
        raise InputError(
            f"the {named} of {where} is gone: {reason(error)}. The table's log reaches less far "
            "back: name a later one"
        ) from None


def _written(newest: Any, version: int) -> datetime | None:
    """When a version was committed; None where the log does not say any more.

    Args:
        newest: the table as it is now: the history of an earlier one numbers its commits wrongly.
        version: which one.
    """
    from deltalake.exceptions import DeltaError

    try:
        commits = newest.history(newest.version() - version + 1)
    except (DeltaError, OSError):  # commits may be gone that a checkpoint has replaced
        return None
    times = {commit["version"]: commit.get("timestamp") for commit in commits}
    since_epoch = times.get(version)
    return None if since_epoch is None else datetime.fromtimestamp(since_epoch / 1000, UTC)


def _literal(time: datetime, kind: pa.DataType) -> str:
    if pa.types.is_date(kind):
        return quoted_text(time.date().isoformat())
    return quoted_text(time.strftime("%Y-%m-%dT%H:%M:%S") + ("Z" if kind.tz else ""))
