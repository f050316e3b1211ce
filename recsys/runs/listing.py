"""The runs of a folder at a glance: how far each has come, and what it found."""

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recsys.errors import InputError
from recsys.runs.folder import RunFolder
from recsys.system.display import counted
from recsys.system.files import is_locked
from recsys.system.text_table import text_table

HEADLINE = "ndcg@10"
# Seconds of each unit of an age, the largest that it holds at least one of.
UNITS = (("d", 86400), ("h", 3600), ("min", 60))


@dataclass(frozen=True)
class ListedRun:
    """A run, without its files.

    Attributes:
        path: its folder.
        task: such as ``recommendation``.
        state: ``at work``, ``stopped``, ``trained``, ``evaluated``, ``exported``, or what is wrong
            with its files.
        metric: that it is judged by; None of another task than recommendation.
        value: of the metric on the test part; None until it is evaluated.
        low: lower end of its 95 % interval.
        high: upper end, likewise.
        seconds: since something was written in it last.
    """

    path: str
    task: str
    state: str
    metric: str | None
    value: float | None
    low: float | None
    high: float | None
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def list_runs(runs_dir: Path) -> list[ListedRun]:
    """Every run ``<runs_dir>/<name>/<seed>``, the one that was at work last first.

    Nothing heavy is imported, and no model read.

    Raises:
        InputError: there is no such folder, or no run in it.
    """
    found = [listed(RunFolder(file.parent)) for file in runs_dir.glob("*/*/experiment.yaml")]
    if not found:
        there = "holds no run" if runs_dir.is_dir() else "is not a folder"
        raise InputError(f"{runs_dir} {there}: name the folder of your runs by --runs-dir")
    return sorted(found, key=lambda run: (run.seconds, run.path))


def listing(runs: Iterable[ListedRun]) -> str:
    """Runs as a table, a line each."""
    rows = [(run.path, run.state, run.metric or "", figure(run), age(run.seconds)) for run in runs]
    columns = ["state", "metric", "test", "age"]
    return text_table(counted(len(rows), "run"), columns, rows)


def age(seconds: float) -> str:
    """How long ago something was, in one unit.

    >>> age(12), age(3599), age(7300), age(200000)
    ('12 s', '59 min', '2 h', '2 d')
    """
    for unit, size in UNITS:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def figure(run: ListedRun) -> str:
    """What a run found, with its interval; empty until it is evaluated."""
    if run.value is None:
        return ""
    if run.low is None or run.high is None:
        return f"{run.value:.4f}"
    return f"{run.value:.4f} ({run.low:.4f} to {run.high:.4f})"


def listed(folder: RunFolder) -> ListedRun:
    """A run, without its files.

    Args:
        folder: of it, which holds ``experiment.yaml``.
    """
    task, metric, found = "", None, {}
    try:
        document = folder.files.read(folder.experiment)
        task = str(document.get("task", "recommendation"))
        if task == "recommendation":
            metric = str(document.get("evaluation", {}).get("metric", HEADLINE))
        if metric is not None and folder.files.recorded(folder.metrics):
            found = folder.read_metrics(["test"])["test"].get(metric, {})
        state = _state(folder)
    except InputError as error:
        state = str(error).splitlines()[0]
    written = [path.stat().st_mtime for path in folder.path.glob("*") if path.is_file()]
    value, low, high = (found.get(key) for key in ("value", "low", "high"))
    seconds = time.time() - max(written, default=time.time())
    return ListedRun(str(folder.path), task, state, metric, value, low, high, seconds)


def _state(folder: RunFolder) -> str:
    """How far a run has come."""
    if is_locked(folder.path):
        return "at work"
    if any(folder.model.glob("[0-9]*")):
        return "exported"
    if folder.files.recorded(folder.metrics):
        return "evaluated"
    return "trained" if folder.files.recorded(folder.timing) else "stopped"
