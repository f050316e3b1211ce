"""A question to a plain table: rows of users, one of whose columns is the answer."""

from dataclasses import dataclass, replace
from typing import Self

import ibis.expr.types as ir
import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator

from recsys.data.prepare.ids import identifier
from recsys.data.sources.cells import trimmed
from recsys.data.sources.files import SourceFiles
from recsys.data.sources.sources import FileConfig, column
from recsys.data.sources.times import TimeConfig
from recsys.errors import InputError
from recsys.marketing.propensity.baselines import Prior, Zero
from recsys.marketing.propensity.keys import rows_of_one_user
from recsys.marketing.propensity.labels import Kind, Label, read_label
from recsys.marketing.propensity.splitting import PARTS, Parts, split_at_random, split_by_time
from recsys.marketing.propensity.table_features import (
    Features,
    Reading,
    ids_perhaps,
    named,
    rare_texts,
    read_features,
    row_numbers,
    texts_of,
    values,
)
from recsys.marketing.propensity.task import Known, Question, Table
from recsys.marketing.propensity.task_kinds import Amount, Statistic
from recsys.marketing.tables.columns import as_times, open_table, usable_times
from recsys.marketing.users.encoding import RARE

# Columns that stand beside the features in what is written.
RESERVED = {"user", "probability", "amount", "predicted", "reasons"}
SEPARATORS = {"decimal", "thousands"}
# Users with an answer, below which nobody is left to judge by.
FEWEST_USERS = 50


class LabelledTableConfig(TimeConfig, FileConfig):
    """A table with an answer for each user, such as who left."""

    label: str = Field(description="column with the answer")
    positive: str | None = Field(
        None,
        description="the value that means yes; not needed of yes and no, true and false, 1 and 0",
    )
    answer: Kind | None = Field(
        None,
        description="whether the label is an amount or classes; by default numbers of more than 20 "
        "different values are an amount. Counts, of orders for example, are amounts: 3 is "
        "more than 2",
    )
    key: str | None = Field(
        None,
        description="column with the user's id, all of whose rows are on one side of the split; "
        "by default each row is of another user, named by its number",
    )
    time: str | None = Field(
        None,
        description="column to split by, oldest first: 60 % are learned from, 20 % choose, 20 % "
        "judge; at random by default. Of a user with rows in several of these parts, those in one "
        "are kept. Other dates become days before it",
    )
    times: dict[str, str] = Field(
        {},
        description="by column the strptime format of dates in text that may be read in two ways, "
        'such as {signup: "%d/%m/%Y"}; others are found by their values',
    )
    leave_out: list[str] = Field([], description="columns that are no features")

    @field_validator("positive", mode="before")
    @classmethod
    def _as_text(cls, given: object) -> object:
        """What YAML takes for a number or for true and false is text, too."""
        if isinstance(given, bool):
            return str(given).lower()
        return repr(given) if isinstance(given, int | float) else given

    @model_validator(mode="after")
    def _amounts_have_no_yes(self) -> Self:
        if self.answer == "amount" and self.positive is not None:
            raise ValueError("an amount has no `positive` value: leave it or `answer: amount` out")
        return self

    @property
    def reading(self) -> Reading:
        """How its columns are read."""
        stated = bool(SEPARATORS & self.model_fields_set)
        return Reading(self.number_format, stated, self, self.times)


def ask_table(config: LabelledTableConfig, seed: int, statistic: Statistic = "mean") -> Question:
    """Reads a table and splits its rows.

    Rows without an answer are those that are asked about *now*. No user, known by ``key``, is on
    two sides of the split (:mod:`recsys.marketing.propensity.splitting`); without a key, rows that
    are copies of one another are kept together. Columns that cannot tell anything are left out,
    and named in the notes.

    Args:
        config: the table.
        seed: of the split.
        statistic: of amounts.

    Raises:
        InputError: it cannot be read, a column is missing or has two roles, there is but one
            answer, hardly a user has one, or nothing is left to predict from.
    """
    given = _read(config)
    answered = given.ids.index.isin(given.label.target.index)
    if taken := sorted({*given.features.table} & RESERVED):
        raise InputError(
            f"{config.path}: the column {taken[0]!r} has the name of a column of the answer "
            f"(users.parquet has {', '.join(sorted(RESERVED))}): rename it, or name it in "
            "table.leave_out"
        )
    _require_users(given, config)
    parts, of_rows = _parts(given, config, seed)
    features, of_columns = _telling(given.features, parts.rows[0], config.key is None)
    notes = (*given.notes, *of_columns, *of_rows)
    if features.columns.empty:
        raise InputError(
            f"{config.path}: no column is left to predict {config.label!r} from; see "
            f"table.leave_out. {'; '.join([*given.features.notes, *of_columns])}"
        )
    train, validation, test = (
        Table(
            features.loc[part].reset_index(drop=True),
            given.ids.loc[part].reset_index(drop=True),
            given.label.target.loc[part].reset_index(drop=True),
        )
        for part in parts.rows
    )
    asked = Known(
        features[~answered].reset_index(drop=True), given.ids[~answered].reset_index(drop=True)
    )
    now = None if answered.all() else asked
    answer, rules = given.label.answer, []
    if isinstance(answer, Amount):
        answer = replace(answer, statistic=statistic)
        # Where some are 0, so is a simple rule.
        rules += [Zero()] if (given.label.target == 0).any() else []
    return Question(answer, train, validation, test, (*rules, Prior(answer)), now, notes)


@dataclass(frozen=True)
class _Given:
    """A table as read: features, ids and answers by the row's number, and times to split by."""

    features: Features
    ids: pd.Series
    label: Label
    moments: pd.Series | None
    notes: list[str]


