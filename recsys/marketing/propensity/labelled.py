"""A task on a plain table: its labelled rows split, without columns that carry no information."""

from dataclasses import replace

import pandas as pd

from recsys.errors import InputError
from recsys.marketing.propensity.baselines import Prior, Zero
from recsys.marketing.propensity.keys import rows_of_one_user
from recsys.marketing.propensity.labelled_table import (
    LabelledTable,
    LabelledTableConfig,
    read_labelled,
)
from recsys.marketing.propensity.objectives import Regression, Statistic
from recsys.marketing.propensity.splitting import PARTS, Parts, split_at_random, split_by_time
from recsys.marketing.propensity.table_features import (
    Features,
    ids_perhaps,
    named,
    rare_texts,
    row_numbers,
)
from recsys.marketing.propensity.task import Known, Table, Task
from recsys.marketing.users.encoding import RARE
from recsys.protection.forgotten import NOBODY, ForgottenUsers

# Columns that stand beside the features in the tables written.
RESERVED = {"user", "probability", "amount", "predicted", "reasons"}
# Users with a label, below which none is left to test on.
FEWEST_USERS = 50


def task_of_table(
    config: LabelledTableConfig,
    seed: int,
    statistic: Statistic = "mean",
    forgotten: ForgottenUsers = NOBODY,
) -> Task:
    """Reads a table and splits its rows.

    Rows without a label are those that are predicted *now*. No user, known by ``key``, is on
    two sides of the split (:mod:`recsys.marketing.propensity.splitting`); without a key, rows that
    are copies of one another are kept together. Columns that carry no information are left
    out, and named in the notes.

    Args:
        config: the table.
        seed: of the split.
        statistic: of amounts.
        forgotten: users who are left out.

    Raises:
        InputError: the table cannot be read, a column is missing or has two roles, there is only
            one label, hardly a user has one, or no column is left to predict from.
    """
    given = read_labelled(config, forgotten)
    answered = given.ids.index.isin(given.label.target.index)
    if taken := sorted({*given.features.table} & RESERVED):
        raise InputError(
            f"{config.path}: the column {taken[0]!r} has the name of a column of the results "
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
    objective, baselines = given.label.objective, []
    if isinstance(objective, Regression):
        objective = replace(objective, statistic=statistic)
        # Where some are 0, so is a baseline.
        baselines += [Zero()] if (given.label.target == 0).any() else []
    return Task(objective, train, validation, test, (*baselines, Prior(objective)), now, notes)


def _require_users(given: LabelledTable, config: LabelledTableConfig) -> None:
    """Refuses a table of hardly any users, or whose key is not that of users."""
    users = given.ids.loc[given.label.target.index].nunique()
    if users >= FEWEST_USERS:
        return
    told = f"{len(given.label.target):,} rows have a label ({config.label!r}, table.label)"
    if config.key is not None:
        told += f", and {config.key!r} (table.key) has {users:,} different values in them"
    wrong = "" if config.key is None else ": if these are not users, name another column"
    raise InputError(
        f"{config.path}: {told}; at least {FEWEST_USERS} users are needed to train on some and "
        f"test on others{wrong}"
    )


def _telling(given: Features, learned: pd.Index, keyless: bool) -> tuple[pd.DataFrame, list[str]]:
    """Without columns that carry no information; and notes on those and on likely ids."""
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


def _parts(given: LabelledTable, config: LabelledTableConfig, seed: int) -> tuple[Parts, list[str]]:
    """The rows of each part, and notes on rows of one user."""
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
    if given.times is None:
        return split_at_random(target, groups, given.label.objective.classifies, seed), notes
    if (different := given.times.nunique()) < PARTS:
        raise InputError(
            f"{config.path}: {config.time!r} (table.time) has {different} different times in rows "
            f"with a label: {PARTS} are needed, to train on the first, validate on a later one and "
            "test on the last. Leave table.time out to split at random"
        )
    parts = split_by_time(given.times, groups, seed)
    if parts.left_out:
        notes.append(
            f"{parts.left_out:,} {rows} are left out: their users also have rows on the other side "
            "of a cut in time, and train, validate or test, not two of these"
        )
    return parts, notes
