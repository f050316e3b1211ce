"""The page of a comparison: what is gathered from runs for it."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys.api.ranks import cut, groups_of
from recsys.api.run import Run

if TYPE_CHECKING:
    from recsys.evaluation.comparison import Comparison, Contender
    from recsys.reports.comparison import GroupRow

ALWAYS = ("user.activity", "user.history", "item.popularity")
ABSENT = "not there"


def write_page(
    path: Path,
    experiments: Sequence[Sequence[Run]],
    contenders: "Sequence[Contender]",
    comparisons: "Sequence[Comparison]",
    metric: str,
    notes: Sequence[str],
    asked: str | None,
) -> None:
    """Writes the page of a comparison.

    Args:
        path: of the page.
        experiments: the seeds of each; their contenders come first.
        contenders: the experiments, and after them the lists of other systems.
        comparisons: of all of them, two by two.
        metric: that they are judged by.
        notes: what a person should know of the lists.
        asked: an attribute to group by, beside those that every page has.
    """
    from recsys.reports.comparison import write_comparison

    runs = [seeds[0] for seeds in experiments]
    first = runs[0]
    dataset = first.dataset
    always = [*ALWAYS, *(["item.age"] if dataset.manifest.has_time else [])]
    by = dict.fromkeys([*([asked] if asked else []), *always])
    data = {
        "dataset": dataset.fingerprint[:16],
        "events": dataset.events,
        "users": dataset.users,
        "items": dataset.items,
        "queries": comparisons[0].queries,
        "seen items": first.experiment.seen,
    }
    write_comparison(
        path,
        metric,
        _tests(experiments, contenders),
        comparisons,
        [row for each in by for row in _group_rows(each, first, contenders, metric)],
        _settings(runs, len(contenders)),
        data,
        notes,
    )


def _tests(
    experiments: Sequence[Sequence[Run]], contenders: "Sequence[Contender]"
) -> dict[str, Mapping[str, Any]]:
    """The metrics of each contender on the test part."""
    from recsys.evaluation.evaluate import all_metrics
    from recsys.pipeline import fitted_part

    first, of_runs = experiments[0][0], len(experiments)
    found = {
        contender.name: _over([seed.document("metrics")["test"] for seed in seeds])
        for seeds, contender in zip(experiments, contenders[:of_runs], strict=True)
    }
    part = fitted_part(first.experiment)
    for contender in contenders[of_runs:]:
        config = first.experiment.evaluation
        found[contender.name] = all_metrics(contender.ranked, first.dataset, config, part)
    return found


def _over(tests: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The metrics of one seed as they are, of several their means, which have no interval here."""
    one, *others = tests
    if not others:
        return one
    return {
        name: {"value": float(np.mean([test[name]["value"] for test in tests]))}
        for name in one
        if all(name in other for other in others)
    }


def _group_rows(
    by: str, run: Run, contenders: "Sequence[Contender]", metric: str
) -> "list[GroupRow]":
    from recsys.evaluation.comparison import compare
    from recsys.reports.comparison import GroupRow

    pairs = list(combinations(contenders, 2))
    groups = groups_of(by, contenders[0].ranked, run)
    if len(groups) < 2:  # everything is in one, and stands above
        return []
    within = compare([pair for group in groups for pair in cut(pairs, group)], [metric])
    rows = []
    for number, group in enumerate(groups):
        of_group = within[number * len(pairs) : (number + 1) * len(pairs)]
        values = [float(each.within(group.keep).values(metric).mean()) for each in contenders]
        real = [_in_short(each) for each in of_group if each.real]
        rows.append(GroupRow(by, group.name, of_group[0].queries, values, real))
    return rows


def _in_short(found: "Comparison") -> str:
    way = "better" if found.difference > 0 else "worse"
    return f"{found.model} {way} than {found.other} by {abs(found.difference):.4f}"


def _settings(runs: Sequence[Run], columns: int) -> dict[str, list[Any]]:
    """By dotted key, the values of settings that are not the same in all runs."""
    from recsys.tracking.run import flatten

    flat = [flatten(run.experiment.dump()) for run in runs]
    keys = dict.fromkeys(key for each in flat for key in each)
    differ = {}
    for key in keys:
        values = [each.get(key, ABSENT) for each in flat]
        if key != "name" and any(value != values[0] for value in values):
            # Lists of other systems have no settings.
            differ[key] = values + [""] * (columns - len(runs))
    return differ
