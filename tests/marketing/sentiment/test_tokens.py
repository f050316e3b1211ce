"""Words of texts, and numbers of words."""

import os
import subprocess
import sys

import numpy as np
import pytest
from pydantic import ValidationError

from recsys.marketing.sentiment.tokens import (
    TokensConfig,
    Vocabulary,
    drop_words,
    learn_vocabulary,
    split_words,
)


@pytest.mark.parametrize(
    "text, words",
    [
        ("I don’t LIKE 'it'; no-one's £5.", ["i", "don't", "like", "it", "no", "one's", "5"]),
        ("Ｆｕｌｌ ﬁne Straße", ["full", "fine", "strasse"]),
        ("我不喜欢这把吉他，5 stars!", ["我", "不", "喜欢", "这", "把", "吉他", "5", "stars"]),
        ("गिटार अच्छा है।", ["गिटार", "अच्छा", "है"]),  # vowel signs belong to their words
        ("Хорошо́", ["хорошо́"]),
        ("?! — ''", []),
    ],
)
def test_words(text, words):
    assert split_words(text) == words


def test_chinese_is_cut_silently_and_leaves_no_file(tmp_path):
    program = (
        "from recsys.marketing.sentiment.tokens import split_words; print(split_words('不便宜'))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "always::UserWarning", "-c", program],
        env=os.environ | {"TMPDIR": str(tmp_path), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "['不', '便宜']\n"
    assert "jieba" not in done.stderr and "pkg_resources" not in done.stderr
    assert "Loading" not in done.stderr and "Building" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_no_stop_word_is_left_out_unless_asked():
    assert TokensConfig().left_out() == frozenset()


def test_stop_words_keep_negations():
    left_out = TokensConfig(stop_words=["en", "zh"]).left_out()
    kept = split_words("it is not good, i don't like it, dont guitar; 我不喜欢这个")
    assert drop_words(kept, left_out) == ["not", "don't", "dont", "guitar", "不", "喜欢"]


def test_negations_may_be_chosen():
    left_out = TokensConfig(stop_words=["en"], negations=["Never"]).left_out()
    assert "not" in left_out and "never" not in left_out


def test_negations_of_other_languages_must_be_given():
    with pytest.raises(ValidationError, match="stop words of de hold negations"):
        TokensConfig(stop_words=["de"])
    left_out = TokensConfig(stop_words=["de"], negations=["nicht", "kein"]).left_out()
    assert "und" in left_out and not {"nicht", "kein"} & left_out


def test_a_language_without_stop_words_is_refused():
    with pytest.raises(ValidationError, match="no stop words are known of tlh, only of: af"):
        TokensConfig(stop_words=["tlh"])


def test_a_vocabulary_holds_the_words_of_the_most_texts():
    texts = [["b", "a", "a"], ["b", "a", "d"], ["b", "c", "d"], ["e"]]
    assert learn_vocabulary(texts, TokensConfig()).numbers == {"b": 2, "a": 3, "d": 4}
    small = learn_vocabulary(texts, TokensConfig(vocabulary_size=4, minimum_reviews=1))
    assert list(small.numbers) == ["b", "a", "d", "c"]
    assert small.size == 6


def test_texts_as_numbers():
    vocabulary = Vocabulary({"a": 2, "b": 3})
    texts = [["b", "z", "a", "a"], [], ["z", "y"]]
    np.testing.assert_array_equal(vocabulary.encode(texts, 3), [[3, 1, 2], [0, 0, 0], [1, 1, 0]])
    assert vocabulary.encode(texts, 3).dtype == np.int32
    np.testing.assert_allclose(vocabulary.unknown_shares(texts), [0.25, 1, 1])
    assert vocabulary.unknown_words(texts) == {"z": 2, "y": 1}
