"""A table of a lake as it was at one version: what is recorded of it, and its rows."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pyarrow as pa

from recsys.data.sources.formats import Lake
from recsys.system.redaction import redact

SPOKEN: dict[Lake, str] = {"delta": "Delta", "iceberg": "Iceberg"}
# What a file may hold is known in UTC, while a log's times may be of any zone.
MARGIN = timedelta(days=1)
LONGEST_REASON = 400


@dataclass(frozen=True)
class Version:
    """Which state of which table was read, as a dataset's manifest records it.

    Attributes:
        format: of the table.
        table: its id, a UUID that it keeps wherever it is copied to.
        version: Delta's version number, or Iceberg's snapshot id.
        time: when it was written, ISO 8601 in UTC; None where that is not known any more.

    Example:
        >>> version = Version("delta", "10f145fd-9435", 3, "2026-11-29T17:24:21+00:00")
        >>> print(version)
        version 3 of the Delta table 10f145fd-9435, of 2026-11-29T17:24:21+00:00
    """

    format: Lake
    table: str
    version: int
    time: str | None

    def __str__(self) -> str:
        of = f", of {self.time}" if self.time else ""
        return f"version {self.version} of the {SPOKEN[self.format]} table {self.table}{of}"

    @property
    def fingerprint(self) -> str:
        """The same for one version of one table, wherever it lies."""
        marks = json.dumps([self.format, self.table, self.version])
        return hashlib.sha256(marks.encode()).hexdigest()

    def as_document(self) -> dict[str, Any]:
        """As it stands in the manifest."""
        return asdict(self)


@dataclass(frozen=True)
class Span:
    """The times that are wanted of a log, by which files are skipped.

    Attributes:
        column: that has the time.
        since: the first time that is wanted; None: from the beginning.
        until: the first after it that is not; None: to the end.
    """

    column: str
    since: datetime | None
    until: datetime | None

    def widened(self, kind: pa.DataType) -> tuple[datetime | None, datetime | None] | None:
        """Bounds in UTC that no wanted row lies outside of, whatever the zone of the times.

        Args:
            kind: of the column; None is returned for one that has no times, such as text.
        """
        if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
            return None
        return (
            self.since and self.since.astimezone(UTC) - MARGIN,
            self.until and self.until.astimezone(UTC) + MARGIN,
        )


@dataclass(frozen=True)
class Rows:
    """The rows of a table as they are read.

    Attributes:
        batches: of all files that may hold what is wanted.
        total: how many rows those files and the skipped ones have; None: no file was skipped.
        in_order: whether they come in the same order each time.
    """

    batches: pa.RecordBatchReader
    total: int | None
    in_order: bool


class Snapshot(Protocol):
    """A table at one version."""

    @property
    def version(self) -> Version:
        """Which one."""

    @property
    def schema(self) -> pa.Schema:
        """Its columns, those that it is partitioned by included."""

    def rows(self, columns: Sequence[str], span: Span | None) -> Rows:
        """Reads some of its columns, in bounded memory.

        Args:
            columns: their names.
            span: files that have no row of it are skipped, where the table knows that.

        Raises:
            InputError: a feature of the table is not supported.
        """


def reason(error: BaseException) -> str:
    """What a reader says was wrong, in one line without colours, stacked causes and secrets."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error) or type(error).__name__)
    # A store answers in XML, whose further tags name keys and requests.
    parts = re.findall(r"<(?:Code|Message)>([^<]*)<", text)
    if parts:
        text = f"{text.partition('<')[0].strip()} {': '.join(parts)}"
    line = " ".join(text.replace("↳", " ").split())
    return redact(line)[:LONGEST_REASON].rstrip(".")
