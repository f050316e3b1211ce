"""Answers a question about users: chosen on validation, judged once, held against simple rules."""

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
from recsys.marketing.measurement.scores import Interval, difference, score, total
from recsys.marketing.propensity.estimators import KINDS, Kind, candidates
from recsys.marketing.propensity.giveaways import refuse_leaking
from recsys.marketing.propensity.task import Question, Table, together
from recsys.marketing.propensity.task_kinds import Answer, better

# A total that is nearer to what happened than this is right.
TOLERANCE = 0.05


class EstimatorsConfig(StrictConfig):
    """By what a question is answered."""

    estimators: Distinct[list[Kind]] = Field(
        list(KINDS),
        min_length=1,
        description="kinds that are tried; validation chooses. svm predicts no mean",
    )
    metric: str | None = Field(
        None,
        description="what validation chooses by; by default auc, log_loss of several classes, of "
        "an amount's mean deviance (rmse if it may be negative), of its median mae",
    )
    seed: int = Field(1, ge=0, description="of everything drawn")


@dataclass(frozen=True)
class Fitted:
    """An estimator, and by what it was chosen.

    Attributes:
        kind: of the estimator.
        settings: of it, the best of its kind on validation; ``moments: latest`` is learned from
            the last moment alone.
        validation: the deciding metric there.
        pipeline: fitted on what is learned from.
        predicted: its predictions on validation.
    """

    kind: Kind
    settings: dict[str, Any]
    validation: float
    pipeline: Pipeline
    predicted: np.ndarray


@dataclass(frozen=True)
class Judged:
    """The chosen estimator, judged.

    Attributes:
        metric: the deciding one.
        tried: the best of each kind, on validation.
        chosen: the best of them.
        judged: its pipeline, fitted on what it was learned from and validated on.
        predicted: float, of each tested user: a probability, an amount, or [users, classes].
        rules: the same by each simple rule, by its name.
        test: metrics of the estimator, with intervals.
        validation: likewise, on validation, of the estimator before it was fitted again.
        baselines: metrics of each rule, with intervals.
        rule: the name of the one that is the best on validation.
        comparison: the deciding metric, estimator minus that rule.
        notes: what a person should know of the choice, a sentence each.
    """

    metric: str
    tried: list[Fitted]
    chosen: Fitted
    judged: Pipeline
    predicted: np.ndarray
    rules: dict[str, np.ndarray]
    test: dict[str, Interval]
    validation: dict[str, Interval]
    baselines: dict[str, dict[str, Interval]]
    rule: str
    comparison: Interval
    notes: tuple[str, ...]


def judge(
    question: Question, config: EstimatorsConfig, tell: Callable[[str], None] = lambda _: None
) -> Judged:
    """Learns, chooses on validation, fits again with it, and is judged on the test part, once.

    The mean of an amount is what people add up. Of estimators that are not clearly worse than the
    best, one is preferred whose predictions on validation add up to within 5 % of what happened;
    each is tried on all moments that are learned from and on the last alone, whichever carries
    over.

    Args:
        question: what is asked.
        config: by what it is answered.
        tell: hears what is being done.

    Raises:
        InputError: the metric is unknown; hardly anybody, or nearly everybody, has one answer;
            a feature has seen the answer; or no estimator is of the kinds that are asked for.
    """
    answer = question.answer
    metric = _metric(config, answer)
    train, validation, test = question.train, question.validation, question.test
    for part, table in (("learned from", train), ("validated", validation), ("tested", test)):
        answer.require_enough(part, table.target)
    refuse_leaking(train.features, train.target, answer)
    tried = []
    for kind in config.estimators:
        tell(f"trying {kind.replace('_', ' ')}")
        if found := _candidates(kind, metric, question, config.seed):
            tried.append(_best(found, question, metric, config.seed))
    if not tried:
        raise InputError(
            "propensity.estimators names svm alone, and a support-vector machine predicts no "
            "mean: add another one, or ask for the median (propensity.statistic: median)"
        )
    chosen = _best(tried, question, metric, config.seed)
    tell(f"judging {chosen.kind.replace('_', ' ')}")
    both = together(train, validation)
    judged = _fit(clone(chosen.pipeline), both, chosen.settings)
    predicted = answer.predictions(judged, test.features)
    rules = {rule.name: rule(both, test.features) for rule in question.rules}
    rule = _best_rule(question, metric)
    truth, users = answer.truth(test.target), test.users.to_numpy()
    scores, seed = answer.scores, config.seed
    tested = score(truth, predicted, scores, seed, users)
    validated = score(
        answer.truth(validation.target),
        chosen.predicted,
        scores,
        seed,
        validation.users.to_numpy(),
    )
    return Judged(
        metric,
        tried,
        chosen,
        judged,
        predicted,
        rules,
        tested,
        validated,
        {name: score(truth, found, scores, seed, users) for name, found in rules.items()},
        rule,
        difference(truth, predicted, rules[rule], scores[metric], seed, users),
        _notes(question, chosen, tested.get("total", {})),
    )


