"""Values of a feature that cannot be used: counted by reason, or refused."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from recsys.data.prepare.features.feature import FeatureColumn
from recsys.data.sources.numbers import NumberFormat, format_hint
from recsys.errors import InputError

# Values that are not numbers, from which the way they are written is guessed.
HINT_SAMPLE = 200
LONGEST_EXAMPLE = 60
NOT_NUMBERS = "are not numbers"
NOT_ALL_NUMBERS = "hold something other than numbers"
OUT_OF_RANGE = "are out of range (infinite, or beyond 3.4e38)"


def note_unusable(
    column: FeatureColumn,
    given: pa.Array | pa.ChunkedArray,
    reasons: Mapping[str, np.ndarray],
) -> list[str]:
    """A note per reason, with an example.

    Args:
        column: whose values they are.
        given: the values.
        reasons: by reason, bool [values]: whether each is unusable for it.

    Raises:
        InputError: more values are unusable than are accepted.
    """
    notes, unusable = [], 0
    for reason, is_bad in reasons.items():
        if count := int(is_bad.sum()):
            unusable += count
            bad = given.filter(pa.array(is_bad))
            how = hint(bad, column.number_format) if reason == NOT_NUMBERS else ""
            shown = f"{count:,} of {len(given):,} values {reason}, such as {_shown(bad[0])}{how}"
            notes.append(f"{column.what}: {shown}")
    if unusable > column.max_unusable * len(given):
        raise InputError(
            f"{'; '.join(notes)}. Mend them, or list in `null_values` the text that stands for a "
            f"missing value; `max_unusable` (now {column.max_unusable}) is the share that is "
            "accepted."
        )
    return notes


def hint(texts: pa.ChunkedArray, format: NumberFormat) -> str:
    """How numbers seem to be written that could not be read; "" where there is no telling."""
    return format_hint(texts.slice(0, HINT_SAMPLE).to_pylist(), format)


def _shown(value: pa.Scalar) -> str:
    text = repr(value.as_py())
    return text if len(text) <= LONGEST_EXAMPLE else f"{text[:LONGEST_EXAMPLE]}…"