def _read(config: LabelledTableConfig) -> _Given:
    with open_table(config) as (con, raw, files):
        names = _roles(config, raw, files)
        label, key, time = (names.get(role) for role in ("label", "key", "time"))
        # Each column is read by itself: a row keeps its place.
        table = con.create_table("rows", raw, temp=True)
        notes, there = [], pd.Series(True, pd.RangeIndex(table.count().execute()))
        ids = pd.Series(np.arange(1, len(there) + 1).astype(str), name="user")
        if key is not None:
            ids = values(con, identifier(table[key])).rename("user")
            there = ids.notnull()
            if left_out := int((~there).sum()):
                notes.append(f"rows left out for an empty {key!r} (table.key): {left_out}")
        moments = None
        if time is not None:
            where = f"{files}, {time!r} (table.time)"
            moments = values(con, usable_times(table[time], config, where))
        taken = {name for role, name in names.items() if not role.startswith("times ")}
        offered = [name for name in table.columns if name not in taken]
        features = read_features(con, table, offered, config.reading, moments)
        texts = texts_of(con, table[label])[there]
        positive, (format, stated) = config.positive, (config.number_format, config.reading.stated)
        try:
            found = read_label(texts, config.label, positive, format, stated, config.answer)
        except InputError as error:
            raise InputError(f"{files}: {error}") from error
        if moments is not None:
            given = values(con, trimmed(table[time]))
            timeless = int((given.isnull() & there).drop(found.target.index).sum())
            if timeless and features.dates:
                notes.append(
                    f"{timeless:,} rows that are asked about have an empty {time!r} (table.time): "
                    "their dates count as missing"
                )
            # Those without an answer have no part in the split.
            empty = found.target.index[given.loc[found.target.index].isnull()]
            if len(empty):
                notes.append(f"rows left out for an empty {time!r} (table.time): {len(empty):,}")
                there[empty] = False
                found = replace(found, target=found.target.drop(empty))
            answered = found.target.index
            moments = as_times(given.loc[answered], moments.loc[answered], config, where)
    size, known = int(there.sum()), len(found.target)
    if known < size:
        notes.append(f"{size - known:,} of {size:,} rows have no answer, and are asked about now")
    features = replace(features, table=features.table[there])
    return _Given(features, ids[there], found, moments, [*notes, *found.notes, *features.notes])


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


def _require_users(given: _Given, config: LabelledTableConfig) -> None:
    """Refuses a table of hardly anybody, or whose key is not of users."""
    users = given.ids.loc[given.label.target.index].nunique()
    if users >= FEWEST_USERS:
        return
    told = f"{len(given.label.target):,} rows have an answer ({config.label!r}, table.label)"
    if config.key is not None:
        told += f", and {config.key!r} (table.key) has {users} different values in them"
    wrong = "" if config.key is None else ": if these are not users, name another column"
    raise InputError(
        f"{config.path}: {told}; at least {FEWEST_USERS} users are needed to learn from some and "
        f"judge by others{wrong}"
    )


def _telling(given: Features, learned: pd.Index, keyless: bool) -> tuple[pd.DataFrame, list[str]]:
    """Without columns that cannot tell anything; and what is said of those and of likely ids."""
    table = given.table
    numbers = table.select_dtypes("number").drop(columns=[*given.dates])
    counts = row_numbers(numbers)
    constant = [str(name) for name in table if table[name].nunique(dropna=False) < 2]
    rare, half_rare = rare_texts(table.loc[learned].drop(columns=constant))
    few = f"fewer than {RARE} of the rows that are learned from"
    left_out: dict[str, list[str]] = {
        "as they never vary": constant,
        "as they count the rows": counts,
        f"as each of their texts is in {few}": rare,
    }
    notes = [
        f"columns left out, {why}: {named(columns)}" for why, columns in left_out.items() if columns
    ]
    if rare and keyless:
        notes[-1] += "; if one has the users' ids, name it in table.key"
    if half_rare:
        notes.append(
            f"columns of which most is lost, as texts in {few} count as one: {named(half_rare)}"
        )
    if ids := ids_perhaps(numbers.drop(columns=counts)):
        notes.append(
            f"columns with another whole number in each row: {named(ids)}; if these are ids, name "
            "them in table.leave_out, or the users' in table.key"
        )
    return table.drop(columns=[*constant, *counts, *rare]), notes


def _parts(given: _Given, config: LabelledTableConfig, seed: int) -> tuple[Parts, list[str]]:
    """The rows of each part, and what is said of rows of one user."""
    target = given.label.target
    rows = f"of {len(target):,} rows"
    groups, notes = None, []
    if config.key is not None:
        again = given.ids.loc[target.index].duplicated()
        if again.any():
            groups = given.ids.loc[target.index]
            notes.append(
                f"{int(again.sum()):,} {rows} are of a user who has an earlier row; no user is on "
                "two sides of the split"
            )
    else:
        groups, notes = rows_of_one_user(given.features, target)
    if given.moments is None:
        return split_at_random(target, groups, given.label.answer.classifies, seed), notes
    if (different := given.moments.nunique()) < PARTS:
        raise InputError(
            f"{config.path}: {config.time!r} (table.time) has {different} different times in rows "
            f"with an answer: {PARTS} are needed, to learn from the first, choose by a later and "
            "judge by the last one. Leave table.time out to split at random"
        )
    parts = split_by_time(given.moments, groups, seed)
    if parts.left_out:
        notes.append(
            f"{parts.left_out:,} {rows} are left out: their users also have rows on the other side "
            "of a cut in time, and are learned from, choose or judge, not two of these"
        )
    return parts, notes
