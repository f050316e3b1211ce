"""The baseline to beat: TF-IDF with logistic regression, on scikit-learn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from recsys.marketing.sentiment.classifier import Labelled, Scorer
from recsys.marketing.sentiment.tokens import Vocabulary

# Neighbouring words that are one term, at most, and the inverse of the penalty.
SETTINGS: list[dict[str, float]] = [
    {"ngrams": ngrams, "strength": strength}
    for ngrams in (1, 2)
    for strength in (0.3, 1.0, 3.0, 10.0, 30.0)
]


@dataclass(frozen=True)
class TfIdf:
    """A fitted pipeline as a classifier.

    Attributes:
        pipeline: terms' weights, and a logistic regression on them.
    """

    pipeline: Pipeline

    def predict(self, texts: Sequence[list[str]]) -> np.ndarray:
        """float [texts], the probability that each is positive."""
        return self.pipeline.predict_proba(texts)[:, 1]


def fit_tfidf(
    train: Labelled,
    vocabulary: Vocabulary,
    minimum_reviews: int,
    settings: dict[str, float],
    seed: int,
) -> Scorer:
    """Weighs terms by 1 + log of their count times their rarity, and fits a regression.

    The whole of each text is read, as networks read the first words only.

    Args:
        train: texts that are learned from.
        vocabulary: of them; says which texts can be read.
        minimum_reviews: texts that must have a term.
        settings: one of :data:`SETTINGS`.
        seed: of the solver.
    """
    pipeline = make_pipeline(
        TfidfVectorizer(
            tokenizer=_as_it_is,
            preprocessor=_as_it_is,
            token_pattern=None,
            lowercase=False,
            ngram_range=(1, int(settings["ngrams"])),
            min_df=minimum_reviews,
            sublinear_tf=True,
        ),
        LogisticRegression(C=settings["strength"], max_iter=1000, random_state=seed),
    )
    pipeline.fit(train.texts, train.positive)
    return Scorer(TfIdf(pipeline), vocabulary, float(train.positive.mean()))


def _as_it_is(words: list[str]) -> list[str]:
    return words
