"""A question to a plain table: a row per user, one of whose columns is the answer."""

import numpy as np
import pandas as pd
from pydantic import Field
from sklearn.model_selection import train_test_split

from recsys.data.ids import identifier, plain_text
from recsys.data.numbers import LARGEST, NumberFormat, format_hint, read_numbers
from recsys.data.sources import FileConfig, column
from recsys.data.times import TimeConfig
from recsys.errors import InputError
from recsys.marketing.propensity.answers import Amount, Answer, OneOf, Statistic, YesNo
from recsys.marketing.propensity.question import Known, Question, Table
from recsys.marketing.propensity.rules import Prior, Zero
from recsys.marketing.tables import HINT_SAMPLE, as_times, open_table, usable_times

# Shares of the rows that choose and that judge.
VALIDATION, TEST = 0.2, 0.2
# Numbers of more different values are amounts.
MOST_CLASSES = 20
# A column is one of numbers if so many of its values are, and looks like one from here on.
NUMERIC, LOOKS_NUMERIC = 0.95, 0.5
# Rows of the rarest class, from which on each part gets its share of them.
FEWEST = 5
# Columns that stand beside the features in what is written.
RESERVED = {"user", "probability", "amount", "predicted", "reasons"}
YES = ("1", "true", "yes", "y", "t")
NO = ("0", "false", "no", "n", "f")
# Beside the columns of the table while it is read.
MOMENT = "_moment"


class LabelledTableConfig(TimeConfig, FileConfig):
    """A table with an answer for each user, such as who left."""

    label: str = Field(description="column with the answer")
    positive: str | None = Field(
        None,
        description="the value that means yes; not needed of yes and no, true and false, 1 and 0",
    )
    key: str | None = Field(None, description="column with the user's id; the row's number")
    time: str | None = Field(
        None,
        description="column to split by, oldest first: 60 % are learned from, 20 % choose, 20 % "
        "judge; at random by default",
    )
    leave_out: list[str] = Field([], description="columns that are no features")


def ask_table(config: LabelledTableConfig, seed: int, statistic: Statistic = "mean") -> Question:
    """Reads a table and splits its rows.

    Rows without an answer are those that are asked about *now*.

    Args:
        config: the table.
        seed: of the split, unless it goes by time.
        statistic: of amounts.

    Raises:
        InputError: it cannot be read, a column is missing, there is but one answer, or nothing
            is left to predict from.
    """
    rows, moments, nameless = _read(config)
    ids = rows[config.key] if config.key else pd.Series(np.arange(1, len(rows) + 1).astype(str))
    ids = ids.astype(str).rename("user")
    given = rows[config.label]
    answered = given.notnull()
    answer, target = _answer(given[answered], config, statistic)
    times = None
    if moments is not None:
        where = f"{config.path}, {config.time!r} (table.time)"
        times = as_times(rows[config.time][answered], moments[answered], config, where)
    left_out = {config.label, config.key, config.time, *config.leave_out}
    features, unusable = _features(
        rows[[name for name in rows if name not in left_out]], config.number_format
    )
    taken = sorted({*features.columns} & RESERVED)
    if taken:
        raise InputError(
            f"{config.path}: the column {taken[0]!r} has the name of a column of the answer "
            f"(users.parquet has {', '.join(sorted(RESERVED))}): rename it, or name it in "
            "table.leave_out"
        )
    if features.columns.empty:
        raise InputError(
            f"{config.path}: no column is left to predict {config.label!r} from; see "
            "table.leave_out"
        )
    train, validation, test = (
        Table(
            features.loc[part].reset_index(drop=True),
            ids.loc[part].reset_index(drop=True),
            target.loc[part].reset_index(drop=True),
        )
        for part in _split(target, answer, times, seed)
    )
    asked = Known(features[~answered].reset_index(drop=True), ids[~answered].reset_index(drop=True))
    now = None if answered.all() else asked
    notes = [*nameless, *_notes(rows, ids, answered, left_out, features), *unusable]
    # Where many are 0, so is a simple rule.
    zero = (Zero(),) if isinstance(answer, Amount) and (target == 0).any() else ()
    rules = (*zero, Prior(answer))
    return Question(answer, train, validation, test, rules, now, tuple(notes))


def _read(config: LabelledTableConfig) -> tuple[pd.DataFrame, pd.Series | None, list[str]]:
    """All columns as text, missing where they are empty; the times to split by, if any; notes."""
    with open_table(config) as (con, raw, files):
        named = [("label", config.label), ("key", config.key), ("time", config.time)]
        named += [("leave_out", name) for name in config.leave_out]
        for role, name in named:
            if name is not None:
                column(raw, name, f"table.{role}", files)
        text = {name: plain_text(raw[name]) for name in raw.columns}
        if config.key is not None:
            text[config.key] = identifier(raw[config.key])
        where = f"{files}, {config.time!r} (table.time)"
        if config.time is not None:
            text[MOMENT] = usable_times(
                column(raw, config.time, "table.time", files), config, where
            )
        rows = con.to_pandas(raw.select(**text))
    notes = []
    if config.key is not None:
        named = rows[config.key].notnull()
        if left_out := int((~named).sum()):
            notes.append(f"rows left out for an empty {config.key!r} (table.key): {left_out}")
        rows = rows[named].reset_index(drop=True)
    return rows, None if config.time is None else rows.pop(MOMENT), notes


