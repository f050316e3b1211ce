"""Which words of a text are read."""

import numpy as np
from pydantic import Field

from recsys.config import StrictConfig


class WordsConfig(StrictConfig):
    """What every reader of texts may be told."""

    minimum_items: int = Field(
        1, ge=1, description="words that fewer items of the fitted part have are left out"
    )
    word_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of words hidden in training, so that each word learns to stand for "
        "itself (Iyyer et al., 2015)",
    )


def taught_words(words_NW: np.ndarray, fitted_items: int, minimum_items: int) -> np.ndarray:
    """Leaves out words that training cannot teach the meaning of.

    The vector of a word that no fitted item has stays what it was drawn as, and
    a word of a single item adds nothing to the item's id. What such a word
    would add to the vector of a new item is noise.

    Args:
        words_NW: int [items, words], padded with 0.
        fitted_items: how many of the items, the first ones, training sees.
        minimum_items: of them that must have a word for it to be kept.

    Returns:
        int [items, words], the words that are left, in order, padded with 0.

    >>> taught_words(np.array([[3, 1, 0], [3, 2, 0], [2, 3, 9]]), 2, 1).tolist()
    [[3, 1, 0], [3, 2, 0], [2, 3, 0]]
    >>> taught_words(np.array([[3, 1, 0], [3, 2, 0], [2, 3, 9]]), 2, 2).tolist()
    [[3, 0, 0], [3, 0, 0], [3, 0, 0]]
    """
    fitted = np.sort(words_NW[:fitted_items], axis=1)
    is_first = np.diff(fitted, axis=1, prepend=-1) > 0
    items = np.bincount(fitted[is_first], minlength=int(words_NW.max(initial=0)) + 1)
    kept = (words_NW > 0) & (items[words_NW] >= minimum_items)
    order = np.argsort(~kept, axis=1, kind="stable")
    return np.take_along_axis(np.where(kept, words_NW, 0), order, axis=1)
