"""The one-file page of how runs compare, for people who do not read code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsys.evaluation.comparison import Comparison
from recsys.evaluation.metrics import LIST_METRICS, RANKING_METRICS, parse_metric
from recsys.reports import plots
from recsys.reports.page import inline, write_page
from recsys.reports.report import MEANINGS


@dataclass(frozen=True)
class GroupRow:
    """What the contenders reach of one group of users or items.

    Attributes:
        by: the attribute, such as ``user.activity``.
        group: its value.
        queries: of the group.
        values: the headline metric of each contender.
        findings: the comparisons within the group that found a difference, in words.
    """

    by: str
    group: str
    queries: int
    values: Sequence[float]
    findings: Sequence[str]


def write_comparison(
    path: Path,
    metric: str,
    tests: Mapping[str, Mapping[str, Mapping[str, Any]]],
    comparisons: Sequence[Comparison],
    groups: Sequence[GroupRow],
    settings: Mapping[str, Sequence[Any]],
    data: Mapping[str, Any],
    notes: Sequence[str] = (),
) -> Path:
    """Writes the page, in whole or not at all; it needs no network and no other file.

    Args:
        path: of the page.
        metric: that contenders are judged by.
        tests: by contender, its metrics on the test part: name to value, low and high.
        comparisons: of contenders, two by two.
        groups: the same by groups.
        settings: by dotted key, the values of runs that differ in it, in the order of ``tests``.
        data: what they were compared on.
        notes: what a person should know beside.
    """
    k = parse_metric(metric)[1]
    shared = [
        (kind, f"{kind}@{k}")
        for kind in (*RANKING_METRICS, *LIST_METRICS)
        if all(f"{kind}@{k}" in test for test in tests.values())
    ]
    headline = [each for each in comparisons if each.metric == metric]
    return write_page(
        path,
        "comparison.html",
        metric=metric,
        names=list(tests),
        tests=tests,
        rows=shared,
        meanings=MEANINGS,
        comparisons=comparisons,
        groups=groups,
        settings=settings,
        data=data,
        notes=notes,
        images={"differences": inline(plots.differences(headline, metric))},
    )
