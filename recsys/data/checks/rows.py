"""Rows that were left out of a log, or that repeat."""

from collections.abc import Iterator
from typing import Any

import pyarrow.compute as pc

from recsys.data.checks.finding import Finding
from recsys.data.dataset import Dataset
from recsys.data.prepare.findings import Quality
from recsys.data.prepare.quality import WANTED
from recsys.data.prepare.wanted import DROPPED, LEFT_OUT
from recsys.data.sources.config import Columns
from recsys.protection.encryption import read_table

QUARANTINE = "quarantine.parquet"
# What mends rows that are left out, by what their reason begins with.
MENDS = {
    "missing time": "`data.log.columns.time`, or correct the rows",
    "unparseable time": "`data.log.time_format`, `data.log.time_unit` or `data.log.timezone`",
    "time before": "`data.log.earliest_time`, or `data.log.time_unit` if the unit is another",
    "time": "`data.log.latest_time`, or `data.log.time_unit` if the unit is another",
    "non-numeric": "`data.log.decimal`, `data.log.thousands` or `data.log.currency`",
    "empty": "`data.log.columns`, or `data.log.null_values` for text that means a missing value",
    "broken quotes": "`data.log.quote` or `data.log.escape`, or mend the lines",
    "wrong number of cells": "`data.log.delimiter`, or mend the lines",
    "row too long": "shorten the rows, or close a quote that is open",
    "not UTF-8": "`data.log.encoding`",
    "unlisted split value": "write train, validation or test in the column",
    LEFT_OUT: "`data.log.where`",
    DROPPED: "`data.log.event_weights`",
    "value below": "`data.log.minimum_value`",
    "missing value": "`data.log.minimum_value`",
    "order below": "`data.log.minimum_order`",
}


def row_findings(dataset: Dataset) -> Iterator[Finding]:
    """Rows left out, by reason, with the first of each; and rows that are there twice."""
    quality = Quality(**dataset.manifest.quality)
    for reason, rows in quality.quarantined.items():
        yield Finding(
            check="max_quarantined",
            severity="note" if reason in WANTED else "warning",
            what=f"rows left out: {reason}",
            count=rows,
            of=quality.rows_read,
            example=_example(dataset, reason),
            mend=next((told for begin, told in MENDS.items() if reason.startswith(begin)), ""),
        )
    usable = quality.rows_read - sum(quality.quarantined.values())
    if quality.exact_repeats:
        yield Finding(
            check="repeated_rows",
            severity="warning",
            what="rows that repeat another one in every column that is read",
            count=quality.exact_repeats,
            of=usable,
            mend="`data.repeats: first` or `last`, which keep one event of a user and an item",
            value=quality.exact_repeats / usable,
        )


def _example(dataset: Dataset, reason: str) -> str:
    """The first row of a reason, and where it stands; empty: such rows are not kept."""
    table = read_table(dataset.path / QUARANTINE)
    table = table.filter(pc.field("reason") == reason).slice(0, 1)
    if not len(table):
        return ""
    (row,) = table.to_pylist()
    name = str(row["file"]).replace("\\", "/").rpartition("/")[2]
    place = f"row {row['row']}" if row["line"] is None else f"line {row['line']}"
    return f"{place} of {name}: {row['raw'] if row['raw'] is not None else _cells(row)}"


def _cells(row: dict[str, Any]) -> str:
    roles = [role for role in Columns.model_fields if role in row]
    return ", ".join(f"{role} {row[role]!r}" for role in roles)
