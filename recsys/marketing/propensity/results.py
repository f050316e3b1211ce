"""What a propensity run found: tables of users, and documents of its report."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from recsys.marketing.measurement.scores import ERRORS, calibration, gains
from recsys.marketing.propensity.explanations import contributions
from recsys.marketing.propensity.model_selection import Selected
from recsys.marketing.propensity.objectives import Binary, Multiclass, Regression
from recsys.marketing.propensity.periods import LogTask
from recsys.marketing.propensity.task import Known, Task, together
from recsys.marketing.users.description import SEGMENT
from recsys.marketing.users.segments import MOST_CLUSTERS, SEGMENTS, cluster, transitions


def tested_users(task: Task, selected: Selected) -> pd.DataFrame:
    """Tested users: what the estimator and the baselines predicted, and what came true."""
    test = task.test
    found = pd.DataFrame({"user": test.users, "truth": test.target})
    found = found.join(_predicted(task, selected.predicted))
    for name, predicted in selected.baseline_predictions.items():
        found = found.join(_predicted(task, predicted).add_prefix(f"{name}_"))
    return found


def _predicted(task: Task, predicted: np.ndarray) -> pd.DataFrame:
    """Predictions as columns: ``probability``, ``amount``, or one per class and ``predicted``."""
    match task.objective:
        case Multiclass(names=names):
            found = pd.DataFrame(predicted, columns=[f"probability_{name}" for name in names])
            return found.assign(predicted=np.array(names)[predicted.argmax(axis=1)])
        case Regression():
            return pd.DataFrame({"amount": predicted})
        case _:
            return pd.DataFrame({"probability": predicted})


def users_now(
    task: Task, asked: Known, fitted: Pipeline, explained: int, seed: int
) -> pd.DataFrame:
    """Users as they are: features, prediction, and reasons of those with the highest ones."""
    objective = task.objective
    predicted = objective.predictions(fitted, asked.features)
    found = asked.features.assign(user=asked.users)
    found = found.join(_predicted(task, predicted))
    height = predicted.max(axis=1) if predicted.ndim == 2 else predicted
    highest = np.argsort(-height, kind="stable")[:explained]
    known = together(task.train, task.validation, task.test).features
    users = asked.features.iloc[highest]
    reasons = contributions(fitted, known, users, objective, seed).reasons()
    column = pd.Series([[] for _ in range(len(found))], index=found.index)
    column.iloc[highest] = pd.Series(reasons, index=users.index)
    first = ["user", *[name for name in found if name not in ("user", *asked.features)]]
    return found.assign(reasons=column)[[*first, "reasons", *asked.features.columns]]


def comparison(task: Task, selected: Selected) -> dict[str, Any]:
    """The estimator minus the best baseline, and a sentence that says which one wins."""
    metric, baseline = selected.metric, selected.best_baseline
    kind = selected.chosen.kind.replace("_", " ")
    document = {"metric": metric, "baseline": baseline, **selected.comparison}
    difference, low, high = (selected.comparison[name] for name in ("value", "low", "high"))
    ours, theirs = (
        found[metric]["value"] for found in (selected.test, selected.baselines[baseline])
    )
    if difference is None or low is None or high is None:
        return {**document, **_without_interval(kind, baseline, metric, ours, theirs)}
    better = (difference < 0) == (metric in ERRORS)
    found = f"{ours:.4f} against {theirs:.4f}"
    if low <= 0 <= high:
        verdict = (
            f"no real difference between {kind} and the baseline {baseline!r} in {metric}: {found}"
        )
    elif better:
        verdict = f"{kind} is better than the baseline {baseline!r} in {metric}: {found}"
    else:
        verdict = f"the baseline {baseline!r} is better than {kind} in {metric}: {found}"
    sentence = f"{verdict} (difference {difference:+.4f}, 95 % {low:+.4f} to {high:+.4f})"
    return {**document, "better": better, "sentence": sentence}


def _without_interval(
    kind: str, baseline: str, metric: str, ours: float | None, theirs: float | None
) -> dict[str, Any]:
    """Where one of the two is infinitely wrong: it expected nothing of a user who spent."""
    wrong = [
        name
        for name, value in ((kind, ours), (f"the baseline {baseline!r}", theirs))
        if value is None
    ]
    return {
        "better": ours is not None,
        "sentence": f"{metric} of {' and '.join(wrong)} is infinite: nothing was expected of "
        "a user who spent",
    }


def totals(
    task: Task, selected: Selected, now: pd.DataFrame | None, currency: str | None
) -> dict[str, Any]:
    """What users spent in the tested period, what was predicted, and what is predicted of now.

    Empty but for a regression. Medians do not add up to a total, so that only totals of means are
    told.

    Args:
        task: the task.
        selected: the chosen estimator.
        now: of :func:`users_now`.
        currency: behind the sums.
    """
    if not isinstance(task.objective, Regression):
        return {}
    happened = float(task.test.target.sum())
    users = len(task.test.target)
    found: dict[str, Any] = {
        "statistic": task.objective.statistic,
        "currency": currency,
    }
    tested = {"users": users, "happened": happened, "happened_mean": happened / users}
    if task.objective.statistic == "mean":
        tested |= _sum_and_mean(selected.predicted)
        if now is not None:
            found["now"] = {"users": len(now), **_sum_and_mean(now["amount"].to_numpy())}
    return {**found, "tested": tested}


def _sum_and_mean(predicted: np.ndarray) -> dict[str, float]:
    return {"predicted": float(predicted.sum()), "predicted_mean": float(predicted.mean())}


def curves(task: Task, selected: Selected) -> dict[str, Any]:
    """Gains and calibration on the tested users, and the share of yes.

    Empty but for a binary task.
    """
    if not isinstance(task.objective, Binary):
        return {}
    truth = task.objective.truth(task.test.target)
    theirs = selected.baseline_predictions[selected.best_baseline]
    return {
        "share": float(truth.mean()),
        "gains": gains(truth, selected.predicted).tolist(),
        "gains_baseline": gains(truth, theirs).tolist(),
        "calibration": calibration(truth, selected.predicted),
    }


def cutoffs(log: LogTask) -> dict[str, Any]:
    """The cutoffs of the task, as dates in UTC."""
    found = {name: cutoff for name, cutoff in asdict(log.cutoffs).items() if name != "train"}
    dates = {name: _date(cutoff) for name, cutoff in found.items()}
    return {"train": [_date(cutoff) for cutoff in log.cutoffs.train], **dates}


def _date(time: int) -> str:
    return pd.Timestamp(time, unit="us").isoformat(sep=" ", timespec="minutes")


def segments_over_time(log: LogTask) -> dict[str, Any]:
    """Users of each segment at every cutoff, and their moves in the last period."""
    if log.thresholds is None:
        return {}
    found = [log.description.at(cutoff)[SEGMENT] for cutoff in log.cutoffs.all]
    counts = pd.DataFrame([each.value_counts() for each in found]).fillna(0).astype(int)
    counts = counts.reindex(columns=list(SEGMENTS), fill_value=0)
    before, after = (each.astype(pd.CategoricalDtype(list(SEGMENTS))) for each in found[-2:])
    moved = transitions(before, after)
    return {
        "thresholds": asdict(log.thresholds),
        "cutoffs": [_date(cutoff) for cutoff in log.cutoffs.all],
        "counts": {name: counts[name].tolist() for name in SEGMENTS},
        "transitions": {str(row): moved.loc[row].tolist() for row in moved.index},
    }


def clusters_of(log: LogTask, now: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Clusters of the users of now, written into their table, and each cluster's middle.

    Nothing where hardly anybody is asked about.
    """
    assert log.task.now is not None  # a log is asked about now
    features = log.task.now.features
    if len(features) <= MOST_CLUSTERS:
        return {}
    found = cluster(features, seed)
    now.insert(1, "cluster", found.labels)
    middle = features.select_dtypes("number").groupby(found.labels).median()
    return {
        "silhouette": {str(count): apart for count, apart in found.silhouette.items()},
        "users": found.labels.value_counts().sort_index().tolist(),
        "median": {str(name): _plain(middle[name]) for name in middle},
    }


def example(task: Task) -> dict[str, list]:
    """A few users as plain lists, None where a number is missing."""
    rows = task.test.features.head(5)
    return {str(name): _plain(rows[name]) for name in rows}


def _plain(values: pd.Series) -> list:
    return values.astype(object).where(values.notnull(), None).tolist()
