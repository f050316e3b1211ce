"""The runs of a folder at a glance: how far each has come, and what it found."""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recsys.errors import InputError
from recsys.experiment.file import DEFAULT_TASK
from recsys.reports.stages import stages_of
from recsys.runs.events import ListedRun
from recsys.runs.folder import RunFolder
from recsys.runs.work_marker import WorkMarker, read_marker
from recsys.system.display import counted
from recsys.system.files import is_locked
from recsys.system.text_table import text_table

HEADLINE = "ndcg@10"
# Seconds of each unit of an age, the largest that it holds at least one of.
UNITS = (("d", 86400), ("h", 3600), ("min", 60))


def list_runs(runs_dir: Path) -> list[ListedRun]:
    """Every run ``<runs_dir>/<name>/<seed>``, the one that was at work last first.

    Nothing heavy is imported, and no model read.

    Args:
        runs_dir: the folder of all runs.

    Raises:
        InputError: there is no such folder, or no run in it.
    """
    found = [listed(RunFolder(file.parent)) for file in runs_dir.glob("*/*/experiment.yaml")]
    if not found:
        there = "holds no run" if runs_dir.is_dir() else "is not a folder"
        raise InputError(
            f"{runs_dir} {there}: `recsys init LOG` writes an experiment, and `recsys run "
            "experiment.yaml` makes a first run; those of another folder are listed by --runs-dir"
        )
    return sorted(found, key=lambda run: (run.age_seconds, run.path))


def listing(runs: Iterable[ListedRun]) -> str:
    """Runs as a table, a line each, and below it what made some of them fail."""
    runs = list(runs)
    rows = [
        (
            run.path,
            run.state if run.done is None else f"{run.state} ({run.done})",
            run.metric or "",
            "" if run.validation is None else f"{run.validation:.4f}",
            figure(run),
            "" if run.duration_seconds is None else age(run.duration_seconds),
            age(run.age_seconds),
        )
        for run in runs
    ]
    columns = ["state", "metric", "validation", "test", "took", "age"]
    errors = [f"{run.path}: {run.error.splitlines()[0]}" for run in runs if run.error]
    return text_table(counted(len(rows), "run"), columns, rows) + "\n".join(errors)


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
    path, marker = folder.path, read_marker(folder.path)
    written = [file.stat().st_mtime for file in path.glob("*") if file.is_file()]
    facts: dict[str, Any] = {
        "path": str(path),
        "name": path.parent.name,
        "seed": int(path.name) if path.name.isdigit() else None,
        "age_seconds": max(time.time() - max(written, default=time.time()), 0.0),
    }
    empty = dict.fromkeys(
        ["done", "metric", "validation", "value", "low", "high", "duration_seconds", "error"]
    )
    try:
        found = _found(folder)
        state = _state(folder, marker, found["done"])
    except InputError as error:
        found = {"task": "", "error": str(error).splitlines()[0]}
        state = "damaged"
    if state == "running":
        found["duration_seconds"] = _since(marker)
    elif state == "failed" and marker is not None:
        found["error"] = marker.error
    return ListedRun.model_validate({**facts, **empty, **found, "state": state})


def _found(folder: RunFolder) -> dict[str, Any]:
    """What a run's documents say of it.

    Raises:
        Damaged: one of them cannot be relied on.
    """
    files = folder.files
    experiment = files.read(folder.experiment)
    found: dict[str, Any] = {"task": str(experiment.get("task", DEFAULT_TASK))}
    metrics: dict[str, Any] = {}
    if files.recorded(folder.metrics):
        metrics = folder.read_metrics()
    history = files.read(folder.history) if files.recorded(folder.history) else []
    if found["task"] == DEFAULT_TASK and "sweep" not in experiment:
        metric = found["metric"] = str(experiment.get("evaluation", {}).get("metric", HEADLINE))
        found |= {
            key: metrics.get("test", {}).get(metric, {}).get(key)
            for key in ("value", "low", "high")
        }
        found["validation"] = _validation(metric, metrics, history)
    timing = files.read(folder.timing) if files.recorded(folder.timing) else {}
    stages = files.read(folder.stages) if files.recorded(folder.stages) else {}
    measured = stages_of(stages, timing or metrics.get("timing", {}), history)
    found["done"] = _done(folder, bool(metrics), bool(timing))
    found["duration_seconds"] = sum(stage.seconds for stage in measured) if measured else None
    return found


def _validation(
    metric: str, metrics: Mapping[str, Any], history: Sequence[Mapping[str, Any]]
) -> float | None:
    """Of the weights that were kept; before they are evaluated, the best of the epochs."""
    if metric in metrics.get("validation", {}):
        return metrics["validation"][metric]["value"]
    values = [epoch[metric] for epoch in history if epoch.get(metric) is not None]
    return max(values, default=None)


def _done(folder: RunFolder, is_evaluated: bool, is_trained: bool) -> str | None:
    """How far a run has come."""
    if (folder.path / "best.yaml").is_file():  # of a sweep
        return "searched"
    if any(folder.model.glob("[0-9]*")):
        return "exported"
    return "evaluated" if is_evaluated else "trained" if is_trained else None


def _state(folder: RunFolder, marker: WorkMarker | None, done: str | None) -> str:
    """Whether a run goes on, or how it ended."""
    if is_locked(folder.path):
        return "running"
    if marker is not None:
        return "interrupted" if marker.error is None else "failed"
    return "finished" if done else "interrupted"


def _since(marker: WorkMarker | None) -> float | None:
    """Seconds since the process that is at work began."""
    if marker is None or not marker.began:
        return None
    return max((datetime.now(UTC) - datetime.fromisoformat(marker.began)).total_seconds(), 0.0)
