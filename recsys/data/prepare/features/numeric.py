"""A number: float32 [n], (value - mean) / deviation; 0 = missing."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from recsys.data.feature import Feature
from recsys.data.prepare.features.feature import BaseFeatureConfig, FeatureColumn, Holds
from recsys.data.prepare.features.unusable import NOT_NUMBERS, OUT_OF_RANGE, hint, note_unusable
from recsys.data.sources.numbers import LARGEST, as_number
from recsys.errors import InputError

# A relative deviation below this is what rounding leaves of a constant.
ROUNDING = 1e-12


class NumericFeature(BaseFeatureConfig):
    """A number, standardised over the rows that have one."""

    holds: ClassVar[Holds | None] = "numbers"

    kind: Literal["numeric"]

    def encode(self, column: FeatureColumn) -> tuple[Feature, list[str]]:
        index, numbers, notes = usable_numbers(column)
        mean, deviation = mean_and_deviation(numbers)
        array = np.zeros(column.size, dtype=np.float32)
        array[index] = (numbers - mean) / deviation
        column.save(array)
        return Feature(name=column.name, kind=self.kind, mean=mean, deviation=deviation), notes

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
        raise InputError(
            f"the {column.what} is numeric, but none of its values is a number in range, for "
            f"example {table['given'][0].as_py()!r}"
            f"{hint(table['given'], column.number_format)}. If it is text, set "
            "`kind: categorical`."
        )
    reasons = {NOT_NUMBERS: np.isnan(numbers), OUT_OF_RANGE: np.abs(numbers) > LARGEST}
    notes = note_unusable(column, table["given"], reasons)
    return table["index"].to_numpy()[there], numbers[there], notes


def mean_and_deviation(numbers: np.ndarray) -> tuple[float, float]:
    """What standardises numbers; the deviation is 1 where they do not vary."""
    if not len(numbers):
        return 0.0, 1.0
    mean, deviation = float(numbers.mean()), float(numbers.std())
    # The exported model divides in float32.
    least = max(float(np.finfo(np.float32).tiny), ROUNDING * float(np.abs(numbers).max()))
    return mean, deviation if deviation > least else 1.0
