"""Values of a feature that cannot be used: counted by reason, or refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from recsys.data.prepare.features.feature import Column
from recsys.data.sources.numbers import NumberFormat, format_hint
from recsys.errors import InputError

# Values that are not numbers, from which the way they are written is guessed.
HINT_SAMPLE = 200
LONGEST_EXAMPLE = 60
NOT_NUMBERS = "are not numbers"
NOT_ALL_NUMBERS = "hold something other than numbers"
OUT_OF_RANGE = "are out of range (infinite, or beyond 3.4e38)"


@dataclass(frozen=True)
class Unusable:
    """Values that cannot be used, for one reason.

    Attributes:
        reason: as the end of a sentence about the values.
        count: how many there are.
        examples: some of them, as they stand in the table.
    """

    reason: str
    count: int
    examples: pa.Array | pa.ChunkedArray


def note_unusable(
    column: Column,
    given: pa.Array | pa.ChunkedArray,
    reasons: Mapping[str, np.ndarray],
) -> list[str]:
    """A note per reason on values that are in memory; see :func:`notes_on`.

    Args:
        column: whose values they are.
        given: the values.
        reasons: by reason, bool [values]: whether each is unusable for it.
    """
    masks = {reason: pa.array(is_bad) for reason, is_bad in reasons.items()}
    found = [
        Unusable(reason, int(np.sum(reasons[reason])), given.filter(mask))
        for reason, mask in masks.items()
    ]
    return notes_on(column, len(given), found)


def notes_on(column: Column, given: int, found: Sequence[Unusable]) -> list[str]:
    """A note per reason, with an example.

    Args:
        column: whose values they are.
        given: how many values there are.
        found: those of them that cannot be used.

    Raises:
        InputError: more values are unusable than are accepted.
    """
    notes = []
    for each in found:
        if each.count:
            is_text = each.reason == NOT_NUMBERS
            how = hint(each.examples, column.number_format) if is_text else ""
            example = f"such as {_shown(each.examples[0])}{how}"
            notes.append(
                f"{column.what}: {each.count:,} of {given:,} values {each.reason}, {example}"
            )
    if sum(each.count for each in found) > column.max_unusable * given:
        raise InputError(
            f"{'; '.join(notes)}. Mend them, or list in `null_values` the text that stands for a "
            f"missing value; `{column.limit}` (now {column.max_unusable}) is the share that is "
            "accepted."
        )
    return notes


def hint(texts: pa.Array | pa.ChunkedArray, format: NumberFormat) -> str:
    """How numbers seem to be written that could not be read; "" where there is no telling."""
    return format_hint(texts.slice(0, HINT_SAMPLE).to_pylist(), format)


def _shown(value: pa.Scalar) -> str:
    text = repr(value.as_py())
    return text if len(text) <= LONGEST_EXAMPLE else f"{text[:LONGEST_EXAMPLE]}…"
