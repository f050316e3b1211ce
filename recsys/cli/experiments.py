"""Commands that work an experiment off: prepare, train, evaluate, export, search."""

import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recsys.cli.app import (
    RUNS,
    AsJson,
    ExperimentFile,
    ListColumns,
    Lists,
    Name,
    Overrides,
    Overwrite,
    RunsDir,
    app,
    list_columns,
    named_lists,
)
from recsys.cli.checks import check_experiment, check_log, task_of
from recsys.experiment.precheck import refuse_early
from recsys.runs.console import say
from recsys.runs.events import Compared, Done, emit
from recsys.system.backend import start_backend
from recsys.system.display import show
from recsys.system.processes import current
from recsys.system.redaction import redact

if TYPE_CHECKING:
    from recsys.api.run import Run
    from recsys.experiment.schema import Experiment

ContinueFrom = Annotated[
    str | None,
    typer.Option(
        metavar="RUN",
        help="go on from this run's model, on a log that has grown (training.continue_from.run)",
    ),
]


@app.command()
def run(
    experiment: ExperimentFile,
    overrides: Overrides = None,
    name: Name = None,
    runs_dir: RunsDir = RUNS,
    overwrite: Overwrite = False,
    continue_from: ContinueFrom = None,
    as_json: AsJson = False,
) -> None:
    """Prepare, train, evaluate and export; continues a run that was stopped."""
    overrides = _continued(overrides, continue_from)
    if (task := task_of(experiment, overrides)) is not None:
        task.check(experiment, overrides, name)
        start_backend()
        finished = task.run(experiment, overrides, name, runs_dir, overwrite)
        emit(Done(path=str(finished.path)))
        show(finished.summary())
        return
    check_experiment(experiment, overrides, name, runs_dir, overwrite)
    from recsys.api.training import each_run

    seeds = []
    for each in _told(each_run(experiment, overrides, name, runs_dir, overwrite)):
        _emit_done(each)
        show(each.summary())
        say(f"report: {each.report}")
        _say_page(each.experiment, runs_dir, each.path)
        seeds.append(each)
    _show_seeds(seeds)


def _told(runs: Iterator["Run"]) -> Iterator["Run"]:
    """The runs, for the process that tells of them: of several that train together, the first."""
    for each in runs:
        if current.is_first():
            yield each


def _continued(overrides: list[str] | None, run: str | None) -> list[str] | None:
    """The overrides, with the run to go on from; quoted, as values are YAML."""
    if run is None:
        return overrides
    return [*(overrides or []), f"training.continue_from.run={json.dumps(run)}"]


@app.command()
def prepare(
    experiment: ExperimentFile, overrides: Overrides = None, runs_dir: RunsDir = RUNS
) -> None:
    """Turn the log into a dataset on disk."""
    check_log(experiment, overrides)
    from recsys.api.data import prepare

    print(prepare(experiment, overrides, runs_dir=runs_dir).path)


@app.command()
def train(
    experiment: ExperimentFile,
    overrides: Overrides = None,
    name: Name = None,
    runs_dir: RunsDir = RUNS,
    overwrite: Overwrite = False,
    continue_from: ContinueFrom = None,
    as_json: AsJson = False,
) -> None:
    """Fit the model, or continue a fit that was stopped."""
    overrides = _continued(overrides, continue_from)
    check_experiment(experiment, overrides, name, runs_dir, overwrite)
    from recsys.api.training import each_run

    for each in _told(each_run(experiment, overrides, name, runs_dir, overwrite, "train")):
        emit(Done(path=str(each.path), seed=int(each.path.name)))
        print(each.path)


@app.command()
def evaluate(
    experiment: ExperimentFile,
    overrides: Overrides = None,
    name: Name = None,
    runs_dir: RunsDir = RUNS,
    lists: Lists = None,
    column: ListColumns = None,
    as_json: AsJson = False,
) -> None:
    """Rank the test part with a trained model, beside the baselines and other systems' lists."""
    systems, columns = named_lists(lists), list_columns(column)
    check_experiment(experiment, overrides, name, runs_dir)
    from recsys.api.training import each_run

    seeds = []
    for each in each_run(experiment, overrides, name, runs_dir, only="evaluate"):
        _emit_done(each)
        show(each.summary())
        seeds.append(each)
    _show_seeds(seeds)
    if systems:
        _show_lists(seeds, systems, columns)


@app.command()
def export(
    experiment: ExperimentFile,
    overrides: Overrides = None,
    name: Name = None,
    runs_dir: RunsDir = RUNS,
    as_json: AsJson = False,
) -> None:
    """Write the SavedModel of a trained model."""
    check_experiment(experiment, overrides, name, runs_dir)
    from recsys.api.training import each_run

    for each in each_run(experiment, overrides, name, runs_dir, only="export"):
        emit(Done(path=str(each.path), seed=int(each.path.name)))
        print(each.path / "model" / each.experiment.export.version)


@app.command()
def sweep(
    experiment: ExperimentFile,
    overrides: Overrides = None,
    name: Name = None,
    runs_dir: RunsDir = RUNS,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Search the values that `sweep` in the experiment names; continues where it was stopped."""

    def check() -> None:
        from recsys.tuning.sweep import Sweep
        from recsys.tuning.sweep_file import read_sweep

        Sweep(*read_sweep(experiment, overrides, name), runs_dir, overwrite).corners()

    refuse_early(["recsys.tuning.sweep"], check)
    from recsys.api.training import sweep

    command = redact(shlex.join(["recsys", *sys.argv[1:]]))
    best = sweep(
        experiment, overrides, name=name, runs_dir=runs_dir, overwrite=overwrite, command=command
    )
    emit(Done(path=str(best)))
    print(best)
    say(f"run the winner: recsys run {shlex.quote(str(best))}")
    from recsys.tuning.sweep_file import read_sweep

    _say_page(read_sweep(experiment, overrides, name)[0], runs_dir, best.parent)


def _emit_done(run: "Run") -> None:
    """What a run came to, for programs."""
    emit(
        Done(
            path=str(run.path),
            seed=int(run.path.name),
            metrics=run.document("metrics")["test"],
            report=str(run.report),
        )
    )


def _show_seeds(runs: "list[Run]") -> None:
    """The seeds of an experiment in one table, where there are several."""
    from recsys.runs.folder import RunFolder
    from recsys.runs.summary import seeds_summary

    if len(runs) > 1:
        show(seeds_summary([RunFolder(run.path) for run in runs]))


def _show_lists(seeds: "list[Run]", systems: Mapping[str, str], columns: Mapping[str, str]) -> None:
    """What other systems recommended, by the same metrics, and whether the run is better."""
    from recsys.api.lists import evaluate_lists, lists_summary

    judged = {
        name: evaluate_lists(path, seeds, columns=columns, name=name)
        for name, path in systems.items()
    }
    for found in judged.values():
        emit(Compared.model_validate(found.attrs["comparison"]))
    show(lists_summary(judged, seeds[0].experiment.evaluation.metric))


def _say_page(experiment: "Experiment", runs_dir: Path, run_folder: Path) -> None:
    """Where MLflow shows a run."""
    from recsys.tracking import page_command

    if experiment.tracking.enabled:
        say(f"MLflow page: {page_command(runs_dir, run_folder)}")
