"""What every logged model has in common: its place in the store, and its name in the registry."""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import recsys.tracking.store as store

if TYPE_CHECKING:
    from recsys.tracking.run import Run


def digest(folder: Path) -> str:
    """Names the content of a folder, so that the same model is not registered twice."""
    total = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(file.relative_to(folder).as_posix().encode() + b"\0")
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


def log_model(run: "Run", save: Callable[[str, Any], None], kind: str) -> str:
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


def register(run: "Run", model_id: str, name: str) -> None:
    """Registers a logged model as the next version of a registered model."""
    from mlflow.exceptions import MlflowException

    try:
        run.client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    with store.active_store(run.uri):
        run.client.create_model_version(name, f"models:/{model_id}", run.id, model_id=model_id)