def _answer(
    given: pd.Series, config: LabelledTableConfig, statistic: Statistic
) -> tuple[Answer, pd.Series]:
    """The kind of the answers, and each of them."""
    asked = f"table.label: {config.label}"
    values = given.str.casefold()
    different = sorted(values.unique())
    if len(different) < 2:
        raise InputError(
            f"{config.path}: the label {config.label!r} has one value only, "
            f"{different[0] if different else 'none'!r}: there is nothing to tell apart"
        )
    if config.positive is not None:
        positive = config.positive.strip().casefold()
        if positive not in different:
            raise InputError(
                f"{config.path}: no {config.label!r} is {config.positive!r} (table.positive); "
                f"there are {', '.join(different[:10])}"
            )
        return YesNo(f"{asked}, positive: {config.positive}"), values == positive
    if set(different) <= {*YES, *NO} and len(different) == 2:
        return YesNo(asked), values.isin(YES)
    numbers = pd.Series(read_numbers(given.tolist(), config.number_format), index=given.index)
    if np.isfinite(numbers).all() and len(different) > MOST_CLASSES:
        return Amount(asked, min(0.0, float(numbers.min())), statistic), numbers
    if len(different) > MOST_CLASSES:
        raise InputError(
            f"{config.path}: the label {config.label!r} has {len(different)} different texts, and "
            f"at most {MOST_CLASSES} are told apart; table.positive says which one means yes"
            f"{format_hint(different[:HINT_SAMPLE], config.number_format)}"
        )
    if len(different) == 2:
        raise InputError(
            f"{config.path}: the label {config.label!r} is {different[0]!r} or {different[1]!r}: "
            "say in table.positive which of them means yes"
        )
    return OneOf(asked, tuple(sorted(given.unique()))), given


def _features(given: pd.DataFrame, format: NumberFormat) -> tuple[pd.DataFrame, list[str]]:
    """Columns of numbers as numbers, all others as text; what never varies is left out.

    Also returns notes on columns of which some values are numbers only.
    """
    columns, notes = {}, []
    for name in given:
        text = given[name]
        numbers = read_numbers(text.tolist(), format)
        usable = np.abs(numbers) <= LARGEST
        there, read = int(text.count()), int(usable.sum())
        is_numeric = there > 0 and read >= NUMERIC * there
        columns[name] = np.where(usable, numbers, np.nan) if is_numeric else text.fillna("")
        odd = text[text.notnull() & ~usable].unique().tolist()[:HINT_SAMPLE]
        hint = format_hint(odd, format)
        if odd and (hint or read >= LOOKS_NUMERIC * there):
            so = "count as missing" if is_numeric else "make the column one of categories"
            notes.append(
                f"feature {name!r}: {there - read} of {there} values are not usable numbers, such "
                f"as {odd[0]!r}, and {so}{hint}"
            )
    found = pd.DataFrame({name: np.asarray(column) for name, column in columns.items()})
    found = found.set_axis(given.index)
    return found.loc[:, found.nunique(dropna=False) > 1], notes


def _notes(
    rows: pd.DataFrame,
    ids: pd.Series,
    answered: pd.Series,
    left_out: set[str | None],
    features: pd.DataFrame,
) -> tuple[str, ...]:
    """What was left out of the table, and what else its owner may not expect."""
    size, again = len(rows), int(ids.duplicated().sum())
    counts = {
        "rows have no answer, and are asked about now": int((~answered).sum()),
        "rows are of a user who has an earlier row, so that one user may be both learned from and "
        "judged": again,
    }
    notes = [f"{count:,} of {size:,} {what}" for what, count in counts.items() if count]
    offered = [str(name) for name in rows if name not in left_out]
    if constant := [name for name in offered if name not in features]:
        notes.append(f"columns left out, as they never vary: {', '.join(constant)}")
    return tuple(notes)


def _split(
    target: pd.Series,
    answer: Answer,
    times: pd.Series | None,
    seed: int,
) -> list[pd.Index]:
    """Rows to learn from, to choose by and to judge."""
    if times is not None:
        first, second = times.quantile([1 - VALIDATION - TEST, 1 - TEST])
        early, late = times <= first, times > second
        return [times.index[part] for part in (early, ~early & ~late, late)]
    alike = target if answer.classifies and target.value_counts().min() >= FEWEST else None
    rest, test = train_test_split(target.index, test_size=TEST, random_state=seed, stratify=alike)
    alike = None if alike is None else alike.loc[rest]
    share = VALIDATION / (1 - TEST)
    train, validation = train_test_split(rest, test_size=share, random_state=seed, stratify=alike)
    return [train, validation, test]
