"""Puts a model of any kind into its place in the store."""

import tempfile
from collections.abc import Callable
from typing import Any

from recsys.tracking.run import Run


def log_model(run: Run, save: Callable[[str, Any], None], kind: str) -> str:
    """Logs a model to a run and returns the logged model's id.

    MLflow's own ``log_model`` would log to the globally active experiment, and
    try an input example in this process, which may load TensorFlow and take
    memory that the training backend holds. Hence its steps one by one.

    Args:
        run: the model's.
        save: writes the model into a folder, given what MLflow says of it.
        kind: of model, for MLflow's page.
    """
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    stored = run.client.get_run(run.id)
    logged = run.client.create_logged_model(
        stored.info.experiment_id, "model", run.id, params=stored.data.params, model_type=kind
    )
    run.client.log_outputs(run.id, [LoggedModelOutput(logged.model_id, step=0)])
    described = Model(
        run_id=run.id, model_id=logged.model_id, artifact_path=logged.artifact_location
    )
    with tempfile.TemporaryDirectory() as folder:
        save(f"{folder}/model", described)
        run.client.log_model_artifacts(logged.model_id, f"{folder}/model")
    run.client.finalize_logged_model(logged.model_id, "READY")
    return logged.model_id
