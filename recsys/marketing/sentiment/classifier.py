"""What says whether a text is positive, and what becomes of texts that it cannot read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from recsys.errors import InputError
from recsys.marketing.sentiment.tokens import Vocabulary

# With a larger share of unknown words nothing can be said of a text.
MOST_UNKNOWN = 0.5
EXAMPLES = 8


@dataclass(frozen=True)
class Labelled:
    """Texts in words, and what is true of them.

    Attributes:
        texts: the words of each.
        positive: bool [texts].
    """

    texts: Sequence[list[str]]
    positive: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> "Labelled":
        return Labelled([self.texts[int(row)] for row in rows], self.positive[rows])


class Classifier(Protocol):
    """Reads texts."""

    def predict(self, texts: Sequence[list[str]]) -> np.ndarray:
        """float [texts], the probability that each is positive."""


@dataclass(frozen=True)
class Scorer:
    """A classifier with the words it has learned.

    Attributes:
        classifier: fitted.
        vocabulary: the words of the part it was fitted to.
        mean: the positive share of that part.
    """

    classifier: Classifier
    vocabulary: Vocabulary
    mean: float

    def score(self, texts: Sequence[list[str]]) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities, and which of them are only the mean.

        A text that has no words, or more unknown than known ones (another language, say),
        gets the mean.

        Returns:
            float [texts], the probability that each is positive; bool [texts], which could not
            be read.
        """
        unread = self.vocabulary.unknown_shares(texts) > MOST_UNKNOWN
        scores = np.full(len(texts), self.mean)
        readable = np.flatnonzero(~unread)
        if len(readable):
            scores[readable] = self.classifier.predict([texts[int(row)] for row in readable])
        return scores, unread


def refuse_unseen_language(vocabulary: Vocabulary, texts: Sequence[list[str]], name: str) -> None:
    """Refuses to test on texts of which the training part knows hardly a word.

    Args:
        vocabulary: of the training part.
        texts: of a later part, in words.
        name: of that part, for the message.

    Raises:
        InputError: more than half of the words are unknown, or there is no word at all.
    """
    words = sum(map(len, texts))
    unknown = vocabulary.unknown_words(texts)
    share = sum(unknown.values()) / words if words else 1.0
    if share <= MOST_UNKNOWN:
        return
    shown = ", ".join(word for word, _ in unknown.most_common(EXAMPLES))
    raise InputError(
        f"unseen language: {share:.0%} of the {words} words of the {name} part do not occur in "
        f"the training part{f', such as {shown}' if shown else ''}. Train on reviews in the "
        "languages of all parts (or raise sentiment.tokens.vocabulary_size)."
    )
