"""One propensity experiment on one page: log or table in, tested predictions of users out."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import skops.io

from recsys.data.dataset import Dataset
from recsys.data.prepare.findings import findings
from recsys.errors import InputError
from recsys.marketing.at_work import at_work, versions
from recsys.marketing.propensity.estimator_model import FILE
from recsys.marketing.propensity.experiment import PropensityExperiment
from recsys.marketing.propensity.explanations import coefficients, importance
from recsys.marketing.propensity.files import PREDICTIONS, USERS
from recsys.marketing.propensity.giveaways import giveaways
from recsys.marketing.propensity.labelled import task_of_table
from recsys.marketing.propensity.model_selection import fit_for_now, select_model
from recsys.marketing.propensity.objectives import Regression
from recsys.marketing.propensity.periods import LogTask, task_of_log
from recsys.marketing.propensity.results import (
    clusters_of,
    comparison,
    curves,
    cutoffs,
    example,
    segments_over_time,
    tested_users,
    totals,
    users_now,
)
from recsys.marketing.propensity.task import Task
from recsys.marketing.reports.users_report import write_users_report
from recsys.marketing.users.events import open_events
from recsys.protection.encryption import write_frame
from recsys.protection.forgotten import ForgottenUsers, forgotten_users
from recsys.runs.console import say, working
from recsys.runs.folder import RunFolder
from recsys.runs.preparation import prepare_dataset
from recsys.system.files import atomic_path

VERSION = "1"


def run_propensity(
    experiment: PropensityExperiment, runs_dir: Path, overwrite: bool = False
) -> RunFolder:
    """Fits, selects and tests estimators, and predicts what comes next; once per run folder.

    Beside ``metrics.json`` it leaves ``predictions.parquet`` (tested users: what was
    predicted, what came true), ``users.parquet`` (all users now: features, segment, cluster,
    prediction, reasons) and ``model/1/model.skops`` (the estimator, fitted on everything).

    Raises:
        InputError: see :func:`recsys.marketing.propensity.periods.task_of_log`,
            :func:`recsys.marketing.propensity.labelled.task_of_table` and
            :func:`recsys.marketing.propensity.model_selection.select_model`.
    """
    dataset = None
    if experiment.data is not None:
        dataset = prepare_dataset(experiment.data, runs_dir)
    with at_work(experiment, dataset, runs_dir, overwrite) as (folder, tracker):
        if not (folder.files.all_hold(folder.metrics) and folder.has_metrics()):
            _make(experiment, dataset, folder, forgotten_users(runs_dir))
        metrics = folder.read_metrics(["test", "input_example"])
        report = write_users_report([folder.path], folder.report, experiment.name)
        scored = {name: metrics[name] for name in ("test", "validation", "timing")}
        scored |= {f"baseline_{name}": found for name, found in metrics["baselines"].items()}
        tracker.log_metrics(scored)
        tracker.log_artifact(folder.metrics)
        tracker.log_artifact(report)
        if experiment.tracking.enabled:
            with working("logging the model to MLflow"):
                tracker.log_model(folder.model / VERSION, metrics["input_example"])
    return folder


def _make(
    experiment: PropensityExperiment,
    dataset: Dataset | None,
    folder: RunFolder,
    forgotten: ForgottenUsers,
) -> None:
    began = time.monotonic()
    config = experiment.propensity
    with _task(experiment, dataset, forgotten) as (task, log), working("predicting") as tell:
        for note in task.notes:
            say(f"  {note}")
        selected = select_model(task, config, lambda stage: tell(stage, 0.0))
        for note in selected.notes:
            say(f"  {note}")
        tell("explaining", 0.0)
        seed = config.seed
        weights = coefficients(selected.pipeline)
        shuffled = importance(selected.pipeline, task.test, task.objective, selected.metric, seed)
        fitted = fit_for_now(task, selected)
        # A log's features are computed as of a cutoff, so none of them is known only afterwards.
        asked = giveaways(task, selected.chosen.pipeline, seed) if log is None else []
        now = None
        if task.now is not None:
            now = users_now(task, task.now, fitted, config.explained_users, seed)
        segmented = {} if log is None else segments_over_time(log)
        clustered = {} if log is None or now is None else clusters_of(log, now, seed)
    notes = [*([] if dataset is None else findings(dataset.manifest)), *task.notes]
    notes += [*(each.sentence for each in asked), *selected.notes]
    tables = {folder.path / PREDICTIONS: tested_users(task, selected)}
    if now is not None:
        tables[folder.path / USERS] = now
    estimator = folder.model / VERSION / FILE
    estimator.parent.mkdir(parents=True, exist_ok=True)
    source = experiment.data or experiment.table
    assert source is not None  # the experiment's validator requires one of the two
    encryption = source.protection.open_encryption()
    with folder.files.making(*tables, estimator, folder.metrics):
        for path, table in tables.items():
            with atomic_path(path, private=True) as temporary:
                write_frame(table, temporary, encryption)
        with atomic_path(estimator, private=True) as temporary:
            skops.io.dump(fitted, temporary)
        folder.write_metrics(
            {
                "test": selected.test,
                "validation": selected.validation,
                "baselines": selected.baselines,
                "comparison": comparison(task, selected),
                "objective": type(task.objective).__name__,
                "estimators": [
                    {
                        "kind": each.kind,
                        "settings": each.settings,
                        selected.metric: each.validation if np.isfinite(each.validation) else None,
                    }
                    for each in selected.tried
                ],
                "chosen": {"kind": selected.chosen.kind, "settings": selected.chosen.settings},
                "importance": shuffled.to_dict(),
                "coefficients": None if weights is None else weights.to_dict(),
                "totals": totals(task, selected, now, config.currency),
                "curves": curves(task, selected),
                "counts": {
                    name: len(getattr(task, name).target)
                    for name in ("train", "validation", "test")
                },
                "cutoffs": None if log is None else cutoffs(log),
                "segments": segmented,
                "clusters": clustered,
                "input_example": example(task),
                "timing": {"seconds": time.monotonic() - began},
                "pseudonyms": _pseudonyms(experiment, dataset),
                "quality": None if dataset is None else dataset.manifest.quality,
                "notes": notes,
                "giveaways": [asdict(each) | {"sentence": each.sentence} for each in asked],
                "versions": versions(),
            },
        )


def _pseudonyms(experiment: PropensityExperiment, dataset: Dataset | None) -> dict[str, str] | None:
    """Name and id of the key by which users are known; None: by their ids."""
    if dataset is not None:
        return dataset.manifest.pseudonyms
    assert experiment.table is not None  # the experiment's validator requires one of the two
    found = experiment.table.protection.open_pseudonyms()
    return None if found is None else found.as_document()


@contextlib.contextmanager
def _task(
    experiment: PropensityExperiment, dataset: Dataset | None, forgotten: ForgottenUsers
) -> Iterator[tuple[Task, LogTask | None]]:
    config = experiment.propensity
    if dataset is None:
        assert experiment.table is not None  # the experiment's validator requires one of the two
        task = task_of_table(experiment.table, config.seed, config.statistic, forgotten)
        if config.of_amounts and not isinstance(task.objective, Regression):
            raise InputError(
                f"propensity.{config.of_amounts} needs amounts, and the label "
                f"{experiment.table.label!r} (table.label) is not an amount: leave the setting out"
            )
        yield task, None
        return
    with open_events(dataset, config.features.behaviour.category) as events:
        with working("describing users"):
            log = task_of_log(events, config.period, config.features, config.statistic)
        yield log.task, log
