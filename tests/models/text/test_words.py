"""Which words training can teach."""

import numpy as np

from recsys.models.text.words import taught_words


def test_words_that_training_cannot_teach_are_left_out():
    words = np.array([[3, 1, 0], [2, 3, 2], [2, 9, 3]])
    assert taught_words(words, 2, 1).tolist() == [[3, 1, 0], [2, 3, 2], [2, 3, 0]]
    # Twice in one item is one item.
    assert taught_words(words, 2, 2).tolist() == [[3, 0, 0], [3, 0, 0], [3, 0, 0]]
