"""Texts as words, and words as numbers."""

import itertools
import logging
import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import stopwordsiso
from pydantic import Field, PositiveInt, field_validator, model_validator

from recsys.config import StrictConfig

PADDING, UNKNOWN = 0, 1
# Chinese characters, and the marks that repeat one or stand for zero.
HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
RUN = re.compile(rf"[{HAN}]+|[^\s{HAN}]+")
NEGATIONS = {
    "en": re.compile(
        r"no|not|nor|non|none|noone|nobody|nothing|nowhere|neither|never|without|cannot|hardly"
        r"|barely|few|little|less"
        r"|(ai|are|ca|could|dare|did|do|does|had|has|have|is|may|might|must|need|ought|sha|should"
        r"|was|were|wo|would)n'?t"
    ),
    "zh": re.compile(r".*[不没沒无無非未别別莫勿].*"),
}


class TokensConfig(StrictConfig):
    """Which words of a review are read."""

    stop_words: list[str] = Field(
        [],
        description="languages (ISO 639-1, such as en, zh) whose most frequent words are left out "
        "before anything is read; none by default: order and emphasis are lost with them",
    )
    negations: list[str] | None = Field(
        None,
        description="stop words that are read nevertheless, because they turn the meaning; by "
        "default those known of en and zh, and to be given for other languages ([]: none)",
    )
    vocabulary_size: PositiveInt = Field(
        20_000, description="most frequent words kept of the training part"
    )
    minimum_reviews: PositiveInt = Field(
        2, description="words that fewer reviews of the training part have are not learned"
    )
    max_words: PositiveInt = Field(
        128, description="words that networks read of one review, the first ones"
    )

    @field_validator("stop_words")
    @classmethod
    def _known(cls, languages: list[str]) -> list[str]:
        unknown = [each for each in languages if not stopwordsiso.has_lang(each)]
        if unknown:
            known = ", ".join(sorted(stopwordsiso.langs()))
            raise ValueError(f"no stop words are known of {', '.join(unknown)}, only of: {known}")
        return languages

    @model_validator(mode="after")
    def _keep_negations(self) -> "TokensConfig":
        untold = [each for each in self.stop_words if each not in NEGATIONS]
        if untold and self.negations is None:
            raise ValueError(
                f"the stop words of {', '.join(untold)} hold negations that are not known here: "
                "list in `negations` what must be kept ([]: nothing)"
            )
        return self

    def left_out(self) -> frozenset[str]:
        """The stop words that are not read."""
        words = set()
        for language in self.stop_words:
            found = stopwordsiso.stopwords(language)
            if self.negations is None:
                found = {word for word in found if not NEGATIONS[language].fullmatch(word)}
            words |= found
        kept = {word for phrase in self.negations or () for word in split_words(phrase)}
        return frozenset(words - kept)


def split_words(text: str) -> list[str]:
    """The words of a text in Chinese or in a language that puts spaces between words.

    Compatibility forms and case are folded; a run of Chinese characters is cut by jieba, any
    other run of letters, digits and their marks is a word, with apostrophes inside (``don't``).
    Punctuation and signs are dropped. Scripts without spaces but Chinese are cut at Chinese
    characters and punctuation only.

    >>> split_words("Not good… I don’t like the ＡＢＣ-5.")
    ['not', 'good', 'i', "don't", 'like', 'the', 'abc', '5']
    >>> split_words("我不喜欢这把吉他!Bad")
    ['我', '不', '喜欢', '这', '把', '吉他', 'bad']
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    plain = unicodedata.normalize("NFKC", folded).translate(_CHARACTERS)
    words: list[str] = []
    for run in RUN.findall(plain):
        if _is_han(run[0]):
            words += _chinese().lcut(run)
        elif word := run.strip("'"):
            words.append(word)
    return words


def drop_words(words: Iterable[str], left_out: frozenset[str]) -> list[str]:
    """The words but for those left out, in order."""
    return [word for word in words if word not in left_out]


class _Characters(dict[int, int]):
    """What becomes of a character, for ``str.translate``; found out once each."""

    def __missing__(self, code: int) -> int:
        character = chr(code)
        is_part = character.isalnum() or unicodedata.category(character).startswith("M")
        kept = code if is_part or character == "'" else ord(" ")
        self[code] = ord("'") if character == "’" else kept
        return self[code]


_CHARACTERS = _Characters()


def _is_han(character: str) -> bool:
    return re.match(f"[{HAN}]", character) is not None


@cache
def _chinese() -> Any:
    """jieba's tokeniser, loaded with the first Chinese text.

    The dictionary is read here and not by jieba's ``initialize``, which logs to the terminal
    and trusts and leaves a file of a fixed name in the folder for temporary files.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports the deprecated pkg_resources
        import jieba
    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer


@dataclass(frozen=True)
class Vocabulary:
    """Words by number: 0 is padding, 1 any unknown word, the first word is 2.

    Attributes:
        numbers: of each word.
    """

    numbers: dict[str, int]

    @property
    def size(self) -> int:
        """Numbers there are, padding and the unknown word included."""
        return len(self.numbers) + 2

    def encode(self, texts: Sequence[list[str]], width: int) -> np.ndarray:
        """int32 [texts, width]: the first words of each text, padded on the right with 0.

        >>> Vocabulary({"good": 2}).encode([["good", "guitar"], []], 3).tolist()
        [[2, 1, 0], [0, 0, 0]]
        """
        encoded = np.full((len(texts), width), PADDING, dtype=np.int32)
        for row, words in zip(encoded, texts, strict=True):
            numbers = [self.numbers.get(word, UNKNOWN) for word in words[:width]]
            row[: len(numbers)] = numbers
        return encoded

    def unknown_shares(self, texts: Sequence[list[str]]) -> np.ndarray:
        """float [texts]: the share of words that are unknown; 1 of a text without words."""
        known = [sum(word in self.numbers for word in words) for words in texts]
        lengths = np.array([len(words) for words in texts], dtype=float)
        return 1 - np.array(known, dtype=float) / np.maximum(lengths, 1)

    def unknown_words(self, texts: Sequence[list[str]]) -> Counter[str]:
        """The words that are unknown, with how often they occur."""
        return Counter(word for words in texts for word in words if word not in self.numbers)


def learn_vocabulary(texts: Sequence[list[str]], config: TokensConfig) -> Vocabulary:
    """The words that enough texts have, the most frequent first, ties by the alphabet.

    Args:
        texts: of the training part alone, in words.
        config: which words are kept.
    """
    counts = Counter(itertools.chain.from_iterable(set(words) for words in texts))
    frequent = [entry for entry in counts.items() if entry[1] >= config.minimum_reviews]
    frequent.sort(key=lambda entry: (-entry[1], entry[0]))
    kept = frequent[: config.vocabulary_size]
    return Vocabulary({word: number for number, (word, _) in enumerate(kept, start=2)})
