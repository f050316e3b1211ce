"""What a propensity run says: tables of users, and documents of its report."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from recsys.marketing.measurement.scores import ERRORS, calibration, gains
from recsys.marketing.propensity.explanations import contributions
from recsys.marketing.propensity.model_selection import Judged
from recsys.marketing.propensity.periods import LogQuestion
from recsys.marketing.propensity.task import Known, Question, together
from recsys.marketing.propensity.task_kinds import Amount, OneOf, YesNo
from recsys.marketing.users.description import SEGMENT
from recsys.marketing.users.segments import MOST_CLUSTERS, SEGMENTS, cluster, transitions


def tested_users(question: Question, judged: Judged) -> pd.DataFrame:
    """Tested users: what was predicted by estimator and rules, and what came true."""
    test = question.test
    found = pd.DataFrame({"user": test.users, "truth": test.target})
    found = found.join(_predicted(question, judged.predicted))
    for name, predicted in judged.rules.items():
        found = found.join(_predicted(question, predicted).add_prefix(f"{name}_"))
    return found


def _predicted(question: Question, predicted: np.ndarray) -> pd.DataFrame:
    """Predictions as columns: ``probability``, ``amount``, or one per class and ``predicted``."""
    match question.answer:
        case OneOf(names=names):
            found = pd.DataFrame(predicted, columns=[f"probability_{name}" for name in names])
            return found.assign(predicted=np.array(names)[predicted.argmax(axis=1)])
        case Amount():
            return pd.DataFrame({"amount": predicted})
        case _:
            return pd.DataFrame({"probability": predicted})


def users_now(
    question: Question, asked: Known, fitted: Pipeline, explained: int, seed: int
) -> pd.DataFrame:
    """Users as they are: features, prediction, and reasons of those with the highest ones."""
    answer = question.answer
    predicted = answer.predictions(fitted, asked.features)
    found = asked.features.assign(user=asked.users)
    found = found.join(_predicted(question, predicted))
    height = predicted.max(axis=1) if predicted.ndim == 2 else predicted
    highest = np.argsort(-height, kind="stable")[:explained]
    known = together(question.train, question.validation, question.test).features
    users = asked.features.iloc[highest]
    reasons = contributions(fitted, known, users, answer, seed).reasons()
    column = pd.Series([[] for _ in range(len(found))], index=found.index)
    column.iloc[highest] = pd.Series(reasons, index=users.index)
    first = ["user", *[name for name in found if name not in ("user", *asked.features)]]
    return found.assign(reasons=column)[[*first, "reasons", *asked.features.columns]]


def comparison(question: Question, judged: Judged) -> dict[str, Any]:
    """The estimator minus the best rule, and a sentence that says which one wins."""
    metric, rule = judged.metric, judged.rule
    kind = judged.chosen.kind.replace("_", " ")
    document = {"metric": metric, "rule": rule, **judged.comparison}
    difference, low, high = (judged.comparison[name] for name in ("value", "low", "high"))
    ours, theirs = (found[metric]["value"] for found in (judged.test, judged.baselines[rule]))
    if difference is None or low is None or high is None:
        return {**document, **_without_interval(kind, rule, metric, ours, theirs)}
    better = (difference < 0) == (metric in ERRORS)
    found = f"{ours:.4f} against {theirs:.4f}"
    if low <= 0 <= high:
        verdict = f"no real difference between {kind} and the rule {rule!r} in {metric}: {found}"
    elif better:
        verdict = f"{kind} is better than the rule {rule!r} in {metric}: {found}"
    else:
        verdict = f"the rule {rule!r} is better than {kind} in {metric}: {found}"
    sentence = f"{verdict} (difference {difference:+.4f}, 95 % {low:+.4f} to {high:+.4f})"
    return {**document, "better": better, "sentence": sentence}


def _without_interval(
    kind: str, rule: str, metric: str, ours: float | None, theirs: float | None
) -> dict[str, Any]:
    """Where one of the two is infinitely wrong: it expected nothing of somebody who spent."""
    wrong = [
        name for name, value in ((kind, ours), (f"the rule {rule!r}", theirs)) if value is None
    ]
    return {
        "better": ours is not None,
        "sentence": f"{metric} of {' and '.join(wrong)} is infinite: nothing was expected of "
        "somebody who spent",
    }


def totals(
    question: Question, judged: Judged, now: pd.DataFrame | None, currency: str | None
) -> dict[str, Any]:
    """What users spent in the tested period, what was predicted, and what is predicted of now.

    Nothing of other answers than amounts. Medians add up to no total: only those of means are
    told.

    Args:
        question: what was asked.
        judged: the chosen estimator.
        now: of :func:`users_now`.
        currency: behind the sums.
    """
    if not isinstance(question.answer, Amount):
        return {}
    happened = float(question.test.target.sum())
    users = len(question.test.target)
    found: dict[str, Any] = {
        "statistic": question.answer.statistic,
        "currency": currency,
    }
    tested = {"users": users, "happened": happened, "happened_mean": happened / users}
    if question.answer.statistic == "mean":
        tested |= _sum_and_mean(judged.predicted)
        if now is not None:
            found["now"] = {"users": len(now), **_sum_and_mean(now["amount"].to_numpy())}
    return {**found, "tested": tested}


def _sum_and_mean(predicted: np.ndarray) -> dict[str, float]:
    return {"predicted": float(predicted.sum()), "predicted_mean": float(predicted.mean())}


def curves(question: Question, judged: Judged) -> dict[str, Any]:
    """Gains and calibration of a yes or no on the tested users, and the share of yes.

    Nothing of other answers.
    """
    if not isinstance(question.answer, YesNo):
        return {}
    truth = question.answer.truth(question.test.target)
    return {
        "share": float(truth.mean()),
        "gains": gains(truth, judged.predicted).tolist(),
        "gains_rule": gains(truth, judged.rules[judged.rule]).tolist(),
        "calibration": calibration(truth, judged.predicted),
    }


def moments(log: LogQuestion) -> dict[str, Any]:
    """When the log was asked, as dates in UTC."""
    found = {name: moment for name, moment in asdict(log.moments).items() if name != "train"}
    dates = {name: _date(moment) for name, moment in found.items()}
    return {"train": [_date(moment) for moment in log.moments.train], **dates}


def _date(moment: int) -> str:
    return pd.Timestamp(moment, unit="us").isoformat(sep=" ", timespec="minutes")


def segments_over_time(log: LogQuestion) -> dict[str, Any]:
    """Users of each segment at every moment, and their moves in the last period."""
    if log.thresholds is None:
        return {}
    found = [log.description.at(moment)[SEGMENT] for moment in log.moments.all]
    counts = pd.DataFrame([each.value_counts() for each in found]).fillna(0).astype(int)
    counts = counts.reindex(columns=list(SEGMENTS), fill_value=0)
    before, after = (each.astype(pd.CategoricalDtype(list(SEGMENTS))) for each in found[-2:])
    moved = transitions(before, after)
    return {
        "thresholds": asdict(log.thresholds),
        "moments": [_date(moment) for moment in log.moments.all],
        "counts": {name: counts[name].tolist() for name in SEGMENTS},
        "transitions": {str(row): moved.loc[row].tolist() for row in moved.index},
    }


def clusters_of(log: LogQuestion, now: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Clusters of the users of now, written into their table, and each cluster's middle.

    Nothing where hardly anybody is asked about.
    """
    assert log.question.now is not None  # a log is asked about now
    features = log.question.now.features
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


def example(question: Question) -> dict[str, list]:
    """A few users as plain lists, None where a number is missing."""
    rows = question.test.features.head(5)
    return {str(name): _plain(rows[name]) for name in rows}


def _plain(values: pd.Series) -> list:
    return values.astype(object).where(values.notnull(), None).tolist()