def fit_for_now(question: Question, judged: Judged) -> Pipeline:
    """The chosen estimator, fitted on everything that is known: it predicts what comes next."""
    known = together(question.train, question.validation, question.test)
    return _fit(clone(judged.chosen.pipeline), known, judged.chosen.settings)


def _metric(config: EstimatorsConfig, answer: Answer) -> str:
    metric = config.metric or answer.deciding[0]
    if metric in answer.deciding:
        return metric
    mend = "; the absolute error chooses medians (propensity.statistic: median)"
    raise InputError(
        f"propensity.metric is {metric!r}; of such an answer there are "
        f"{', '.join(answer.deciding)}{mend if metric == 'mae' and metric in answer.scores else ''}"
    )


def _fit(pipeline: Pipeline, table: Table, settings: dict[str, Any]) -> Pipeline:
    """Trees grow side by side, and are the same; predictions add them up one by one, in order."""
    learned = table.latest if settings.get("moments") == "latest" else table
    with joblib.parallel_config(backend="threading", n_jobs=-1):
        return pipeline.fit(learned.features, learned.target)


def _candidates(kind: Kind, metric: str, question: Question, seed: int) -> list[Fitted]:
    answer, train, validation = question.answer, question.train, question.validation
    truth = answer.truth(validation.target)
    several = answer.aim == "mean" and len(train.latest.target) < len(train.target)
    moments = [{"moments": "all"}, {"moments": "latest"}] if several else [{}]
    found = []
    for settings, pipeline in candidates(kind, answer.aim, seed):
        for learned in moments:
            used = {**settings, **learned}
            fitted = _fit(clone(pipeline), train, used)
            predicted = answer.predictions(fitted, validation.features)
            value = answer.scores[metric](truth, predicted)
            found.append(Fitted(kind, used, value, fitted, predicted))
    return found


def _best(fitted: list[Fitted], question: Question, metric: str, seed: int) -> Fitted:
    """The best by the metric; of means, one whose total is right if it is not clearly worse."""
    answer = question.answer
    best = _first(fitted, answer, metric)
    if answer.aim != "mean" or _is_total_right(best, question):
        return best
    right = [each for each in fitted if _is_total_right(each, question)]
    if not right:
        return best
    rival = _first(right, answer, metric)
    truth, users = answer.truth(question.validation.target), question.validation.users.to_numpy()
    scored = answer.scores[metric]
    found = difference(truth, rival.predicted, best.predicted, scored, seed, users)
    if found["low"] is None or found["high"] is None or not found["low"] <= 0 <= found["high"]:
        return best
    return rival


def _first(fitted: list[Fitted], answer: Answer, metric: str) -> Fitted:
    best = fitted[0]
    for each in fitted[1:]:
        if better(answer, metric, each.validation, best.validation):
            best = each
    return best


def _is_total_right(fitted: Fitted, question: Question) -> bool:
    return abs(_total(fitted, question) - 1) <= TOLERANCE


def _total(fitted: Fitted, question: Question) -> float:
    return total(question.answer.truth(question.validation.target), fitted.predicted)


def _best_rule(question: Question, metric: str) -> str:
    answer, validation = question.answer, question.validation
    truth = answer.truth(validation.target)
    values = {
        rule.name: answer.scores[metric](truth, rule(question.train, validation.features))
        for rule in question.rules
    }
    best = question.rules[0].name
    for name, value in values.items():
        if better(answer, metric, value, values[best]):
            best = name
    return best


def _notes(question: Question, chosen: Fitted, tested: Interval) -> tuple[str, ...]:
    """Where predictions do not add up, on validation or in the test: periods differ."""
    if question.answer.aim != "mean":
        return ()
    found = []
    if not _is_total_right(chosen, question):
        found.append(
            "no estimator that is about as good as the best has predictions that add up to within "
            f"{TOLERANCE:.0%} of what happened in the validated period: those of the chosen one "
            f"are {_total(chosen, question):.2f} of it"
        )
    low, high = tested.get("low"), tested.get("high")
    if low is not None and high is not None and not low - TOLERANCE <= 1 <= high + TOLERANCE:
        found.append(
            f"what was predicted adds up to {tested['value']:.2f} of what happened in the tested "
            f"part (95 % {low:.2f} to {high:.2f}), and to {_total(chosen, question):.2f} in the "
            "validated one: what comes next may differ as much"
        )
    return tuple(found)
