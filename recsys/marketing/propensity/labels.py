"""The labels in a column: yes or no, a number, one of several classes."""

import re
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from recsys.data.sources.numbers import NumberFormat
from recsys.data.sources.text import WHOLE
from recsys.errors import InputError
from recsys.marketing.propensity.column_numbers import numbers_of
from recsys.marketing.propensity.column_texts import MISSING
from recsys.marketing.propensity.objectives import Binary, Multiclass, Objective, Regression
from recsys.system.display import counted

# Numbers of more different values are a regression.
MOST_CLASSES = 20
Kind = Literal["regression", "classification"]
YES = ("1", "true", "yes", "y", "t")
NO = ("0", "false", "no", "n", "f")


@dataclass(frozen=True)
class Label:
    """The labels of a table.

    Attributes:
        objective: what predicts them.
        target: of each row that has one, by the row's number.
        notes: what is to be said of them.
    """

    objective: Objective
    target: pd.Series
    notes: tuple[str, ...] = ()


def read_label(
    texts: pd.Series,
    name: str,
    positive: str | None,
    format: NumberFormat,
    stated: bool = False,
    kind: Kind | None = None,
) -> Label:
    """What is predicted, and each row's label.

    Small and capital letters are one. Words such as NA are not a label, unless the labels are names
    of several classes, of which one may be Namibia.

    Args:
        texts: [rows], None where there is none.
        name: of the column.
        positive: the value that means yes, if a setting says so; as ``Yes``, ``yes``, ``true`` and
            ``1`` it is whichever of these the column has.
        format, stated: see :func:`recsys.marketing.propensity.column_numbers.numbers_of`.
        kind: regression or classification; None: numbers of more than :data:`MOST_CLASSES`
            different values are a regression, and fewer are classes, which is noted.

    Raises:
        InputError: there is only one label, too many, or none that is ``positive``; no setting says
            which of two means yes; or a label that is to be a regression has texts.
    """
    asked = f"table.label: {name}"
    given = texts.dropna().str.replace(WHOLE, r"\1", regex=True)
    values = given.str.casefold()
    is_word = values.isin(MISSING)
    different = sorted(values[~is_word].unique())
    numbers = numbers_of(texts, format, stated)
    if numbers.doubt and positive is None and len(different) > MOST_CLASSES:
        raise InputError(f"the label {name!r} cannot be read: {numbers.doubt}")
    are_numbers = numbers.holds and not numbers.odd
    if kind == "regression" and not are_numbers:
        odd = f", such as {numbers.odd[0]!r}" if numbers.odd else ""
        raise InputError(
            f"the label {name!r} is not a number (table.objective: regression): "
            f"{numbers.doubt or 'it has texts'}{odd}"
        )
    is_regression = are_numbers and (
        kind == "regression" or (kind is None and len(different) > MOST_CLASSES)
    )
    yes = set() if kind == "regression" and len(different) > 1 else _yes(different, name, positive)
    if not (is_regression or yes):
        found = _one_of(given, name, asked, numbers.odd)
        if kind is None and are_numbers:
            said = (
                f"{name!r} has {len(different):,} different numbers and is taken as classes; "
                "table.objective: regression predicts it as a number"
            )
            found = replace(found, notes=(*found.notes, said))
        return found
    notes = []
    for word, rows in given[is_word].value_counts().items():
        notes.append(f"the label {word!r} counts as missing ({counted(rows, 'row')})")
    if not yes:
        target = pd.Series(numbers.values, texts.index).dropna()
        if numbers.said:
            notes.append(f"the label {name!r}: {numbers.said}")
        objective = Regression(asked, min(0.0, float(target.min())), stated=kind == "regression")
        return Label(objective, target, tuple(notes))
    answers = values[~is_word]
    if len(different) > 2:
        no = answers[~answers.isin(yes)].value_counts()
        shown = ", ".join(f"{each!r} ({rows:,})" for each, rows in no.head(5).items())
        shown += f" and {len(no) - 5} others" if len(no) > 5 else ""
        means = " and ".join(map(repr, sorted(yes)))
        notes.append(f"of the label {name!r}, {means} means yes, and no: {shown}")
    if positive is not None:
        asked += f", positive: {positive}"
    return Label(Binary(asked), answers.isin(yes), tuple(notes))


def _yes(different: list[str], name: str, positive: str | None) -> set[str]:
    """The values that mean yes; none if the labels are not yes or no.

    Raises:
        InputError: there is but one value, or none that is ``positive``.
    """
    if len(different) < 2:
        raise InputError(
            f"the label {name!r} has one value only, {different[0] if different else 'none'!r}: "
            "there is nothing to tell apart. Rows whose label is empty have none; if that means "
            "no, write it."
        )
    if positive is None:
        known = set(different) <= {*YES, *NO} and set(different) & {*YES} and set(different) & {*NO}
        return set(different) & {*YES} if known else set()
    wanted = re.sub(WHOLE, r"\1", positive.strip().casefold())
    if wanted in different:
        return {wanted}
    alike = next((words for words in (YES, NO) if wanted in words), ())
    found = set(different) & {*alike}
    if len(found) == 1:
        return found
    raise InputError(
        f"no {name!r} is {positive!r} (table.positive); there are {', '.join(different[:10])}"
    )


def _one_of(given: pd.Series, name: str, asked: str, odd: list[str]) -> Label:
    folded = given.str.casefold()
    different = sorted(folded.unique())
    if len(different) > MOST_CLASSES:
        numbers = ""
        if 0 < len(odd) < len(different) / 2:
            numbers = f". Most are numbers, but for such as {odd[0]!r}: leave these empty"
        raise InputError(
            f"the label {name!r} has {len(different):,} different texts, and at most "
            f"{MOST_CLASSES} are told apart; name in table.positive the one that means yes{numbers}"
        )
    if len(different) == 2:
        raise InputError(
            f"the label {name!r} is {different[0]!r} or {different[1]!r}: name in table.positive "
            "the one that means yes"
        )
    # Each class by its most frequent spelling.
    spelling = given.groupby(folded).agg(lambda each: each.value_counts().index[0])
    target = folded.map(spelling)
    changed = int((target != given).sum())
    notes = [
        f"of the label {name!r}, small and capital letters are one ({counted(changed, 'row')})"
    ]
    return Label(
        Multiclass(asked, tuple(sorted(spelling))), target, tuple(notes if changed else ())
    )
