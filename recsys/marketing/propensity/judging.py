"""Answers a question about users: chosen on validation, judged once, held against a simple rule."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
from pydantic import Field
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from recsys.config import Distinct, StrictConfig
from recsys.errors import InputError
from recsys.marketing.propensity.answers import Answer, better
from recsys.marketing.propensity.estimators import KINDS, Kind, candidates
from recsys.marketing.propensity.giveaways import refuse_leaking
from recsys.marketing.propensity.question import Question, Table, together
from recsys.marketing.scores import difference, score


class EstimatorsConfig(StrictConfig):
    """By what a question is answered."""

    estimators: Distinct[list[Kind]] = Field(
        list(KINDS), min_length=1, description="kinds that are tried; validation chooses"
    )
    metric: str | None = Field(
        None,
        description="what validation chooses by; by default auc, mae of an amount, log_loss of "
        "several classes",
    )
    seed: int = Field(1, ge=0, description="of everything drawn")


@dataclass(frozen=True)
class Fitted:
    """An estimator, and by what it was chosen.

    Attributes:
        kind: of the estimator.
        settings: of it, the best of its kind on validation.
        validation: the deciding metric there.
        pipeline: fitted on what is learned from.
    """

    kind: Kind
    settings: dict[str, Any]
    validation: float
    pipeline: Pipeline


@dataclass(frozen=True)
class Judged:
    """The chosen estimator, judged.

    Attributes:
        metric: the deciding one.
        tried: the best of each kind, on validation.
        chosen: the best of them.
        judged: its pipeline, fitted on what it was learned from and validated on.
        predicted: float, of each tested user: a probability, an amount, or [users, classes].
        rule: the same by the simple rule.
        test: metrics of the estimator, with intervals.
        validation: likewise, on validation, of the estimator before it was fitted again.
        baseline: metrics of the rule, with intervals.
        comparison: the deciding metric, estimator minus rule.
    """

    metric: str
    tried: list[Fitted]
    chosen: Fitted
    judged: Pipeline
    predicted: np.ndarray
    rule: np.ndarray
    test: dict[str, dict[str, float]]
    validation: dict[str, dict[str, float]]
    baseline: dict[str, dict[str, float]]
    comparison: dict[str, float]


def judge(
    question: Question, config: EstimatorsConfig, tell: Callable[[str], None] = lambda _: None
) -> Judged:
    """Learns, chooses on validation, fits again with it, and is judged on the test part, once.

    Args:
        question: what is asked.
        config: by what it is answered.
        tell: hears what is being done.

    Raises:
        InputError: the metric is unknown; hardly anybody, or nearly everybody, has one answer;
            or a feature has seen the answer.
    """
    answer = question.answer
    metric = config.metric or answer.deciding
    if metric not in answer.scores:
        raise InputError(
            f"propensity.metric is {metric!r}; of such an answer there are "
            f"{', '.join(answer.scores)}"
        )
    train, validation, test = question.train, question.validation, question.test
    for part, table in (("learned from", train), ("validated", validation), ("tested", test)):
        answer.require_enough(part, table.target)
    refuse_leaking(train.features, train.target, answer)
    tried = []
    for kind in config.estimators:
        tell(f"trying {kind.replace('_', ' ')}")
        tried.append(_best_of_kind(kind, metric, question, config.seed))
    chosen = _best(tried, answer, metric)
    tell(f"judging {chosen.kind.replace('_', ' ')}")
    both = together(train, validation)
    judged = _fit(clone(chosen.pipeline), both)
    predicted = answer.predictions(judged, test.features)
    rule = question.rule(both, test.features)
    truth, users = answer.truth(test.target), test.users.to_numpy()
    on_validation = answer.predictions(chosen.pipeline, validation.features)
    return Judged(
        metric,
        tried,
        chosen,
        judged,
        predicted,
        rule,
        score(truth, predicted, answer.scores, config.seed, users),
        score(
            answer.truth(validation.target),
            on_validation,
            answer.scores,
            config.seed,
            validation.users.to_numpy(),
        ),
        score(truth, rule, answer.scores, config.seed, users),
        difference(truth, predicted, rule, answer.scores[metric], config.seed, users),
    )


def fit_for_now(question: Question, judged: Judged) -> Pipeline:
    """The chosen estimator, fitted on everything that is known: it predicts what comes next."""
    known = together(question.train, question.validation, question.test)
    return _fit(clone(judged.chosen.pipeline), known)


def _fit(pipeline: Pipeline, table: Table) -> Pipeline:
    """Trees grow side by side, and are the same; predictions add them up one by one, in order."""
    with joblib.parallel_config(backend="threading", n_jobs=-1):
        return pipeline.fit(table.features, table.target)


def _best_of_kind(kind: Kind, metric: str, question: Question, seed: int) -> Fitted:
    answer, train, validation = question.answer, question.train, question.validation
    truth = answer.truth(validation.target)
    found = []
    for settings, pipeline in candidates(kind, answer.classifies, seed):
        _fit(pipeline, train)
        value = answer.scores[metric](truth, answer.predictions(pipeline, validation.features))
        found.append(Fitted(kind, settings, value, pipeline))
    return _best(found, answer, metric)


def _best(fitted: list[Fitted], answer: Answer, metric: str) -> Fitted:
    best = fitted[0]
    for each in fitted[1:]:
        if better(answer, metric, each.validation, best.validation):
            best = each
    return best
