"""What a prediction is good for, in a sentence for those who decide, not those who built it."""

from collections.abc import Mapping
from typing import Any

# What users did of whom yes is true, by what is predicted.
DID = {"buys": "bought", "leaves": "left"}
BASELINES = {
    "recency": "the users who were here last",
    "zero": "nobody spends anything",
    "last_period": "everybody spends what they spent in the period before",
    "last_period_line": "a line through what users spent in the period before",
    "prior": "all are alike",
    "transitions": "users move as others in their segment did",
}
VERDICTS = {
    "better": "Better than the baseline: {baseline}",
    "level": "No better than the baseline: {baseline}",
    "worse": "Worse than the baseline: {baseline}",
}


def plain_finding(metrics: Mapping[str, Any], target: str | None, verdict: str) -> str:
    """How well predictions came true in the tested period, and whether a baseline does as well.

    Args:
        metrics: of ``metrics.json``.
        target: of a log's prediction, such as ``buys``; None of a labelled table.
        verdict: ``better``, ``level`` or ``worse`` than the best baseline.
    """
    baseline = metrics["comparison"]["baseline"]
    compared = VERDICTS[verdict].format(baseline=BASELINES.get(baseline, baseline))
    theirs = metrics["baselines"][baseline]
    test = metrics["test"]
    match metrics["objective"]:
        case "Binary":
            return _of_binary(test, theirs, metrics["curves"]["share"], target, compared)
        case "Regression":
            return _of_regression(metrics["totals"], target, compared)
        case _:
            shares = [f"{100 * each['accuracy']['value']:.0f} %" for each in (test, theirs)]
            where = "are in the segment" if target else "have the label"
            return f"{shares[0]} of users {where} that was likeliest. {compared} ({shares[1]})."


def _of_binary(
    test: Mapping[str, Any],
    theirs: Mapping[str, Any],
    share: float,
    target: str | None,
    compared: str,
) -> str:
    lift, other = (each["lift@10%"]["value"] for each in (test, theirs))
    did = DID.get(target or "", "had the label yes")
    return (
        f"Of the tenth of users with the highest predictions {100 * lift * share:.0f} % {did}, of "
        f"all users {100 * share:.0f} %: {lift:.1f} times as many. {compared} ({other:.1f} times)."
    )


def _of_regression(totals: Mapping[str, Any], target: str | None, compared: str) -> str:
    tested, currency = totals["tested"], totals["currency"]
    unit = f" {currency}" if currency else ""
    spent = "users spent" if target else "users came to"
    if "predicted" not in tested:
        mean = f"{tested['happened_mean']:,.2f}{unit}"
        return f"What is predicted is what a typical user spends; the mean was {mean}. {compared}."
    return (
        f"In the tested part {spent} {tested['happened']:,.0f}{unit}, and predicted were "
        f"{tested['predicted']:,.0f}{unit}. {compared}."
    )


def plain_finding_of_reviews(metrics: Mapping[str, Any]) -> str:
    """How often what a review says is told from its words.

    Args:
        metrics: of ``metrics.json``, of a run of ``task: sentiment``.
    """
    found = metrics["baselines"].get(metrics["scoring"], metrics["test"])
    return (
        "Of a good and a bad review, the better one is told by its words in "
        f"{100 * found['auc']['value']:.0f} of 100 cases; by chance it would be 50."
    )
