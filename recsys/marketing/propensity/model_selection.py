"""Estimators are fitted, one is selected on validation and tested once, beside the baselines."""

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
from recsys.marketing.propensity.objectives import Objective, better
from recsys.marketing.propensity.task import Table, Task, together

# A total that is nearer to what happened than this is right.
TOLERANCE = 0.05


class EstimatorsConfig(StrictConfig):
    """Which estimators are tried, and by what one is selected."""

    estimators: Distinct[list[Kind]] = Field(
        list(KINDS),
        min_length=1,
        description="kinds that are tried; validation selects one. svm does not predict a mean",
    )
    metric: str | None = Field(
        None,
        description="what validation selects by; by default auc, for several classes log_loss, for "
        "an amount's mean deviance (rmse if it may be negative), for its median mae",
    )
    seed: int = Field(1, ge=0, description="of everything drawn")


@dataclass(frozen=True)
class Fitted:
    """An estimator, and by what it was chosen.

    Attributes:
        kind: of the estimator.
        settings: of it, the best of its kind on validation; ``cutoffs: latest`` is fitted to
            the last cutoff alone.
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
class Selected:
    """The selected estimator, tested.

    Attributes:
        metric: the deciding one.
        tried: the best of each kind, on validation.
        chosen: the best of them.
        pipeline: of it, fitted on what it was learned from and validated on.
        predicted: float, of each tested user: a probability, an amount, or [users, classes].
        baseline_predictions: the same by each baseline, by its name.
        test: metrics of the estimator, with intervals.
        validation: likewise, on validation, of the estimator before it was fitted again.
        baselines: metrics of each baseline, with intervals.
        best_baseline: the name of the one that is the best on validation.
        comparison: the deciding metric, estimator minus that baseline.
        notes: what a person should know of the choice, a sentence each.
    """

    metric: str
    tried: list[Fitted]
    chosen: Fitted
    pipeline: Pipeline
    predicted: np.ndarray
    baseline_predictions: dict[str, np.ndarray]
    test: dict[str, Interval]
    validation: dict[str, Interval]
    baselines: dict[str, dict[str, Interval]]
    best_baseline: str
    comparison: Interval
    notes: tuple[str, ...]


def select_model(
    task: Task, config: EstimatorsConfig, tell: Callable[[str], None] = lambda _: None
) -> Selected:
    """Fits estimators, selects one on validation, fits it again with that, and tests it once.

    The mean of an amount is what people add up. Of estimators that are not clearly worse than the
    best, one is preferred whose predictions on validation add up to within 5 % of what happened;
    each is fitted to all training cutoffs and to the last alone, and whichever carries over is
    kept.

    Args:
        task: what is predicted, from which rows.
        config: which estimators are tried.
        tell: called with what is being done.

    Raises:
        InputError: the metric is unknown; hardly any user, or nearly every user, has one label;
            a feature has seen the label; or no estimator is of the kinds that are named.
    """
    objective = task.objective
    metric = _metric(config, objective)
    train, validation, test = task.train, task.validation, task.test
    for part, table in (("learned from", train), ("validated", validation), ("tested", test)):
        objective.require_enough(part, table.target)
    refuse_leaking(train.features, train.target, objective)
    tried = []
    for kind in config.estimators:
        tell(f"trying {kind.replace('_', ' ')}")
        if found := _candidates(kind, metric, task, config.seed):
            tried.append(_best(found, task, metric, config.seed))
    if not tried:
        raise InputError(
            "propensity.estimators names svm alone, and a support-vector machine does not predict "
            "a mean: add another one, or predict the median (propensity.statistic: median)"
        )
    chosen = _best(tried, task, metric, config.seed)
    tell(f"testing {chosen.kind.replace('_', ' ')}")
    both = together(train, validation)
    pipeline = _fit(clone(chosen.pipeline), both, chosen.settings)
    predicted = objective.predictions(pipeline, test.features)
    by_baseline = {baseline.name: baseline(both, test.features) for baseline in task.baselines}
    best = _best_baseline(task, metric)
    truth, users = objective.truth(test.target), test.users.to_numpy()
    scores, seed = objective.scores, config.seed
    tested = score(truth, predicted, scores, seed, users)
    validated = score(
        objective.truth(validation.target),
        chosen.predicted,
        scores,
        seed,
        validation.users.to_numpy(),
    )
    return Selected(
        metric,
        tried,
        chosen,
        pipeline,
        predicted,
        by_baseline,
        tested,
        validated,
        {name: score(truth, found, scores, seed, users) for name, found in by_baseline.items()},
        best,
        difference(truth, predicted, by_baseline[best], scores[metric], seed, users),
        _notes(task, chosen, tested.get("total", {})),
    )


def fit_for_now(task: Task, selected: Selected) -> Pipeline:
    """The chosen estimator, fitted on everything that is known: it predicts what comes next."""
    known = together(task.train, task.validation, task.test)
    return _fit(clone(selected.chosen.pipeline), known, selected.chosen.settings)


def _metric(config: EstimatorsConfig, objective: Objective) -> str:
    metric = config.metric or objective.deciding[0]
    if metric in objective.deciding:
        return metric
    of_medians = metric == "mae" and metric in objective.scores
    mend = (
        "; the absolute error selects medians (propensity.statistic: median)" if of_medians else ""
    )
    raise InputError(
        f"propensity.metric is {metric!r}; what is predicted can be selected by "
        f"{', '.join(objective.deciding)}{mend}"
    )


def _fit(pipeline: Pipeline, table: Table, settings: dict[str, Any]) -> Pipeline:
    """Trees grow side by side, and are the same; predictions add them up one by one, in order."""
    learned = table.latest if settings.get("cutoffs") == "latest" else table
    with joblib.parallel_config(backend="threading", n_jobs=-1):
        return pipeline.fit(learned.features, learned.target)


def _candidates(kind: Kind, metric: str, task: Task, seed: int) -> list[Fitted]:
    objective, train, validation = task.objective, task.train, task.validation
    truth = objective.truth(validation.target)
    several = objective.aim == "mean" and len(train.latest.target) < len(train.target)
    cutoffs = [{"cutoffs": "all"}, {"cutoffs": "latest"}] if several else [{}]
    found = []
    for settings, pipeline in candidates(kind, objective.aim, seed):
        for learned in cutoffs:
            used = {**settings, **learned}
            fitted = _fit(clone(pipeline), train, used)
            predicted = objective.predictions(fitted, validation.features)
            value = objective.scores[metric](truth, predicted)
            found.append(Fitted(kind, used, value, fitted, predicted))
    return found


def _best(fitted: list[Fitted], task: Task, metric: str, seed: int) -> Fitted:
    """The best by the metric; of means, one whose total is right if it is not clearly worse."""
    objective = task.objective
    best = _first(fitted, objective, metric)
    if objective.aim != "mean" or _is_total_right(best, task):
        return best
    right = [each for each in fitted if _is_total_right(each, task)]
    if not right:
        return best
    rival = _first(right, objective, metric)
    truth, users = objective.truth(task.validation.target), task.validation.users.to_numpy()
    scored = objective.scores[metric]
    found = difference(truth, rival.predicted, best.predicted, scored, seed, users)
    if found["low"] is None or found["high"] is None or not found["low"] <= 0 <= found["high"]:
        return best
    return rival


def _first(fitted: list[Fitted], objective: Objective, metric: str) -> Fitted:
    best = fitted[0]
    for each in fitted[1:]:
        if better(objective, metric, each.validation, best.validation):
            best = each
    return best


def _is_total_right(fitted: Fitted, task: Task) -> bool:
    return abs(_total(fitted, task) - 1) <= TOLERANCE


def _total(fitted: Fitted, task: Task) -> float:
    return total(task.objective.truth(task.validation.target), fitted.predicted)


def _best_baseline(task: Task, metric: str) -> str:
    objective, validation = task.objective, task.validation
    truth = objective.truth(validation.target)
    values = {
        baseline.name: objective.scores[metric](truth, baseline(task.train, validation.features))
        for baseline in task.baselines
    }
    best = task.baselines[0].name
    for name, value in values.items():
        if better(objective, metric, value, values[best]):
            best = name
    return best


def _notes(task: Task, chosen: Fitted, tested: Interval) -> tuple[str, ...]:
    """Where predictions do not add up, on validation or in the test: periods differ."""
    if task.objective.aim != "mean":
        return ()
    found = []
    if not _is_total_right(chosen, task):
        found.append(
            "no estimator that is about as good as the best has predictions that add up to within "
            f"{TOLERANCE:.0%} of what happened in the validated period: those of the chosen one "
            f"are {_total(chosen, task):.2f} of it"
        )
    low, high = tested.get("low"), tested.get("high")
    if low is not None and high is not None and not low - TOLERANCE <= 1 <= high + TOLERANCE:
        found.append(
            f"what was predicted adds up to {tested['value']:.2f} of what happened in the tested "
            f"part (95 % {low:.2f} to {high:.2f}), and to {_total(chosen, task):.2f} in the "
            "validated one: what comes next may differ as much"
        )
    return tuple(found)
