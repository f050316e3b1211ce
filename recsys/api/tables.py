"""The documents of a run folder as DataFrames."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from recsys.evaluation.seeds import OverSeeds, over_seeds

INTERVAL = ("value", "low", "high")


def metrics_frame(
    model: str,
    test: Mapping[str, Any],
    baselines: Mapping[str, Mapping[str, Any]],
    headline: str,
) -> pd.DataFrame:
    """Metrics of a model and its baselines.

    Args:
        model: its name.
        test: ``metrics.json``'s ``test``: metric to value, low and high.
        baselines: ``metrics.json``'s ``baselines``: name to the same.
        headline: the metric that comes first.

    Returns:
        A row per (metric, model); ``value``, and ``low`` and ``high`` of the 95 % interval, NaN
        where there is none.
    """
    rows = {
        (metric, name): _interval(found[metric])
        for metric in _headed(test, headline)
        for name, found in {model: test, **baselines}.items()
        if metric in found
    }
    return _frame(rows, ["metric", "model"], INTERVAL)


def seeds_frame(tests: Sequence[Mapping[str, Any]], headline: str) -> pd.DataFrame:
    """Metrics over seeds.

    Args:
        tests: of each seed, ``metrics.json``'s ``test``: metric to value, low and high.
        headline: the metric that comes first.

    Returns:
        A row per metric that all seeds have: ``mean``, ``low``, ``high``, ``deviation`` and
        ``seeds``, as :func:`recsys.evaluation.seeds.over_seeds` has them; NaN where there is none.
    """
    rows = {}
    shared = [metric for metric in tests[0] if all(metric in test for test in tests)]
    for metric in sorted(shared, key=lambda metric: metric != headline):
        values = [_interval(test[metric])[0] for test in tests]
        found = (
            over_seeds(values)
            if all(map(math.isfinite, values))
            else OverSeeds(math.nan, None, None, None, len(values))
        )
        rows[metric] = asdict(found)
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")
    return frame.astype({"low": float, "high": float, "deviation": float})


def slices_frame(slices: Mapping[str, Mapping[str, Any]], headline: str) -> pd.DataFrame:
    """Metrics in slices of the test part.

    Args:
        slices: ``metrics.json``'s ``slices``.
        headline: the metric that comes first.

    Returns:
        A row per (slice, metric): ``queries`` and ``users`` in the slice, and the metric as
        :func:`metrics_frame` has it. A slice without queries has no row.
    """
    rows = {
        (name, metric): [cut["queries"], cut["users"], *_interval(cut["metrics"][metric])]
        for name, cut in slices.items()
        for metric in _headed(cut["metrics"], headline)
    }
    return _frame(rows, ["slice", "metric"], ["queries", "users", *INTERVAL])


def history_frame(history: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row per epoch, numbered from 1.

    Args:
        history: ``history.json``.
    """
    frame = pd.DataFrame(history)
    return frame.astype({"epoch": int}).set_index("epoch") if len(frame) else frame


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as JSON has them: what is missing is None."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(key): value for key, value in row.items()} for row in rows]


def _headed(metrics: Mapping[str, Any], headline: str) -> list[str]:
    """The names of metrics, the one that decides first."""
    return sorted(metrics, key=lambda metric: metric != headline)


def _interval(found: Mapping[str, Any]) -> list[float]:
    # No number of JSON is infinite.
    value = math.inf if found["value"] is None else found["value"]
    return [value, *(math.nan if found[end] is None else found[end] for end in ("low", "high"))]


def _frame(
    rows: Mapping[tuple[str, str], list[Any]], index: list[str], columns: Sequence[str]
) -> pd.DataFrame:
    names = pd.MultiIndex.from_tuples(list(rows), names=index) if rows else None
    return pd.DataFrame(list(rows.values()), index=names, columns=list(columns))
