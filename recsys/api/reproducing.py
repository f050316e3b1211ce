"""Whether a run gives the same metrics when it is made again."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.api.run import Run
from recsys.errors import InputError
from recsys.system.display import counted

if TYPE_CHECKING:
    import pandas as pd

    from recsys.runs.folder import RunFolder

# What another machine's arithmetic, or other versions, may change of a metric.
NOISE = 0.003
SHOWN = 8


@dataclass(frozen=True)
class Reproduction:
    """A run that was made again.

    Attributes:
        run: the new one.
        differences: between what made the first and what made the second one, a line each: commit,
            packages, device; empty where there is none.
        metrics: of the test part, a row per metric: ``before``, ``again`` and ``difference``.
        holds: whether the metrics are the same: to the bit where nothing differs and a CPU trained;
            otherwise those that are shares (novelty is in bits) within 0.003.
        sentence: what was found, in words.
    """

    run: Run
    differences: tuple[str, ...]
    metrics: "pd.DataFrame"
    holds: bool
    sentence: str


def reproduce(run: Run, *, runs_dir: str | Path | None = None) -> Reproduction:
    """Makes a run again from its experiment, seed and log, and compares the metrics.

    The log is prepared anew, and must give the dataset that the run read; of a Delta or Iceberg
    table that is the version that was read then. Paths in the experiment
    are relative to the working directory, so this is called from where the run was made. The first
    run stays as it is; nothing is logged to MLflow, and nothing is exported. Stopped, the same call
    goes on.

    Args:
        run: that was evaluated.
        runs_dir: where the second run lies; ``reproduce`` in the runs folder of the first.

    Raises:
        InputError: the run was not evaluated, or its log is missing or has changed.

    Example:
        >>> again = recsys.reproduce(run)
        >>> again.holds, again.metrics.loc["ndcg@10", "difference"].item()
        (True, 0.0)
    """
    from recsys.api.steps import do
    from recsys.runs.folder import RunFolder
    from recsys.runs.preparation import prepare_dataset
    from recsys.system.devices import on_accelerator

    before, seed = run.document("metrics"), int(Path(run.path).name)
    root = Path(runs_dir) if runs_dir is not None else Path(run.path).parents[1] / "reproduce"
    changes = {"tracking.enabled": False, "training.seeds": [seed]}
    # A table of a lake is read as it was then.
    for side, read in run.dataset.manifest.versions.items():
        changes |= {f"data.{side}.version": read["version"], f"data.{side}.as_of": None}
    experiment = run.experiment.with_values(changes)
    try:
        dataset = prepare_dataset(experiment.data, root)
    except InputError as error:
        raise InputError(
            f"{run.path} cannot be made again, as its log cannot be prepared here: {error}"
        ) from error
    if dataset.fingerprint != run.dataset.fingerprint:
        raise InputError(
            f"{run.path} cannot be made again: the log has changed since. It gives the dataset "
            f"{dataset.fingerprint[:12]} now, and the run read {run.dataset.fingerprint[:12]} "
            f"({run.dataset.path}, {counted(run.dataset.events, 'event')}; now "
            f"{counted(dataset.events, 'event')})"
        )
    there = RunFolder(root / experiment.name / str(seed))
    # One that came to its end is made again; one that was stopped goes on.
    is_finished = there.metrics.is_file()
    for step in ("train", "evaluate"):
        (folder,) = do(experiment, root, is_finished and step == "train", step)
    again = Run(folder)
    differences = _differences(RunFolder(Path(run.path)), folder)
    table = _metrics(before["test"], again.document("metrics")["test"])
    is_exact = not (differences or on_accelerator())
    holds, sentence = _verdict(table, is_exact)
    return Reproduction(again, differences, table, holds, sentence)


def _metrics(before: Mapping[str, Any], again: Mapping[str, Any]) -> "pd.DataFrame":
    import pandas as pd

    rows = {name: (before[name]["value"], again[name]["value"]) for name in before}
    found = pd.DataFrame.from_dict(rows, orient="index", columns=["before", "again"], dtype=float)
    return found.assign(difference=found["again"] - found["before"]).rename_axis("metric")


def _verdict(table: "pd.DataFrame", is_exact: bool) -> tuple[bool, str]:
    """Whether the metrics hold, and a sentence about it.

    Args:
        table: of metrics, before and again.
        is_exact: whether they should be the same to the bit.
    """
    same = (table["before"] == table["again"]) | (table["before"].isna() & table["again"].isna())
    if same.all():
        return True, f"the same to the bit: {counted(len(table), 'metric')}"
    shares = table[table[["before", "again"]].abs().max(axis=1) <= 1]
    worst = str(shares["difference"].abs().idxmax() if len(shares) else table.index[0])
    amount = f"{worst} by {table['difference'][worst]:+.6f}"
    of = f"{(~same).sum()} of {len(table)} metrics differ, most of the shares {amount}"
    if is_exact:
        return False, f"{of}, though nothing is known to differ"
    holds = bool((shares["difference"].abs() <= NOISE).all())
    how = "within" if holds else "more than"
    return (
        holds,
        f"{of}: {how} {NOISE}, which other machines, versions and GPUs may change",
    )


def _differences(first: "RunFolder", second: "RunFolder") -> tuple[str, ...]:
    """What made one run and not the other."""
    from recsys.runs.provenance import recorded

    then, now = recorded(first), recorded(second)
    if not then:
        return (f"what made {first.path} was not recorded",)
    found = []
    if len(then) > 1:
        found.append(f"{counted(len(then), 'process')} trained {first.path}, one after the other")
    for name in ("device", "backend", "commit"):
        if then[-1][name] != now[-1][name]:
            found.append(f"{name}: {then[-1][name]}, now {now[-1][name]}")
    if str(then[-1]["commit"]).endswith("+changes"):
        found.append("the code had changes that were not committed")
    return (*found, *_packages(first, second))


def _packages(first: "RunFolder", second: "RunFolder") -> list[str]:
    """Installed packages that differ."""
    if not first.files.hold(first.environment):
        return ["the packages were not recorded"]
    then, now = (folder.files.read(folder.environment) for folder in (first, second))
    versions = [{"python": each["python"], **each["packages"]} for each in (then, now)]
    before, after = versions
    differ = [
        f"{name} {before.get(name, 'not there')}, now {after.get(name, 'not there')}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
    more = [f"{len(differ) - SHOWN} more packages"] if len(differ) > SHOWN else []
    return [*differ[:SHOWN], *more]
