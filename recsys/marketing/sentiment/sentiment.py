"""Learns what reviews say, is judged on a later period, and gives every review a score."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator
from sklearn.model_selection import StratifiedKFold

from recsys.config import StrictConfig
from recsys.data.dataset import PARTS
from recsys.data.splits import iso
from recsys.errors import InputError
from recsys.marketing.scores import PROBABILITIES, Score, difference, score
from recsys.marketing.sentiment.baseline import SETTINGS, fit_tfidf
from recsys.marketing.sentiment.classifier import Labelled, Scorer, refuse_unseen_language
from recsys.marketing.sentiment.models import NetworkConfig, ReaderKind, fit_network
from recsys.marketing.sentiment.reviews import Reviews
from recsys.marketing.sentiment.tokens import (
    TokensConfig,
    Vocabulary,
    drop_words,
    learn_vocabulary,
    split_words,
)

# Shares of the reviews up to the end of training, and of validation.
TRAIN_SHARE, VALIDATION_SHARE = 0.8, 0.9
# Reviews of the rarer class in each part, below which no metric has an interval.
FEWEST_OF_A_CLASS = 20
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

    readers: list[ReaderKind] = Field(
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

    @field_validator("readers")
    @classmethod
    def _differ(cls, kinds: list[ReaderKind]) -> list[ReaderKind]:
        if len(set(kinds)) < len(kinds):
            raise ValueError("each reader may be named once")
        return kinds


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
class Judged:
    """The best network beside TF-IDF on the last period, and the scores of all reviews.

    Attributes:
        chosen: the network that is best on validation.
        baseline: TF-IDF.
        tried: all networks, and TF-IDF last.
        metrics: on the test part, by kind of the chosen and of the baseline.
        comparison: AUC on the test part, chosen minus baseline.
        scoring: what all reviews are scored by: the best on validation, TF-IDF included.
        parts: of each part its reviews, their positive share, when it ends, and how many of its
            reviews could not be read.
        scored: a row per review, in order of time: those of :class:`Reviews` but for the text,
            ``part``, ``sentiment`` (the probability that it is positive) and ``unread`` (its
            sentiment is only the mean).
        left_out: of :meth:`TokensConfig.left_out`; what a new text is read without.
    """

    chosen: Fitted
    baseline: Fitted
    tried: list[Fitted]
    metrics: dict[str, dict[str, dict[str, float]]]
    comparison: dict[str, float]
    scoring: Fitted
    parts: dict[str, dict[str, Any]]
    scored: pd.DataFrame
    left_out: frozenset[str]

    @property
    def verdict(self) -> str:
        """Who wins on the test part, in a sentence."""
        told = (
            f"{self.comparison['value']:+.4f} AUC, 95 % interval "
            f"{self.comparison['low']:.4f} to {self.comparison['high']:.4f}"
        )
        if self.comparison["low"] > 0:
            return f"{self.chosen.kind} is better than TF-IDF ({told})."
        if self.comparison["high"] < 0:
            return f"TF-IDF is better than {self.chosen.kind}, the best network ({told})."
        reviews = self.parts["test"]["reviews"]
        return f"{self.chosen.kind} and TF-IDF: no difference that {reviews} reviews show ({told})."

    def score(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """What new texts say; see :meth:`recsys.marketing.sentiment.classifier.Scorer.score`."""
        words = [drop_words(split_words(text), self.left_out) for text in texts]
        return self.scoring.scorer.score(words)

    def as_document(self) -> dict[str, Any]:
        """Everything but models and single reviews, as JSON knows it."""
        tried = [
            {"kind": each.kind, "settings": each.settings, "validation": each.validation}
            for each in self.tried
        ]
        return {
            "chosen": self.chosen.kind,
            "scoring": self.scoring.kind,
            "verdict": self.verdict,
            "comparison": self.comparison,
            "test": self.metrics,
            "tried": tried,
            "parts": self.parts,
        }


def judge_sentiment(
    reviews: Reviews,
    config: SentimentConfig,
    progress: Callable[[str, float], None] = lambda stage, share: None,
) -> Judged:
    """Learns on early reviews, chooses on later ones, and is judged on the last.

    Training holds the first .8 of the reviews, validation those up to .9, test the rest;
    reviews of one moment stay together. Stars are the truth. Networks and TF-IDF learn from
    training, validation stops their training and chooses, test is read by the best network and
    by TF-IDF, once.

    **Which stars were seen.** No review is scored by a model that was fitted to its stars. Test
    stars were not seen at all. Validation reviews are scored by the model of the training part;
    their stars chose it and its last epoch, no more. Training reviews are cut into
    ``config.folds`` at random, and each fold is scored by a model of the others, stopped by
    the same validation stars. A training review's model has therefore seen stars of other,
    also later, training reviews, and the choice those of validation: what must not know the
    future at all uses reviews of the test part.

    Args:
        reviews: of :func:`recsys.marketing.sentiment.reviews.read_reviews`.
        config: what is tried.
        progress: told the stage and the share done.

    Raises:
        InputError: all reviews are positive, or negative; there are too few of a class in a
            part; or a later part is in a language that training does not know.
    """
    table = reviews.table
    _require_two_classes(table)
    parts = _split(table["time"].to_numpy())
    truth = table["positive"].to_numpy(dtype=bool)
    for name, rows in parts.items():
        _require_enough(name, truth[rows])
    left_out = config.tokens.left_out()
    progress("words", 0.0)
    words = [drop_words(split_words(text), left_out) for text in table["text"]]
    labelled = {name: Labelled(words, truth)[rows] for name, rows in parts.items()}
    train, validation, test = labelled["train"], labelled["validation"], labelled["test"]
    fitting = _Fitting(config, validation, progress)
    for name in ("validation", "test"):
        refuse_unseen_language(fitting.vocabulary(train), labelled[name].texts, name)

    tried = [fitting.network(kind, train) for kind in config.readers]
    baseline = fitting.tfidf(train)
    chosen = max(tried, key=_deciding)
    scoring = max(chosen, baseline, key=_deciding)

    predictions = {each.kind: each.scorer.score(test.texts)[0] for each in (chosen, baseline)}
    sentiment, unread = np.empty(len(table)), np.empty(len(table), dtype=bool)
    for name in ("validation", "test"):
        found = scoring.scorer.score(labelled[name].texts)
        sentiment[parts[name]], unread[parts[name]] = found
    sentiment[parts["train"]], unread[parts["train"]] = fitting.out_of_fold(scoring, train)
    progress("metrics", 1.0)
    return Judged(
        chosen,
        baseline,
        [*tried, baseline],
        {
            kind: score(test.positive, predicted, SENTIMENT, config.seed)
            for kind, predicted in predictions.items()
        },
        difference(
            test.positive,
            predictions[chosen.kind],
            predictions[baseline.kind],
            SENTIMENT[DECIDING],
            config.seed,
        ),
        scoring,
        {name: _described(table.iloc[rows], unread[rows]) for name, rows in parts.items()},
        _scored(table, parts, sentiment, unread),
        left_out,
    )


@dataclass(frozen=True)
class _Fitting:
    """Fits networks and TF-IDF, and tells how far it is."""

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
        self._tell(kind, self.config.readers.index(kind))
        scorer, epochs = self._train(kind, train)
        return Fitted(kind, {"epochs": epochs}, self._judge(scorer), scorer)

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
        self._tell(BASELINE, len(self.config.readers))
        vocabulary = self.vocabulary(train)
        found = [(each, self._fit_tfidf(each, train, vocabulary)) for each in SETTINGS]
        settings, scorer = max(found, key=lambda each: self._auc(each[1]))
        return Fitted(BASELINE, settings, self._judge(scorer), scorer)

    def _fit_tfidf(
        self, settings: dict[str, float], train: Labelled, vocabulary: Vocabulary
    ) -> Scorer:
        least = self.config.tokens.minimum_reviews
        return fit_tfidf(train, vocabulary, least, settings, self.config.seed)

    def _auc(self, scorer: Scorer) -> float:
        predicted, _ = scorer.score(self.validation.texts)
        return SENTIMENT[DECIDING](self.validation.positive, predicted)

    def _judge(self, scorer: Scorer) -> dict[str, float]:
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


def _deciding(fitted: Fitted) -> float:
    return fitted.validation["value"]


def _split(times: np.ndarray) -> dict[str, np.ndarray]:
    """The rows of each part; what happened at one moment stays together."""
    cuts = [np.floor(np.quantile(times, share)) for share in (TRAIN_SHARE, VALIDATION_SHARE)]
    part = np.searchsorted(cuts, times, side="left")
    return {name: np.flatnonzero(part == index) for index, name in enumerate(PARTS)}


def _require_two_classes(table: pd.DataFrame) -> None:
    if table["positive"].nunique() == 2:
        return
    stars = table["stars"]
    which = "positive" if table["positive"].all() else "negative"
    raise InputError(
        f"all {len(table)} reviews are {which}: their stars are from {stars.min():g} to "
        f"{stars.max():g}. Set reviews.positive_from so that both kinds occur."
    )


def _require_enough(name: str, positive: np.ndarray) -> None:
    rarer = min(int(positive.sum()), int((~positive).sum()))
    if rarer >= FEWEST_OF_A_CLASS:
        return
    raise InputError(
        f"too few reviews: of {len(positive)} in the {name} part {int(positive.sum())} are "
        f"positive, and {FEWEST_OF_A_CLASS} positive and as many negative ones are needed in each "
        "part (reviews of one moment are in one part). Give more reviews, or change "
        "reviews.positive_from."
    )


def _described(rows: pd.DataFrame, unread: np.ndarray) -> dict[str, Any]:
    return {
        "reviews": len(rows),
        "positive_share": float(rows["positive"].mean()),
        "from": iso(int(rows["time"].min())),
        "until": iso(int(rows["time"].max())),
        "unread": int(unread.sum()),
    }


def _scored(
    table: pd.DataFrame, parts: dict[str, np.ndarray], sentiment: np.ndarray, unread: np.ndarray
) -> pd.DataFrame:
    names = np.empty(len(table), dtype=object)
    for name, rows in parts.items():
        names[rows] = name
    categories = pd.Categorical(names, PARTS)
    scored = table.drop(columns="text")
    return scored.assign(part=categories, sentiment=sentiment, unread=unread)
