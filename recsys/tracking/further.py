"""Logs a model that was made after its run had ended, such as one with a newer item table."""

import logging
from collections.abc import Mapping
from pathlib import Path

import recsys.tracking.store as store
from recsys.errors import InputError
from recsys.system.redaction import redact
from recsys.tracking import models, record
from recsys.tracking.config import TrackingConfig
from recsys.tracking.run import Run

logger = logging.getLogger(__name__)


def log_further(
    config: TrackingConfig,
    run_folder: Path,
    runs_dir: Path,
    name: str,
    folder: Path,
    input_example: Mapping[str, list],
    about: str,
) -> None:
    """Logs a model to the MLflow run of a run folder, and registers it as its next version.

    What cannot be logged is a warning: the model stands.

    Args:
        config: the experiment's ``tracking`` section.
        run_folder: whose MLflow run it is, as ``mlflow.json`` names it.
        runs_dir: holds the default store.
        name: of the registered model, unless ``config`` has one.
        folder: the model's own.
        input_example: see :meth:`recsys.tracking.tracker.Tracker.log_model`.
        about: a sentence about it, for the description of the version.
    """
    if not config.enabled:
        return
    try:
        if not (runs := record.read(run_folder)):
            return
        key = next(reversed(runs))
        run = _run(key, runs[key], runs_dir)
        kind = models.kind_of(folder)
        registered = (config.model_name or name) if config.register_model else None
        signature, example = kind.signature(input_example), kind.example(input_example)
        models.log(run, folder, signature, example, registered, about)
    except Exception as error:  # of MLflow or its server, which end no work
        said = redact(str(error).strip() or type(error).__name__).splitlines()[0]
        logger.warning("%s is not logged to MLflow: %s", folder, said)


def _run(key: str, run_id: str, runs_dir: Path) -> Run:
    """The run, in the store that has it.

    Raises:
        InputError: that store is not at hand, or has it no more.
    """
    store.prepare_environment()
    uri, why = store.recorded_address(key, runs_dir)
    run = None if uri is None else Run.find(uri, run_id)
    if run is None:
        raise InputError(f"the run {run_id} is not to be had from its store, {key}{why}")
    return run
