"""A plain table of labelled users as read: features, ids, labels, and times to split by."""

from dataclasses import dataclass, replace
from typing import Self

import ibis.expr.types as ir
import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator

from recsys.data.prepare.ids import identifier
from recsys.data.sources.cells import trimmed
from recsys.data.sources.config import FileConfig
from recsys.data.sources.files import SourceFiles
from recsys.data.sources.read import column
from recsys.data.sources.times import TimeConfig
from recsys.errors import InputError
from recsys.marketing.propensity.labels import Kind, Label, read_label
from recsys.marketing.propensity.table_features import (
    Features,
    Reading,
    read_features,
    texts_of,
    values,
)
from recsys.marketing.tables.columns import as_times, open_table, usable_times
from recsys.protection.config import ProtectionConfig
from recsys.protection.forgotten import NOBODY, ForgottenUsers

SEPARATORS = {"decimal", "thousands"}


class LabelledTableConfig(TimeConfig, FileConfig):
    """A table with a label for each user, such as whether the user left."""

    label: str = Field(description="column with what is predicted")
    positive: str | None = Field(
        None,
        description="the value that means yes; not needed of yes and no, true and false, 1 and 0",
    )
    objective: Kind | None = Field(
        None,
        description="by default a label of more than 20 different numbers is a regression, any "
        "other a classification. Counts, of orders for example, want a regression: 3 is more "
        "than 2",
    )
    key: str | None = Field(
        None,
        description="column with the user's id, all of whose rows are on one side of the split; "
        "by default each row is of another user, named by its number",
    )
    time: str | None = Field(
        None,
        description="column to split by, oldest first: 60 % train, 20 % validate, 20 % test; at "
        "random by default. Of a user with rows in several of these parts, those in one "
        "are kept. Other dates become days before it",
    )
    times: dict[str, str] = Field(
        {},
        description="by column the strptime format of dates in text that may be read in two ways, "
        'such as {signup: "%d/%m/%Y"}; others are found by their values',
    )
    leave_out: list[str] = Field([], description="columns that are not features")
    protection: ProtectionConfig = ProtectionConfig()

    @field_validator("positive", mode="before")
    @classmethod
    def _as_text(cls, given: object) -> object:
        """What YAML takes for a number or for true and false is text, too."""
        if isinstance(given, bool):
            return str(given).lower()
        return repr(given) if isinstance(given, int | float) else given

    @model_validator(mode="after")
    def _regressions_have_no_yes(self) -> Self:
        if self.objective == "regression" and self.positive is not None:
            raise ValueError(
                "a regression has no `positive` value: leave it or `objective: regression` out"
            )
        return self

    @property
    def reading(self) -> Reading:
        """How its columns are read."""
        stated = bool(SEPARATORS & self.model_fields_set)
        return Reading(self.number_format, stated, self, self.times)


@dataclass(frozen=True)
class LabelledTable:
    """A table as read: features, ids and labels by the row's number, and times to split by."""

    features: Features
    ids: pd.Series
    label: Label
    times: pd.Series | None
    notes: list[str]


def read_labelled(config: LabelledTableConfig, forgotten: ForgottenUsers = NOBODY) -> LabelledTable:
    """Reads a table.

    Args:
        config: the table.
        forgotten: users whose rows are left out, and counted.

    Raises:
        InputError: the table cannot be read, a column is missing or has two roles, or there is
            only one label.
    """
    with open_table(config) as (con, raw, files):
        names = _roles(config, raw, files)
        label, key, time = (names.get(role) for role in ("label", "key", "time"))
        # Each column is read by itself: a row keeps its place.
        table = con.create_table("rows", raw, temp=True)
        notes, there = [], pd.Series(True, pd.RangeIndex(table.count().execute()))
        ids = pd.Series(np.arange(1, len(there) + 1).astype(str), name="user")
        if key is not None:
            ids = values(con, identifier(table[key])).rename("user")
            out = ids.isin(forgotten.among(ids.dropna()))
            if (pseudonyms := config.protection.open_pseudonyms()) is not None:
                ids = ids.map(pseudonyms.of, na_action="ignore")
                out |= ids.isin(forgotten.among(ids.dropna()))
            if out.any():
                notes.append(f"rows left out of users who are to be forgotten: {int(out.sum()):,}")
            there = ids.notnull() & ~out
            if left_out := int(ids.isnull().sum()):
                notes.append(f"rows left out for an empty {key!r} (table.key): {left_out}")
        times = None
        if time is not None:
            where = f"{files}, {time!r} (table.time)"
            times = values(con, usable_times(table[time], config, where))
        taken = {name for role, name in names.items() if not role.startswith("times ")}
        offered = [name for name in table.columns if name not in taken]
        features = read_features(con, table, offered, config.reading, times)
        texts = texts_of(con, table[label])[there]
        positive, (format, stated) = config.positive, (config.number_format, config.reading.stated)
        try:
            found = read_label(texts, config.label, positive, format, stated, config.objective)
        except InputError as error:
            raise InputError(f"{files}: {error}") from error
        if times is not None:
            given = values(con, trimmed(table[time]))
            timeless = int((given.isnull() & there).drop(found.target.index).sum())
            if timeless and features.dates:
                notes.append(
                    f"{timeless:,} rows that are predicted have an empty {time!r} (table.time): "
                    "their dates count as missing"
                )
            # Those without a label have no part in the split.
            empty = found.target.index[given.loc[found.target.index].isnull()]
            if len(empty):
                notes.append(f"rows left out for an empty {time!r} (table.time): {len(empty):,}")
                there[empty] = False
                found = replace(found, target=found.target.drop(empty))
            answered = found.target.index
            times = as_times(given.loc[answered], times.loc[answered], config, where)
    size, known = int(there.sum()), len(found.target)
    if known < size:
        notes.append(f"{size - known:,} of {size:,} rows have no label, and are predicted now")
    features = replace(features, table=features.table[there])
    return LabelledTable(
        features, ids[there], found, times, [*notes, *found.notes, *features.notes]
    )


def _roles(config: LabelledTableConfig, raw: ir.Table, files: SourceFiles) -> dict[str, str]:
    """By role the name of its column, as the table spells it."""
    named = {"label": config.label, "key": config.key, "time": config.time}
    named |= {f"leave_out {name}": name for name in config.leave_out}
    named |= {f"times {name}": name for name in config.times}
    found = {
        role: column(raw, name, f"table.{role.split()[0]}", files).get_name()
        for role, name in named.items()
        if name is not None
    }
    roles: dict[str, str] = {}
    for role, name in found.items():
        setting = f"table.{role.split()[0]}"
        if setting != "table.leave_out" and roles.setdefault(name, setting) != setting:
            raise InputError(
                f"{files}: the column {name!r} has two roles, {roles[name]} and {setting}: name "
                "another one in one of them, or leave one out"
            )
    return found
