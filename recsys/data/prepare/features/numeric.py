"""A number: float32 [n], (value - mean) / deviation; 0 = missing."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from recsys.data.feature import Feature
from recsys.data.prepare.features.feature import (
    BaseFeatureConfig,
    Column,
    EventColumn,
    FeatureColumn,
    Holds,
)
from recsys.data.prepare.features.unusable import (
    HINT_SAMPLE,
    NOT_NUMBERS,
    OUT_OF_RANGE,
    Unusable,
    hint,
    note_unusable,
    notes_on,
)
from recsys.data.sources.numbers import LARGEST, as_number
from recsys.errors import InputError

# A relative deviation below this is what rounding leaves of a constant.
ROUNDING = 1e-12


class NumericFeature(BaseFeatureConfig):
    """A number, standardised over the rows that have one."""

    of_events: ClassVar[bool] = True
    holds: ClassVar[Holds | None] = "numbers"

    kind: Literal["numeric"]

    def encode(self, column: FeatureColumn) -> tuple[Feature, list[str]]:
        index, numbers, notes = usable_numbers(column)
        if column.learned is not None:
            mean, deviation = column.learned.feature.mean, column.learned.feature.deviation
        else:
            mean, deviation = mean_and_deviation(numbers)
        array = np.zeros(column.size, dtype=np.float32)
        array[index] = (numbers - mean) / deviation
        column.save(array)
        return Feature(name=column.name, kind=self.kind, mean=mean, deviation=deviation), notes

    def encode_events(self, column: EventColumn) -> tuple[Feature, ir.Table, list[str]]:
        events, notes = usable_events(column)
        mean, deviation = mean_and_deviation(*_training_numbers(column, events))
        value = ((events.number - mean) / deviation).fill_null(0.0).cast("float32")
        feature = Feature(name=column.name, kind=self.kind, mean=mean, deviation=deviation)
        return feature, events.mutate(value=value).drop("number"), notes

    @staticmethod
    def decode(feature: Feature, values: np.ndarray, words: Sequence[str]) -> np.ndarray:
        return (values * feature.deviation + feature.mean).astype(np.float32)


def usable_numbers(column: FeatureColumn) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The numbers of a column.

    Returns:
        int64 [values], the row of each in the array; float64 [values]; and notes on what cannot
        be used.

    Raises:
        InputError: no value is a number, or too few are.
    """
    rows = column.values
    number = as_number(rows.value, column.number_format)
    chosen = rows.select("index", number=number, given=rows.value.cast("string"))
    if rows.value.type().is_floating():
        chosen = chosen.filter(chosen.number.notnull())  # NaN is a missing value
    table = chosen.to_pyarrow()
    numbers = table["number"].to_numpy().astype(np.float64)
    there = np.abs(numbers) <= LARGEST
    if len(numbers) and not there.any():
        raise _no_number(column, table["given"])
    reasons = {NOT_NUMBERS: np.isnan(numbers), OUT_OF_RANGE: np.abs(numbers) > LARGEST}
    notes = note_unusable(column, table["given"], reasons)
    return table["index"].to_numpy()[there], numbers[there], notes


def usable_events(column: EventColumn) -> tuple[ir.Table, list[str]]:
    """The events of a log with the numbers of a column.

    Returns:
        The events with a column ``number``, null where there is none; and notes on what cannot be
        used.

    Raises:
        InputError: no value is a number, or too few are.
    """
    events = column.events
    number = as_number(events.value, column.number_format)
    given = events.value.notnull()
    if events.value.type().is_floating():
        given = given & number.notnull()  # NaN is a missing value
    reasons = {
        NOT_NUMBERS: given & number.isnull(),
        OUT_OF_RANGE: given & (number.abs() > LARGEST),
    }
    counts = events.aggregate(
        given=given.sum(), **{reason: is_bad.sum() for reason, is_bad in reasons.items()}
    )
    count = {name: int(each or 0) for name, each in counts.to_pyarrow().to_pylist()[0].items()}
    found = [
        Unusable(
            reason, count[reason], _examples(events, is_bad) if count[reason] else pa.array([])
        )
        for reason, is_bad in reasons.items()
    ]
    if count["given"] and count["given"] == sum(each.count for each in found):
        examples = next(each.examples for each in found if each.count)
        raise _no_number(column, examples)
    notes = notes_on(column, count["given"], found)
    fits = number.abs() <= LARGEST
    usable = ibis.ifelse(fits, number.cast("float64"), ibis.null("float64"))
    return events.mutate(number=usable), notes


def _examples(events: ir.Table, is_bad: ir.BooleanValue) -> pa.ChunkedArray:
    bad = events.select("row", text=events.value.cast("string"), is_bad=is_bad)
    bad = bad.filter(bad.is_bad).order_by("row").limit(HINT_SAMPLE)
    return bad.to_pyarrow()["text"]


def _training_numbers(column: EventColumn, events: ir.Table) -> tuple[np.ndarray, np.ndarray]:
    """The different numbers of the training events, and how often there is each."""
    training = replace(column, events=events).training
    training = training.filter(training.number.notnull())
    # In an order, so that the same log has the same mean to the last bit.
    counted = training.group_by("number").aggregate(n=training.count()).order_by("number")
    table = counted.to_pyarrow()
    return table["number"].to_numpy(), table["n"].to_numpy()


def _no_number(column: Column, given: pa.Array | pa.ChunkedArray) -> InputError:
    return InputError(
        f"the {column.what} is numeric, but none of its values is a number in range, for "
        f"example {given[0].as_py()!r}{hint(given, column.number_format)}. If it is text, set "
        "`kind: categorical`."
    )


def mean_and_deviation(
    numbers: np.ndarray, counts: np.ndarray | None = None
) -> tuple[float, float]:
    """What standardises numbers; the deviation is 1 where they do not vary.

    Args:
        numbers: float64 [n].
        counts: int64 [n], how often there is each; None: once.
    """
    if not len(numbers):
        return 0.0, 1.0
    mean = float(np.average(numbers, weights=counts))
    deviation = float(np.sqrt(np.average(np.square(numbers - mean), weights=counts)))
    # The exported model divides in float32.
    least = max(float(np.finfo(np.float32).tiny), ROUNDING * float(np.abs(numbers).max()))
    return mean, deviation if deviation > least else 1.0
