"""Networks and TF-IDF, fitted to reviews and chosen by later ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field
from sklearn.model_selection import StratifiedKFold

from recsys.config import Distinct, StrictConfig
from recsys.errors import InputError
from recsys.marketing.measurement.scores import PROBABILITIES, Score, score
from recsys.marketing.sentiment.baseline import SETTINGS, fit_tfidf
from recsys.marketing.sentiment.classifier import Labelled, Scorer
from recsys.marketing.sentiment.models import NetworkConfig, ReaderKind, fit_network
from recsys.marketing.sentiment.tokens import TokensConfig, Vocabulary, learn_vocabulary

BASELINE: Literal["tfidf"] = "tfidf"
DECIDING = "auc"


def balanced_accuracy(positive: np.ndarray, scores: np.ndarray) -> float:
    """The mean of the shares of positive and of negative texts that .5 tells right."""
    right = (scores >= 0.5) == positive
    # A resample may lack a class, of which scikit-learn's warns each time.
    shares = [
        np.sum(right & (positive == each)) / max(np.sum(positive == each), 1)
        for each in (True, False)
    ]
    return float(np.mean(shares))


SENTIMENT: dict[str, Score] = {
    **{name: PROBABILITIES[name] for name in ("auc", "average_precision", "brier")},
    "accuracy": lambda positive, scores: float(np.mean(positive == (scores >= 0.5))),
    "balanced_accuracy": balanced_accuracy,
}


class SentimentConfig(StrictConfig):
    """What reads reviews, and how it learns."""

    readers: Distinct[list[ReaderKind]] = Field(
        ["rnn", "lstm", "cnn"],
        min_length=1,
        description="networks that are tried; validation chooses, TF-IDF is always beside them",
    )
    tokens: TokensConfig = TokensConfig()
    network: NetworkConfig = NetworkConfig()
    folds: int = Field(
        3,
        ge=2,
        description="parts that the training reviews are cut into, each scored by a model of the "
        "others",
    )
    seed: int = Field(1, ge=0, description="of everything drawn")


@dataclass(frozen=True)
class Fitted:
    """A reader or TF-IDF, fitted to the training part.

    Attributes:
        kind: which.
        settings: chosen on validation: its best epoch, or the terms and penalty of TF-IDF.
        validation: the area under the ROC curve there, with its interval.
        scorer: reads texts.
    """

    kind: ReaderKind | Literal["tfidf"]
    settings: dict[str, float]
    validation: dict[str, float]
    scorer: Scorer


@dataclass(frozen=True)
class Fitting:
    """Fits networks and TF-IDF, and tells how far it is.

    Attributes:
        config: what is tried.
        validation: texts that stop training and choose.
        progress: told the stage and the share done.
    """

    config: SentimentConfig
    validation: Labelled
    progress: Callable[[str, float], None]

    def vocabulary(self, train: Labelled) -> Vocabulary:
        """The words of what is learned from."""
        learned = learn_vocabulary(train.texts, self.config.tokens)
        if not learned.numbers:
            raise InputError(
                f"no word occurs in {self.config.tokens.minimum_reviews} reviews of the training "
                "part: lower sentiment.tokens.minimum_reviews, or give more reviews"
            )
        return learned

    def network(self, kind: ReaderKind, train: Labelled) -> Fitted:
        """A network, stopped by validation."""
        self._tell(kind, self.config.readers.index(kind))
        scorer, epochs = self._train(kind, train)
        return Fitted(kind, {"epochs": epochs}, self._validated(scorer), scorer)

    def _train(self, kind: ReaderKind, train: Labelled) -> tuple[Scorer, int]:
        config = self.config
        return fit_network(
            kind,
            train,
            self.validation,
            self.vocabulary(train),
            config.tokens.max_words,
            config.network,
            config.seed,
        )

    def tfidf(self, train: Labelled) -> Fitted:
        """TF-IDF with the settings that validation finds best."""
        self._tell(BASELINE, len(self.config.readers))
        vocabulary = self.vocabulary(train)
        found = [(each, self._fit_tfidf(each, train, vocabulary)) for each in SETTINGS]
        settings, scorer = max(found, key=lambda each: self._auc(each[1]))
        return Fitted(BASELINE, settings, self._validated(scorer), scorer)

    def _fit_tfidf(
        self, settings: dict[str, float], train: Labelled, vocabulary: Vocabulary
    ) -> Scorer:
        least = self.config.tokens.minimum_reviews
        return fit_tfidf(train, vocabulary, least, settings, self.config.seed)

    def _auc(self, scorer: Scorer) -> float:
        predicted, _ = scorer.score(self.validation.texts)
        return SENTIMENT[DECIDING](self.validation.positive, predicted)

    def _validated(self, scorer: Scorer) -> dict[str, float]:
        predicted, _ = scorer.score(self.validation.texts)
        only = {DECIDING: SENTIMENT[DECIDING]}
        return score(self.validation.positive, predicted, only, self.config.seed)[DECIDING]

    def out_of_fold(self, fitted: Fitted, train: Labelled) -> tuple[np.ndarray, np.ndarray]:
        """Scores of the training reviews, each of a model that did not see its stars."""
        scores = np.empty(len(train.positive))
        unread = np.empty(len(train.positive), dtype=bool)
        folds = StratifiedKFold(self.config.folds, shuffle=True, random_state=self.config.seed)
        split = folds.split(train.positive, train.positive)
        for index, (others, fold) in enumerate(split):
            self._tell(f"scores, fold {index + 1}", len(self.config.readers) + 1 + index)
            if fitted.kind == BASELINE:
                known = train[others]
                scorer = self._fit_tfidf(fitted.settings, known, self.vocabulary(known))
            else:
                scorer, _ = self._train(fitted.kind, train[others])
            scores[fold], unread[fold] = scorer.score(train[fold].texts)
        return scores, unread

    def _tell(self, stage: str, done: int) -> None:
        self.progress(stage, done / (len(self.config.readers) + 1 + self.config.folds))
