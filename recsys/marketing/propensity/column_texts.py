"""A column of text that may be one of numbers or dates: its different texts, and what was read."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from recsys.data.sources.cells import NULL_WORDS

# Share of the values that are there, from which on a column is one of numbers, or of dates.
MOST = 0.95
# From which on numbers or dates among them are worth a word.
LOOKS = 0.5
# What people write, in lower case, for a value that is missing.
MISSING = frozenset(
    {word.casefold() for word in NULL_WORDS}
    | {"na", "n.a.", "#na", "nil", "?", ".", "--", "---", "–", "—", "unknown", "missing"}
)  # fmt: skip


@dataclass(frozen=True)
class DifferentTexts:
    """The different texts of a column, without words for a missing value.

    Attributes:
        texts: [different].
        counts: int [different], the rows of each.
        places: int [rows], of each row's text; -1 where its value is missing.
        missing: words for a missing value, and the rows of each.
    """

    texts: list[str]
    counts: np.ndarray
    places: np.ndarray
    missing: dict[str, int]

    @classmethod
    def of(cls, texts: pd.Series) -> "DifferentTexts":
        """Of a column [rows], None where a value is missing."""
        codes, different = pd.factorize(texts)
        counts = np.bincount(codes[codes >= 0], minlength=len(different))
        is_word = np.array([text.casefold() in MISSING for text in different], dtype=bool)
        places = np.append(np.where(is_word, -1, np.cumsum(~is_word) - 1), -1)
        words = zip(different[is_word], counts[is_word].tolist(), strict=True)
        return cls(different[~is_word].tolist(), counts[~is_word], places[codes], dict(words))

    @property
    def there(self) -> int:
        """Rows whose value is there."""
        return int(self.counts.sum())

    def rows(self, chosen: np.ndarray) -> int:
        """How many rows have one of the texts chosen, bool [different]."""
        return int(self.counts[chosen].sum())

    def spread(self, values: np.ndarray) -> np.ndarray:
        """A float of each text, as float of each row; NaN where there is none."""
        return np.append(values, np.nan)[self.places]


@dataclass(frozen=True)
class ReadColumn:
    """A column that was tried to be read as numbers, or as dates.

    Attributes:
        values: float64 [rows]; NaN where a value is missing or was not read.
        there: rows whose value is there, and is not a word for a missing one.
        read: how many of them were read.
        odd: different texts among them that were not.
        missing: words for a missing value, and the rows of each.
        said: how the values are written; empty if nothing is to be said of it.
        doubt: why it is not known what the values are; else empty.
    """

    values: np.ndarray
    there: int
    read: int
    odd: list[str] = field(default_factory=list)
    missing: dict[str, int] = field(default_factory=dict)
    said: str = ""
    doubt: str = ""

    @property
    def holds(self) -> bool:
        """Whether nearly all of the values were read, beyond doubt."""
        return not self.doubt and self.read > 0 and self.read >= MOST * self.there
