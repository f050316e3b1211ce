"""A text: int32 [n, width], the indices of its words in order, padded with 0."""

import unicodedata
from collections.abc import Sequence
from typing import Literal

import ibis
import ibis.expr.types as ir
import numpy as np
from pydantic import Field

from recsys.data.feature import Feature, Side
from recsys.data.prepare.features.feature import FeatureColumn
from recsys.data.prepare.features.vocabulary import VocabularyFeature, unnested
from recsys.data.sources.text import NOT_A_WORD

# Letters of scripts that put no space between words, with the marks that belong to each.
UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}][\p{M}ー]*"


class TextFeature(VocabularyFeature):
    """Free text, read as lower-cased words in order."""

    kind: Literal["text"]
    max_words: int = Field(32, ge=1, description="words kept of one row, the first ones")

    def encode(self, column: FeatureColumn) -> tuple[Feature, list[str]]:
        values = _split_words(column.values, column.side)
        array, size, notes = self.write_vocabulary(column, values, self.max_words)
        column.save(array)
        width = array.shape[1]
        return Feature(name=column.name, kind=self.kind, width=width, vocabulary_size=size), notes

    @staticmethod
    def decode(feature: Feature, values: np.ndarray, words: Sequence[str]) -> np.ndarray:
        rows = np.asarray(words, dtype=object)[values]
        return np.asarray([" ".join(filter(None, row)) for row in rows], dtype=object)


def _split_words(rows: ir.Table, side: Side) -> ir.Table:
    """Words of letters and digits, lower-cased, in order.

    Of an item's text, compatibility forms (full-width letters, ligatures) and
    case are folded, and each character of a script without spaces is a word. A
    user's text is split as TensorFlow splits it too, in the served model.
    """
    text = rows.value.cast("string")
    if side == "item":
        text = _folded(text).re_replace(UNSPACED, r" \0 ")
    words = rows.select("index", value=text.lower().re_split(NOT_A_WORD))
    return unnested(words, "text")


@ibis.udf.scalar.python
def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", folded)
