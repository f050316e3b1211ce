"""What a prediction is good for, in plain words: the numbers in them by hand."""

from typing import Any

import pytest

from recsys.marketing.reports.plain_findings import (
    BASELINES,
    plain_finding,
    plain_finding_of_reviews,
)


def values(**found: float | None) -> dict[str, Any]:
    return {name: {"value": value} for name, value in found.items()}


def metrics(objective: str, test: dict, theirs: dict, **further: Any) -> dict[str, Any]:
    """``metrics.json``, as far as it is read."""
    baseline = further.pop("baseline", "recency")
    return {
        "objective": objective,
        "test": test,
        "baselines": {baseline: theirs},
        "comparison": {"baseline": baseline},
        **further,
    }


@pytest.mark.parametrize(
    ("target", "verdict", "expected"),
    [
        ("buys", "better", "60 % bought, of all users 20 %: 3.0 times as many. Better than"),
        ("leaves", "level", "60 % left, of all users 20 %: 3.0 times as many. No better than"),
        (None, "worse", "60 % had the label yes, of all users 20 %: 3.0 times as many. Worse"),
    ],
)
def test_a_yes_or_no_is_told_by_its_best_tenth(target, verdict, expected) -> None:
    test, theirs = values(**{"lift@10%": 3.0}), values(**{"lift@10%": 2.5})
    found = plain_finding(metrics("Binary", test, theirs, curves={"share": 0.2}), target, verdict)
    assert expected in found
    assert found.endswith("the baseline: the users who were here last (2.5 times).")
    assert "auc" not in found and "linear" not in found


def test_money_is_told_by_its_total() -> None:
    tested = {"happened": 2000.0, "happened_mean": 2.5, "predicted": 2100.4}
    document = metrics(
        "Regression", {}, {}, baseline="zero", totals={"tested": tested, "currency": "€"}
    )
    found = plain_finding(document, "value", "better")
    assert found == (
        "In the tested part users spent 2,000 €, and predicted were 2,100 €. "
        "Better than the baseline: nobody spends anything."
    )
    del tested["predicted"]
    document["totals"]["currency"] = None
    found = plain_finding(document, "value", "level")
    assert "what a typical user spends; the mean was 2.50. No better" in found


def test_a_class_is_told_by_how_often_it_is_right() -> None:
    test, theirs = values(accuracy=0.877), values(accuracy=0.85)
    document = metrics("Multiclass", test, theirs, baseline="transitions")
    found = plain_finding(document, "segment", "better")
    assert found.startswith("88 % of users are in the segment that was likeliest. Better")
    assert found.endswith("users move as others in their segment did (85 %).")


def test_reviews_are_told_by_the_model_that_scores_them() -> None:
    document = {
        "scoring": "tfidf",
        "test": values(auc=0.8),
        "baselines": {"tfidf": values(auc=0.9)},
    }
    assert "in 90 of 100 cases" in plain_finding_of_reviews(document)
    assert "in 80 of 100 cases" in plain_finding_of_reviews({**document, "scoring": "cnn"})


def test_each_rule_has_words() -> None:
    from recsys.marketing.propensity import baselines

    names = {
        each.name
        for each in vars(baselines).values()
        if isinstance(each, type) and isinstance(getattr(each, "name", None), str)
    }
    assert names and names <= set(BASELINES)
