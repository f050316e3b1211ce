"""A ready-made vector: float32 [n, width], as given; zeros = missing."""

from typing import Any, Literal

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys.data.feature import Feature
from recsys.data.prepare.features.feature import BaseFeatureConfig, FeatureColumn
from recsys.data.prepare.features.unusable import NOT_ALL_NUMBERS, OUT_OF_RANGE, note_unusable
from recsys.data.sources.numbers import LARGEST, NumberFormat, read_numbers
from recsys.errors import InputError
from recsys.system.display import counted

# Between the numbers of a vector, and around them.
BRACKETS = r"\[\](){}\s;|"
EXAMPLES = 5


class VectorFeature(BaseFeatureConfig):
    """A ready-made vector: a list column, or text such as ``0.1 0.2`` or ``[0.1, 0.2]``."""

    kind: Literal["vector"]

    def encode(self, column: FeatureColumn) -> tuple[Feature, list[str]]:
        # Between numbers of a vector, a sign cannot be told from one between thousands.
        format = NumberFormat(column.number_format.decimal)
        rows, what = column.values, column.what
        table = rows.select("index", value=_lists(rows.value, format, what))
        table = table.filter(table.value.notnull()).to_pyarrow()
        lists = table["value"].combine_chunks()
        lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
        if len(set(lengths.tolist())) > 1:
            raise InputError(
                f"the {what} is a vector of mixed lengths: {_shown_lengths(lengths)}. All rows "
                "need the same length, or no vector at all."
            )
        if not len(lengths):
            raise InputError(f"the {what} has no vector in any row")
        width = int(lengths[0])
        if column.learned is not None and column.learned.feature.width != width:
            raise InputError(
                f"the {what} is a vector of {width}, the model reads one of "
                f"{column.learned.feature.width}"
            )
        numbers = _numbers(lists.flatten(), format).reshape(len(lists), int(lengths[0]))
        unread = np.isnan(numbers).any(axis=1)
        outside = (np.abs(numbers) > LARGEST).any(axis=1) & ~unread
        notes = note_unusable(column, lists, {NOT_ALL_NUMBERS: unread, OUT_OF_RANGE: outside})
        there = ~unread & ~outside
        array = np.zeros((column.size, numbers.shape[1]), dtype=np.float32)
        array[table["index"].to_numpy()[there]] = numbers[there]
        column.save(array)
        return Feature(name=column.name, kind=self.kind, width=numbers.shape[1]), notes


def _numbers(flat: pa.Array, format: NumberFormat) -> np.ndarray:
    if pa.types.is_string(flat.type):
        return read_numbers(flat, format)
    return pc.cast(flat, pa.float64()).to_numpy(zero_copy_only=False)


def _lists(value: ir.Column, format: NumberFormat, what: str) -> ir.Value:
    kind = value.type()
    if not kind.is_array():
        between = BRACKETS if format.decimal == "," else f"{BRACKETS},"
        text = value.cast("string").re_replace(f"[{between}]+", " ").strip().nullif("")
        return text.split(" ")
    if not (kind.value_type.is_numeric() or kind.value_type.is_string()):
        raise InputError(f"the {what} is a vector, but its column holds lists of {kind.value_type}")
    return value


def _shown_lengths(lengths: np.ndarray) -> str:
    values, counts = np.unique(lengths, return_counts=True)
    order: Any = np.argsort(-counts)[:EXAMPLES]
    return ", ".join(f"{counted(int(counts[i]), 'row')} of {values[i]}" for i in order)
