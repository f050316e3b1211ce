"""A side table: how an experiment describes it, and its rows in the engine, one per id."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend
from pydantic import ConfigDict, Field, model_validator

from recsys.data.feature import Side
from recsys.data.prepare.attributes import Attributes, attribute_column
from recsys.data.prepare.features.feature import feature_column
from recsys.data.prepare.features.kinds import Features
from recsys.data.prepare.ids import forgotten_among, identifier, pseudonymous
from recsys.data.sources import public
from recsys.data.sources.cells import present
from recsys.data.sources.config import FileConfig, public_knows
from recsys.data.sources.files import SourceFiles
from recsys.data.sources.read import column
from recsys.errors import InputError
from recsys.protection.forgotten import NOBODY, ForgottenUsers
from recsys.protection.pseudonyms import Pseudonyms
from recsys.system.display import counted

EXAMPLES = 5


class TableConfig(FileConfig):
    """A side table: one row per user or per item, with features."""

    model_config = ConfigDict(json_schema_extra=public_knows("key"))

    key: str = Field(description="column with the id, as in the log")
    title: str | None = Field(None, description="column with the items' names for people")
    duplicates: Literal["refuse", "first", "last"] = Field(
        "refuse",
        description="what to do with several rows of one id: refuse them, or take the first or "
        "last value of each column that is not missing",
    )
    max_unusable: float = Field(
        0.5,
        ge=0,
        le=1,
        description="share of the given values of a numeric or vector feature that may be unusable "
        "and then count as missing; beyond this share the table is refused",
    )
    features: Features = Field({}, description="name: kind, or name: {kind: …, column: …, …}")
    attributes: Attributes = Field(
        {},
        description="of items, columns that `export.filters` may name, which no training reads; "
        "name: kind (categorical, multivalued or numeric), or name: {kind: …, column: …}",
    )

    @property
    def roles(self) -> dict[str, str]:
        """What each column is needed for, and its name."""
        titled = {} if self.title is None else {"title": self.title}
        columns = {f"feature {name}": f.column or name for name, f in self.features.items()}
        columns |= {f"attribute {name}": a.column or name for name, a in self.attributes.items()}
        return {"key": self.key, **titled, **columns}

    @property
    def names_files(self) -> bool:
        """Whether the table names files, such as pictures."""
        return any(feature.names_files for feature in self.features.values())

    @model_validator(mode="before")
    @classmethod
    def _public_key(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("public") and "key" not in given:
            # The caller knows whether these are users or items; both use the same names.
            return {**given, "key": public.KEY}
        return given


@dataclass(frozen=True)
class SideTable:
    """A side table in the engine, with one row per id.

    Attributes:
        side: whose table it is.
        table: columns ``id`` (text), ``title`` if one is named, and
            ``feature.<name>`` and ``attribute.<name>`` as read.
        config: the experiment's section of it.
        folder: where relative paths in it begin; None if it is remote.
        notes: what was left out.
    """

    side: Side
    table: ir.Table
    config: TableConfig
    folder: Path | None
    notes: tuple[str, ...]


def read_side_table(
    con: Backend,
    raw: ir.Table,
    side: Side,
    config: TableConfig,
    where: SourceFiles,
    pseudonyms: Pseudonyms | None = None,
    forgotten: ForgottenUsers = NOBODY,
) -> SideTable:
    """Writes a side table into the engine, one row per id.

    Args:
        con: the engine.
        raw: the table as it was read.
        side: whose.
        config: the experiment's section of it.
        where: its files, for messages.
        pseudonyms: what the ids are replaced by; None: they stay.
        forgotten: users whose rows are left out.

    Raises:
        InputError: a column is missing, or ids are not unique.
    """
    key = column(raw, config.key, "key", where)
    chosen: dict[str, ir.Value] = {"id": identifier(key), "spelled": key.cast("string")}
    if pseudonyms is not None:
        chosen["id"] = chosen["spelled"] = pseudonymous(chosen["id"], pseudonyms)
    if config.title is not None:
        chosen["title"] = present(column(raw, config.title, "title", where).cast("string"))
    for name, feature in config.features.items():
        given = column(raw, feature.column or name, f"feature {name}", where)
        chosen[feature_column(name)] = present(given)
    for name, attribute in config.attributes.items():
        given = column(raw, attribute.column or name, f"attribute {name}", where)
        chosen[attribute_column(name)] = present(given)
    chosen["forgotten"] = ibis.literal(False)
    if forgotten:
        chosen["forgotten"] = forgotten_among(identifier(key), forgotten, pseudonyms)
    con.create_table(f"{side}_rows", raw.select(**chosen))
    rows = con.table(f"{side}_rows")
    infinite = raw.filter(key.isinf()).count().execute() if key.type().is_floating() else 0
    nameless = rows.filter(rows.id.isnull()).count().execute() - infinite
    left_out = rows.filter(rows.forgotten).count().execute()
    odd = {
        "without an id": nameless,
        "whose id is infinite": infinite,
        "of users who are to be forgotten": left_out,
    }
    notes = [f"rows of the {side} table {what}: {count:,}" for what, count in odd.items() if count]
    rows = rows.mutate(row=rows.rowid()).filter(rows.id.notnull() & ~rows.forgotten)
    rows = rows.drop("forgotten")
    counted = rows.group_by("id").aggregate(
        rows=rows.count(), first=rows.row.min(), spellings=rows.spelled.collect(distinct=True)
    )
    repeated = counted.filter(counted.rows > 1).order_by("id")
    rows = rows.drop("spelled")
    if config.duplicates == "refuse":
        _refuse_repeated(repeated, side, where)
        return SideTable(side, rows.drop("row"), config, where.folder, tuple(notes))
    merged = repeated.count().execute()
    if merged:
        notes.append(f"ids of the {side} table with several rows, merged: {merged}")
    unique = _one_row_each(con, rows, side, config)
    return SideTable(side, unique, config, where.folder, tuple(notes))


def _refuse_repeated(repeated: ir.Table, side: Side, where: object) -> None:
    examples = repeated.limit(EXAMPLES).to_pyarrow().to_pylist()
    if examples:
        shown = ", ".join(f"{entry['id']!r} ({_rows(entry)})" for entry in examples)
        count = int(repeated.count().execute())
        ids = counted(count, f"{side} id has", f"{side} ids have")
        raise InputError(
            f"{where}: {ids} several rows: {shown}. Keep "
            "one row per id, or set `duplicates: first` or `duplicates: last`."
        )


def _rows(entry: dict[str, Any]) -> str:
    """How many rows an id has, and how it is written in them if it is in several ways."""
    spellings = sorted(map(repr, entry["spellings"]))
    shown = f": {' and '.join(spellings[:EXAMPLES])} are one id" if len(spellings) > 1 else ""
    return f"{entry['rows']} rows, the first is row {entry['first'] + 1} of the table{shown}"


def _one_row_each(con: Backend, rows: ir.Table, side: Side, config: TableConfig) -> ir.Table:
    chosen = {}
    for name in rows.drop("id", "row").columns:
        there = rows[name].notnull()
        pick = rows[name].argmin if config.duplicates == "first" else rows[name].argmax
        chosen[name] = pick(rows.row, where=there)
    con.create_table(f"{side}_unique", rows.group_by("id").aggregate(**chosen))
    return con.table(f"{side}_unique")
