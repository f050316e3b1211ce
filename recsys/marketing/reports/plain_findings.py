"""What a prediction is good for, in a sentence for who has to decide, not for who built it."""

from collections.abc import Mapping
from typing import Any

# What users did whose answer is yes, by what is predicted of them.
DID = {"buys": "bought", "leaves": "left"}
RULES = {
    "recency": "who was here last",
    "zero": "nobody spends anything",
    "last_period": "everybody spends what they spent in the period before",
    "last_period_line": "a line through what users spent in the period before",
    "prior": "all are alike",
    "transitions": "users move as others in their segment did",
}
VERDICTS = {
    "better": "Better than the simple rule: {rule}",
    "level": "No better than the simple rule: {rule}",
    "worse": "Worse than the simple rule: {rule}",
}


def plain_finding(metrics: Mapping[str, Any], target: str | None, verdict: str) -> str:
    """How well what is predicted came true in the tested period, and whether a rule does as well.

    Args:
        metrics: of ``metrics.json``.
        target: of a log's prediction, such as ``buys``; None of a labelled table.
        verdict: ``better``, ``level`` or ``worse`` than the best simple rule.
    """
    rule = metrics["comparison"]["rule"]
    compared = VERDICTS[verdict].format(rule=RULES.get(rule, rule))
    theirs = metrics["baselines"][rule]
    test = metrics["test"]
    match metrics["answer"]:
        case "YesNo":
            return _of_yes_or_no(test, theirs, metrics["curves"]["share"], target, compared)
        case "Amount":
            return _of_an_amount(metrics["totals"], target, compared)
        case _:
            shares = [f"{100 * each['accuracy']['value']:.0f} %" for each in (test, theirs)]
            where = "are in the segment" if target else "have the answer"
            return f"{shares[0]} of users {where} that was likeliest. {compared} ({shares[1]})."


def _of_yes_or_no(
    test: Mapping[str, Any],
    theirs: Mapping[str, Any],
    share: float,
    target: str | None,
    compared: str,
) -> str:
    lift, other = (each["lift@10%"]["value"] for each in (test, theirs))
    did = DID.get(target or "", "had the answer yes")
    return (
        f"Of the tenth of users with the highest predictions {100 * lift * share:.0f} % {did}, of "
        f"all users {100 * share:.0f} %: {lift:.1f} times as many. {compared} ({other:.1f} times)."
    )


def _of_an_amount(totals: Mapping[str, Any], target: str | None, compared: str) -> str:
    tested, currency = totals["tested"], totals["currency"]
    unit = f" {currency}" if currency else ""
    spent = "users spent" if target else "users came to"
    if "predicted" not in tested:
        mean = f"{tested['happened_mean']:,.2f}{unit}"
        return f"Predicted is what a typical user spends; the mean was {mean}. {compared}."
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
