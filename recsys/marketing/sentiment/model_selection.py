"""Sentiment models: fitted, one selected, tested on a later period; it scores all reviews."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from recsys.data.manifest import PARTS
from recsys.data.prepare.splits import iso
from recsys.errors import InputError
from recsys.marketing.measurement.scores import difference, score
from recsys.marketing.sentiment.classifier import Labelled, refuse_unseen_language
from recsys.marketing.sentiment.fitting import (
    DECIDING,
    SENTIMENT,
    Fitted,
    Fitting,
    SentimentConfig,
)
from recsys.marketing.sentiment.reviews import Reviews
from recsys.marketing.sentiment.tokens import drop_words, split_words

# Shares of the reviews up to the end of training, and of validation.
TRAIN_SHARE, VALIDATION_SHARE = 0.8, 0.9
# Reviews of the rarer class in each part, below which no metric has an interval.
FEWEST_OF_A_CLASS = 20


@dataclass(frozen=True)
class Selected:
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
        """Which model is better on the test part, in a sentence."""
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


def select_sentiment_model(
    reviews: Reviews,
    config: SentimentConfig,
    progress: Callable[[str, float], None] = lambda stage, share: None,
) -> Selected:
    """Fits models to early reviews, selects one on later ones, and tests it on the last.

    Training holds the first .8 of the reviews, validation those up to .9, test the rest;
    reviews of one time stay together. Stars are the truth. Networks and TF-IDF learn from
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
    fitting = Fitting(config, validation, progress)
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
    return Selected(
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


def _deciding(fitted: Fitted) -> float:
    return fitted.validation["value"]


def _split(times: np.ndarray) -> dict[str, np.ndarray]:
    """The rows of each part; what has one time stays together."""
    cuts = [np.floor(np.quantile(times, share)) for share in (TRAIN_SHARE, VALIDATION_SHARE)]
    part = np.searchsorted(cuts, times, side="left")
    return {name: np.flatnonzero(part == index) for index, name in enumerate(PARTS)}


def _require_two_classes(table: pd.DataFrame) -> None:
    if table["positive"].nunique() == 2:
        return
    stars = table["stars"]
    which = "positive" if table["positive"].all() else "negative"
    raise InputError(
        f"all {len(table):,} reviews are {which}: their stars are from {stars.min():g} to "
        f"{stars.max():g}. Set reviews.positive_from so that both kinds occur."
    )


def _require_enough(name: str, positive: np.ndarray) -> None:
    rarer = min(int(positive.sum()), int((~positive).sum()))
    if rarer >= FEWEST_OF_A_CLASS:
        return
    raise InputError(
        f"too few reviews: of {len(positive):,} in the {name} part {int(positive.sum()):,} are "
        f"positive, and {FEWEST_OF_A_CLASS} positive and as many negative ones are needed in each "
        "part (reviews of one time are in one part). Give more reviews, or change "
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
