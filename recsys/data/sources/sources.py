"""Where data comes from: an interaction log and side tables, in whatever form they are.

Everything is read through Ibis. CSV and JSON columns are read as text first, so
that ids keep the form they have in the file, and cast by their role afterwards
(:mod:`recsys.data.sources.readers`).
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import fsspec
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend
from pydantic import (
    BeforeValidator,
    Field,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from recsys.config import StrictConfig
from recsys.data.sources import public
from recsys.data.sources.cells import NULL_WORDS, readable
from recsys.data.sources.engine import blaming_input
from recsys.data.sources.files import Format, SourceFiles, find_files
from recsys.data.sources.nested import with_paths
from recsys.data.sources.numbers import Decimal, NumberFormat, Thousands
from recsys.data.sources.readers.columns import Roles, find_column
from recsys.data.sources.readers.csv_files import read_csv
from recsys.data.sources.readers.json_files import read_json
from recsys.data.sources.readers.parquet_files import read_parquet
from recsys.data.sources.readers.source import Source
from recsys.data.sources.times import TimeConfig
from recsys.errors import InputError
from recsys.system.redaction import shown_address


class FileConfig(StrictConfig):
    """The files of one table, and how to read them."""

    path: str | list[str] | None = Field(
        None,
        description="file, folder, glob or address (http, https, s3, gs), or a list of them; "
        "${NAME} is taken from the environment, relative to the working directory",
    )
    public: str | None = Field(
        None, description="name of a public data set instead of `path` (`recsys data list`)"
    )
    format: Format | None = Field(
        None, description="csv, json (one object a line) or parquet; guessed by default"
    )
    delimiter: str | None = Field(
        None,
        min_length=1,
        max_length=4,
        description="between CSV columns; found in the first lines by default",
    )
    quote: str = Field(
        '"',
        max_length=1,
        description="around CSV cells that hold a delimiter or a line break; empty: there are no "
        "quotes, and a quote is text",
    )
    escape: str | None = Field(
        None,
        min_length=1,
        max_length=1,
        description="before a quote inside quotes, for example a backslash; by default such a "
        "quote is doubled",
    )
    skip: int = Field(0, ge=0, description="lines above the header line of CSV files")
    encoding: str = Field("utf-8", description="of text files, for example latin-1")
    column_names: list[str] | None = Field(
        None, description="names of the columns of CSV files without a header line"
    )
    null_values: list[str] | None = Field(
        None,
        description="text that means that a value is missing; [] takes all text as it stands. By "
        f"default in CSV files {', '.join(NULL_WORDS)}, and none in files that have a null of "
        "their own (JSON, Parquet)",
    )
    decimal: Decimal = Field(".", description="before the fraction of numbers in text")
    thousands: Thousands | None = Field(
        None, description="between groups of digits of numbers in text; none by default"
    )
    currency: str | None = Field(
        None,
        min_length=1,
        description="sign that may stand before or after numbers in text, such as $ or EUR; it is "
        "left out, and nothing is converted",
    )

    @property
    def number_format(self) -> NumberFormat:
        """How numbers are written in text."""
        return NumberFormat(self.decimal, self.thousands, self.currency)

    @field_serializer("path", when_used="json")
    def _without_secrets(self, path: str | list[str] | None) -> str | list[str] | None:
        """What is written down of a run shows no secret of an address."""
        if isinstance(path, str):
            return shown_address(path)
        return path and [shown_address(each) for each in path]

    @model_validator(mode="after")
    def _one_place(self) -> "FileConfig":
        if (self.path is None) == (self.public is None):
            raise ValueError("give either `path` or `public`")
        return self

    @model_validator(mode="after")
    def _separators_differ(self) -> "FileConfig":
        if self.decimal == self.thousands:
            raise ValueError(f"`decimal` and `thousands` are both {self.decimal!r}: change one")
        return self

    @model_validator(mode="after")
    def _distinct_marks(self) -> "FileConfig":
        if self.quote and self.delimiter is not None and self.quote in self.delimiter:
            raise ValueError("`quote` and `delimiter` are the same: nothing could be told apart")
        if self.escape is not None and self.escape == self.delimiter:
            raise ValueError("`escape` and `delimiter` are the same: nothing could be told apart")
        return self


class Columns(StrictConfig):
    """Which column of the log plays which role."""

    user: str
    item: str | None = Field(
        None,
        description="left out: every event is of one item, for predictions about users only; "
        "there is nothing to recommend then",
    )
    time: str | None = None
    event: str | None = Field(None, description="event type, weighted by `event_weights`")
    value: str | None = Field(
        None, description="money, rating or quantity; of one piece where `quantity` is named"
    )
    quantity: str | None = Field(
        None, description="pieces: an event's value is `value` times it; negative = returned"
    )
    session: str | None = None
    channel: str | None = Field(None, description="where it happened, such as shop, web or app")
    campaign: str | None = Field(
        None, description="the campaign that the event answers; empty: none"
    )
    order: str | None = Field(
        None,
        description="a number: breaks ties of time, or replaces it; what has the same one (a "
        "basket) happened together",
    )
    split: str | None = Field(None, description="train, validation or test, for `kind: fixed`")

    @property
    def named(self) -> dict[str, str]:
        """By role the name of its column, where it has one."""
        return {role: name for role, name in self if name is not None}

    @field_validator("*")
    @classmethod
    def _filled_in(cls, name: str | None, info: ValidationInfo) -> str | None:
        if name == "":
            without = (
                "; without the line the log has no items, for predictions about users only"
                if info.field_name == "item"
                else ""
            )
            raise ValueError(f"fill in the column with the {info.field_name}{without}")
        return name


class LogConfig(TimeConfig, FileConfig):
    """An interaction log: who did what with which item, and when."""

    columns: Columns
    event_weights: dict[str, Annotated[float, Field(ge=0)] | None] = Field(
        {},
        description="weight as a target by event type; 0 = context: part of histories, never "
        "recommended; null = such rows are left out",
    )
    where: str | None = Field(
        None,
        description="condition on the log's own columns, in SQL, such as country = 'DE'; other "
        "rows, and those of which it is unknown, are left out and counted. Columns of text files "
        "are text: TRY_CAST(quantity AS DOUBLE) > 0",
    )
    minimum_value: float | None = Field(
        None, description="rows whose value is smaller or missing are set aside (returns: 1)"
    )
    minimum_order: float | None = Field(
        None, description="rows whose order is smaller are set aside (unordered rows)"
    )
    max_quarantined: float = Field(
        0.5, ge=0, le=1, description="share of unusable rows beyond which the log is refused"
    )

    @model_validator(mode="before")
    @classmethod
    def _public_columns(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("public") and "columns" not in given:
            return {**given, "columns": public.find(given["public"]).columns}
        return given

    @model_validator(mode="after")
    def _roles_fit(self) -> "LogConfig":
        needs = {
            "event_weights": (bool(self.event_weights), "event"),
            "minimum_value": (self.minimum_value is not None, "value"),
            "columns.quantity": (self.columns.quantity is not None, "value"),
            "minimum_order": (self.minimum_order is not None, "order"),
            "time_unit": (self.time_unit is not None, "time"),
            "time_format": (self.time_format is not None, "time"),
        }
        for setting, (used, role) in needs.items():
            if used and getattr(self.columns, role) is None:
                raise ValueError(f"`{setting}` needs a column with the role `{role}`")
        if self.event_weights and not any(self.event_weights.values()):
            raise ValueError("`event_weights` are all 0 or null: something must be recommended")
        return self


FEATURE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class CategoricalFeature(StrictConfig):
    """One value of a closed list, such as a country or a brand."""

    kind: Literal["categorical"]
    column: str | None = Field(None, description="in the table; the feature's name by default")
    max_vocabulary: int = Field(20_000, ge=1, description="most frequent values kept")


class MultivaluedFeature(StrictConfig):
    """Several values, such as genres or tags: a list column, or text with a separator."""

    kind: Literal["multivalued"]
    column: str | None = None
    separator: str = Field("|", min_length=1, description="between the values of a text column")
    max_values: int = Field(16, ge=1, description="values kept of one row, the first ones")
    max_vocabulary: int = Field(20_000, ge=1)


class TextFeature(StrictConfig):
    """Free text, read as lower-cased words in order."""

    kind: Literal["text"]
    column: str | None = None
    max_words: int = Field(32, ge=1, description="words kept of one row, the first ones")
    max_vocabulary: int = Field(20_000, ge=1)


class NumericFeature(StrictConfig):
    """A number, standardised over the rows that have one."""

    kind: Literal["numeric"]
    column: str | None = None


class VectorFeature(StrictConfig):
    """A ready-made vector: a list column, or text such as ``0.1 0.2`` or ``[0.1, 0.2]``."""

    kind: Literal["vector"]
    column: str | None = None


class ImageFeature(StrictConfig):
    """A picture file, named by its path: absolute, or relative to the folder of the table."""

    kind: Literal["image"]
    column: str | None = None
    size: int = Field(32, ge=4, le=512, description="pixels a side that pictures are scaled to")
    channels: Literal[1, 3] = Field(3, description="1 = grey, 3 = colours")


def _long_form(given: Any) -> Any:
    return {"kind": given} if isinstance(given, str) else given


FeatureConfig = Annotated[
    Annotated[
        CategoricalFeature
        | MultivaluedFeature
        | TextFeature
        | NumericFeature
        | VectorFeature
        | ImageFeature,
        Field(discriminator="kind"),
    ],
    BeforeValidator(_long_form),
]


class TableConfig(FileConfig):
    """A side table: one row per user or per item, with features."""

    key: str = Field(description="column with the id, as in the log")
    title: str | None = Field(None, description="column with what people call an item")
    duplicates: Literal["refuse", "first", "last"] = Field(
        "refuse",
        description="several rows with one id: refuse, or take the first or last value that is "
        "there of each column",
    )
    max_unusable: float = Field(
        0.5,
        ge=0,
        le=1,
        description="share of the values of a numeric or vector feature, of those that are there, "
        "that may be no usable numbers and count as missing; beyond it the table is refused",
    )
    features: dict[str, FeatureConfig] = Field(
        {}, description="name: kind, or name: {kind: …, column: …, …}"
    )

    @property
    def roles(self) -> dict[str, str]:
        """What each column is needed for, and its name."""
        titled = {} if self.title is None else {"title": self.title}
        columns = {f"feature {name}": f.column or name for name, f in self.features.items()}
        return {"key": self.key, **titled, **columns}

    @property
    def has_images(self) -> bool:
        """Whether it names files beside it."""
        return any(isinstance(feature, ImageFeature) for feature in self.features.values())

    @model_validator(mode="before")
    @classmethod
    def _public_key(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("public") and "key" not in given:
            # The room above tells users from items; both use the same names.
            return {**given, "key": public.KEY}
        return given

    @field_validator("features")
    @classmethod
    def _plain_names(cls, features: dict[str, Any]) -> dict[str, Any]:
        for name in features:
            if not FEATURE_NAME.fullmatch(name):
                raise ValueError(
                    f"the feature name {name!r} is used in file names and as an input of the "
                    "exported model: take letters, digits and _, and name the column by `column`"
                )
        return features


def locate(config: FileConfig, side: public.Table, scratch: Path) -> SourceFiles:
    """Finds the files of a source, fetching a public data set when that is what it names."""
    if config.public is not None:
        path: str | list[str] = str(public.table_file(config.public, side))
    else:
        assert config.path is not None  # the model's validator requires one of the two
        path = config.path
    with blaming_input(str(path)):
        return find_files(path, scratch, config.format, config.encoding)


def read_table(
    con: Backend,
    files: SourceFiles,
    config: FileConfig,
    name: str,
    roles: Roles | None = None,
    whole: bool = False,
) -> Source:
    """Reads files as one table; CSV and scalar JSON columns are text, as are bytes.

    Words for a missing value are missing, as the config says.

    Args:
        con: an engine of :func:`recsys.data.sources.engine.connect`.
        files: what :func:`locate` found.
        config: how to read them.
        name: a name for the table, unique in the engine.
        roles: by role the columns that are needed, which alone are read; all by default.
        whole: read the others, too.

    Returns:
        The table, and the lines of text files that are not rows of it.

    Raises:
        InputError: a file cannot be read, or lacks a column that is needed.
    """
    if files.filesystem is not None:
        _register(con, files.filesystem)
    needed = None if whole else roles
    with blaming_input(str(files)):
        if files.format == "parquet":
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
        InputError: there is none of that name; the message has the nearest.
    """
    found = find_column(name, role, table.columns, where)
    if found not in (name, name.strip()):
        raise InputError(
            f"{where}: there is nothing at {name!r} ({role}): the column {found!r} has no such "
            "field, or holds no records"
        )
    return table[found]
