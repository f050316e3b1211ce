"""Numbers and vectors of a side table; what cannot be used is counted by reason, or refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys.data.sources.config import TableConfig
from recsys.data.sources.numbers import LARGEST, NumberFormat, as_number, format_hint, read_numbers
from recsys.errors import InputError

# Between the numbers of a vector, and around them.
BRACKETS = r"\[\](){}\s;|"
EXAMPLES = 5
# Values that are not numbers, of which the way they are written is guessed.
HINT_SAMPLE = 200
LONGEST_EXAMPLE = 60
# A deviation that is smaller in proportion is what rounding leaves of a constant.
ROUNDING = 1e-12
NOT_NUMBERS = "are not numbers"
NOT_ALL_NUMBERS = "hold something other than numbers"
OUT_OF_RANGE = "are out of range (infinite, or beyond 3.4e38)"


@dataclass(frozen=True)
class Numbers:
    """The usable values of a numeric feature.

    Attributes:
        index: int64 [values], whose they are.
        standardised: float32 [values].
        mean: of the values, in their own unit.
        deviation: their standard deviation; 1 where they do not vary.
        notes: what was left out.
    """

    index: np.ndarray
    standardised: np.ndarray
    mean: float
    deviation: float
    notes: list[str]


@dataclass(frozen=True)
class Vectors:
    """The usable rows of a vector feature.

    Attributes:
        index: int64 [rows], whose they are.
        values: float32 [rows, width].
        notes: what was left out.
    """

    index: np.ndarray
    values: np.ndarray
    notes: list[str]


def read_numeric(rows: ir.Table, what: str, config: TableConfig) -> Numbers:
    """Reads and standardises numbers.

    Args:
        rows: columns ``index`` and ``value``, which is there in every row.
        what: the feature, for messages.
        config: how numbers are written, and the share that may be unusable.

    Raises:
        InputError: no value is a number, or too few are.
    """
    number = as_number(rows.value, config.number_format)
    chosen = rows.select("index", number=number, given=rows.value.cast("string"))
    if rows.value.type().is_floating():
        chosen = chosen.filter(chosen.number.notnull())  # NaN is a missing value
    table = chosen.to_pyarrow()
    numbers = table["number"].to_numpy().astype(np.float64)
    there = np.abs(numbers) <= LARGEST
    if len(numbers) and not there.any():
        raise InputError(
            f"the {what} is numeric, but none of its values is a number in range, for example "
            f"{table['given'][0].as_py()!r}{_hint(table['given'], config.number_format)}. If it "
            "is text, set `kind: categorical`."
        )
    reasons = {NOT_NUMBERS: np.isnan(numbers), OUT_OF_RANGE: np.abs(numbers) > LARGEST}
    notes = _note_unusable(what, table["given"], reasons, config)
    index, numbers = table["index"].to_numpy()[there], numbers[there]
    if not len(numbers):
        return Numbers(index, numbers.astype(np.float32), 0.0, 1.0, notes)
    mean, deviation = float(numbers.mean()), float(numbers.std())
    # The exported model divides in float32.
    least = max(float(np.finfo(np.float32).tiny), ROUNDING * float(np.abs(numbers).max()))
    deviation = deviation if deviation > least else 1.0
    standardised = ((numbers - mean) / deviation).astype(np.float32)
    return Numbers(index, standardised, mean, deviation, notes)


def read_vectors(rows: ir.Table, what: str, config: TableConfig) -> Vectors:
    """Reads vectors, from lists of numbers or from text.

    Args:
        rows: columns ``index`` and ``value``, which is there in every row.
        what: the feature, for messages.
        config: how numbers are written, and the share of rows that may be unusable.

    Raises:
        InputError: there are none, their lengths differ, or too many hold something other than
            finite numbers.
    """
    # In a vector, the sign between thousands cannot be distinguished from the one between numbers.
    format = NumberFormat(config.decimal)
    table = rows.select("index", value=_lists(rows.value, format, what))
    table = table.filter(table.value.notnull()).to_pyarrow()
    lists = table["value"].combine_chunks()
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    if len(set(lengths.tolist())) > 1:
        raise InputError(
            f"the {what} is a vector of mixed lengths: {_shown_lengths(lengths)}. All rows need "
            "one length, or none at all."
        )
    if not len(lengths):
        raise InputError(f"the {what} has no vector in any row")
    flat = lists.flatten()
    if pa.types.is_string(flat.type):
        numbers = read_numbers(flat, format)
    else:
        numbers = pc.cast(flat, pa.float64()).to_numpy(zero_copy_only=False)
    numbers = numbers.reshape(len(lists), int(lengths[0]))
    unread = np.isnan(numbers).any(axis=1)
    outside = (np.abs(numbers) > LARGEST).any(axis=1) & ~unread
    notes = _note_unusable(what, lists, {NOT_ALL_NUMBERS: unread, OUT_OF_RANGE: outside}, config)
    there = ~unread & ~outside
    return Vectors(table["index"].to_numpy()[there], numbers[there].astype(np.float32), notes)


def _lists(value: ir.Column, format: NumberFormat, what: str) -> ir.Value:
    kind = value.type()
    if not kind.is_array():
        between = BRACKETS if format.decimal == "," else f"{BRACKETS},"
        text = value.cast("string").re_replace(f"[{between}]+", " ").strip().nullif("")
        return text.split(" ")
    if not (kind.value_type.is_numeric() or kind.value_type.is_string()):
        raise InputError(f"the {what} is a vector, but its column holds lists of {kind.value_type}")
    return value


def _note_unusable(
    what: str,
    given: pa.Array | pa.ChunkedArray,
    reasons: Mapping[str, np.ndarray],
    config: TableConfig,
) -> list[str]:
    """A note per reason, with an example.

    Raises:
        InputError: more values are unusable than are accepted.
    """
    notes, unusable = [], 0
    for reason, is_bad in reasons.items():
        if count := int(is_bad.sum()):
            unusable += count
            bad = given.filter(pa.array(is_bad))
            hint = _hint(bad, config.number_format) if reason == NOT_NUMBERS else ""
            shown = f"{count} of {len(given)} values {reason}, such as {_shown(bad[0])}{hint}"
            notes.append(f"{what}: {shown}")
    if unusable > config.max_unusable * len(given):
        raise InputError(
            f"{'; '.join(notes)}. Mend them, or list in `null_values` the text that stands for a "
            f"missing value; `max_unusable` (now {config.max_unusable}) is the share that is "
            "accepted."
        )
    return notes


def _hint(texts: pa.ChunkedArray, format: NumberFormat) -> str:
    return format_hint(texts.slice(0, HINT_SAMPLE).to_pylist(), format)


def _shown(value: pa.Scalar) -> str:
    text = repr(value.as_py())
    return text if len(text) <= LONGEST_EXAMPLE else f"{text[:LONGEST_EXAMPLE]}…"


def _shown_lengths(lengths: np.ndarray) -> str:
    values, counts = np.unique(lengths, return_counts=True)
    order: Any = np.argsort(-counts)[:EXAMPLES]
    return ", ".join(f"{counts[i]} rows of {values[i]}" for i in order)
