"""The seeds of an experiment side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsys.errors import InputError
from recsys.evaluation.seeds import OverSeeds, over_seeds
from recsys.experiment.differences import differences, is_within
from recsys.reports.page import read_document, read_metrics

# What a seed's experiment may have otherwise without being another experiment.
FREE = ("training.seeds", "training.checkpoint_seconds", "tracking", "export")


@dataclass(frozen=True)
class Seeds:
    """The evaluated seeds of one experiment.

    Attributes:
        tests: by seed, its metrics on the test part: name to value, low and high.
        over: by metric, the mean over seeds with its interval, and the spread.
        left_out: folders of seeds that were made with other settings, or cannot be read.
    """

    tests: dict[int, dict[str, Any]]
    over: dict[str, OverSeeds]
    left_out: list[str]


def seeds_beside(run_folder: Path, metrics: Sequence[str]) -> Seeds | None:
    """All seeds that lie beside a run and were evaluated; None where it is alone.

    Args:
        run_folder: of one seed.
        metrics: that are shown.
    """
    if not run_folder.name.isdigit():
        return None
    mine = read_document(run_folder / "experiment.yaml")
    tests, left_out = {}, []
    for file in run_folder.parent.glob("*/metrics.json"):
        folder = file.parent
        if not folder.name.isdigit():
            continue
        try:
            test = read_metrics(folder, ["test"])["test"]
            changed = differences(mine, read_document(folder / "experiment.yaml"))
        except InputError:
            if folder == run_folder:
                raise
            left_out.append(folder.name)
            continue
        if any(not is_within(key, FREE) for key in changed):
            left_out.append(folder.name)
        else:
            tests[int(folder.name)] = test
    if len(tests) < 2:
        return None
    tests = dict(sorted(tests.items()))
    over = {}
    for name in metrics:
        values = [test.get(name, {}).get("value") for test in tests.values()]
        if None not in values:
            over[name] = over_seeds(values)
    return Seeds(tests, over, sorted(left_out))
