"""What becomes of texts that cannot be read."""

import numpy as np
import pytest

from recsys.errors import InputError
from recsys.marketing.sentiment.classifier import Scorer, refuse_unseen_language
from recsys.marketing.sentiment.tokens import Vocabulary

VOCABULARY = Vocabulary({"good": 2, "bad": 3})


class Counting:
    """Answers how many words a text has, in tenths."""

    def predict(self, texts):
        assert texts, "nothing to read"
        return np.array([len(words) / 10 for words in texts])


def test_what_cannot_be_read_gets_the_mean():
    scorer = Scorer(Counting(), VOCABULARY, mean=0.8)
    texts = [["good", "bad", "x"], ["x", "y", "bad"], [], ["good", "x"], ["很", "好"]]
    scores, unread = scorer.score(texts)
    np.testing.assert_allclose(scores, [0.3, 0.8, 0.8, 0.2, 0.8])
    assert unread.tolist() == [False, True, True, False, True]
    assert scorer.score([["x"]])[0].tolist() == [0.8]


def test_an_unseen_language_is_named():
    refuse_unseen_language(VOCABULARY, [["good", "x"], []], "test")
    with pytest.raises(InputError, match=r"unseen language: 67% of the 3 words of the test.*吉他"):
        refuse_unseen_language(VOCABULARY, [["good", "吉他"], ["吉他"]], "test")
    with pytest.raises(InputError, match="unseen language: 100% of the 0 words"):
        refuse_unseen_language(VOCABULARY, [[]], "validation")
