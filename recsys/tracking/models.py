"""Logs models to a run, whatever their kind, and registers them."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import recsys.tracking.store as store
from recsys.tracking import estimator_model, saved_model
from recsys.tracking.run import Run

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

DIGEST_TAG = "saved_model_digest"
NAME_TAG = "registered_model"


def signature(folder: Path, input_example: Mapping[str, list]) -> "ModelSignature":
    """Describes what the SavedModel or the estimator of a folder takes and gives.

    Args:
        folder: its own.
        input_example: a list per input, with a value per request.
    """
    kind = estimator_model if estimator_model.holds(folder) else saved_model
    return kind.signature(input_example)


def check(folder: Path) -> None:
    """Refuses a file that would run more than a model when it is loaded.

    Raises:
        InputError: it is not an estimator of ours.
    """
    if estimator_model.holds(folder):
        estimator_model.trusted_types(folder)


def log(
    run: Run, folder: Path, model_signature: "ModelSignature", registered_name: str | None
) -> None:
    """Logs the SavedModel or the estimator of a folder, unless the run holds that very one."""
    found = digest(folder)
    if run.client.get_run(run.id).data.tags.get(DIGEST_TAG) == found:
        return
    kind = estimator_model if estimator_model.holds(folder) else saved_model
    model_id = kind.log(run, folder, model_signature)
    if registered_name:
        register(run, model_id, registered_name)
    run.set_tags({DIGEST_TAG: found, NAME_TAG: registered_name or ""})


def digest(folder: Path) -> str:
    """Names the content of a folder, so that the same model is not registered twice."""
    total = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(file.relative_to(folder).as_posix().encode() + b"\0")
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


def register(run: Run, model_id: str, name: str) -> None:
    """Registers a logged model as the next version of a registered model."""
    from mlflow.exceptions import MlflowException

    try:
        run.client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    with store.active_store(run.uri):
        run.client.create_model_version(name, f"models:/{model_id}", run.id, model_id=model_id)
