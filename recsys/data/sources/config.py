"""How a source is described in an experiment: an interaction log, a side table, their files."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import (
    ConfigDict,
    Field,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from recsys.config import StrictConfig
from recsys.data.sources import public
from recsys.data.sources.cells import NULL_WORDS
from recsys.data.sources.formats import Format
from recsys.data.sources.numbers import Decimal, NumberFormat, Thousands
from recsys.data.sources.times import DateOrTime, TimeConfig
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
        None,
        description="csv, json (one object a line), parquet, delta or iceberg; guessed by default",
    )
    version: int | str | None = Field(
        None,
        description="of a Delta or Iceberg table (`VERSION AS OF` in SQL): Delta's version number, "
        "or Iceberg's snapshot id, branch or tag; the newest by default",
    )
    as_of: DateOrTime | None = Field(
        None,
        description="the version of a Delta or Iceberg table that was current then (`TIMESTAMP AS "
        "OF` in SQL): a time with its zone or a date (in UTC)",
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
    encoding: str = Field("utf-8", description="of text files, for example cp1252")
    column_names: list[str] | None = Field(
        None, description="names of the columns of CSV files without a header line"
    )
    null_values: list[str] | None = Field(
        None,
        description="text that stands for a missing value; [] takes all text as it stands. By "
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
    def _one_version(self) -> "FileConfig":
        if self.version is not None and self.as_of is not None:
            raise ValueError("give `version` or `as_of`, not both")
        return self

    @model_validator(mode="after")
    def _separators_differ(self) -> "FileConfig":
        if self.decimal == self.thousands:
            raise ValueError(f"`decimal` and `thousands` are both {self.decimal!r}: change one")
        return self

    @model_validator(mode="after")
    def _distinct_marks(self) -> "FileConfig":
        if self.quote and self.delimiter is not None and self.quote in self.delimiter:
            raise ValueError("`quote` and `delimiter` must differ: change one of them")
        if self.escape is not None and self.escape == self.delimiter:
            raise ValueError("`escape` and `delimiter` must differ: change one of them")
        return self


def public_knows(key: str) -> Callable[[dict[str, Any]], None]:
    """For the JSON Schema: a path needs ``key``, and a public data set comes with it."""

    def changed(schema: dict[str, Any]) -> None:
        schema["required"].remove(key)
        schema["anyOf"] = [{"required": ["public"]}, {"required": ["path", key]}]

    return changed


class Columns(StrictConfig):
    """Which column of the log plays which role."""

    user: str = Field(description="id of the user")
    item: str | None = Field(
        None,
        description="left out: every event is of one item, for predictions about users only; "
        "there is nothing to recommend then",
    )
    time: str | None = Field(None, description="when it happened")
    event: str | None = Field(None, description="event type, weighted by `event_weights`")
    value: str | None = Field(
        None, description="money, rating or quantity; for one piece where `quantity` is named"
    )
    quantity: str | None = Field(
        None, description="number of pieces, by which `value` is multiplied; negative = returned"
    )
    session: str | None = Field(None, description="the visit or receipt that the event belongs to")
    channel: str | None = Field(None, description="where it happened, such as shop, web or app")
    campaign: str | None = Field(
        None, description="the campaign that the event answers; empty: none"
    )
    order: str | None = Field(
        None,
        description="a number that breaks ties of time, or replaces time; events with the same "
        "number (a basket) happened together",
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
    """An interaction log: which user did what with which item, and when."""

    model_config = ConfigDict(json_schema_extra=public_knows("columns"))

    columns: Columns
    event_weights: dict[str, Annotated[float, Field(ge=0)] | None] = Field(
        {},
        description="weight as a target by event type; 0 = context: part of histories, never "
        "recommended; null = such rows are left out",
    )
    where: str | None = Field(
        None,
        description="condition on the log's own columns, in SQL, such as country = 'DE'; rows "
        "for which it is false or unknown are left out and counted. Columns of text files are "
        "text: TRY_CAST(quantity AS DOUBLE) > 0",
    )
    minimum_value: float | None = Field(
        None,
        description="rows whose value is smaller or missing are set aside; 1 leaves out returns, "
        "whose quantity is negative",
    )
    minimum_order: float | None = Field(
        None, description="rows whose order is smaller are set aside, such as 0 for unordered"
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
            raise ValueError(
                "`event_weights` are all 0 or null: what may be recommended needs a weight above 0"
            )
        return self
