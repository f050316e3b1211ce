"""Logs a SavedModel as a pyfunc that MLflow can load, describe and serve."""

import hashlib
import tempfile
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import recsys.tracking.store as store

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

    from recsys.tracking.run import Run

CODE = Path(__file__).parent / "pyfunc_model.py"


def digest(folder: Path) -> str:
    """Names the content of a folder, so that the same model is not registered twice."""
    total = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(file.relative_to(folder).as_posix().encode() + b"\0")
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


def signature(input_example: Mapping[str, list]) -> "ModelSignature":
    """Describes the columns that the model takes and gives.

    Only ``history`` is required; ``exclude`` is always accepted.

    Args:
        input_example: a list per column, with a value (text, number, or a list
            of them) per request.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import Array

    def kind(values: list) -> DataType | Array:
        is_list = any(isinstance(value, list | tuple) for value in values)
        flat = [item for value in values for item in value] if is_list else values
        scalar = DataType.string
        if flat and all(isinstance(item, int) for item in flat):
            scalar = DataType.long
        elif flat and all(isinstance(item, int | float) for item in flat):
            scalar = DataType.double
        return Array(scalar) if is_list else scalar

    columns = {"history": Array(DataType.string)}
    columns |= {name: kind(list(values)) for name, values in input_example.items()}
    columns |= {"exclude": Array(DataType.string)}
    inputs = [ColSpec(type, name, required=name == "history") for name, type in columns.items()]
    outputs = [
        ColSpec(Array(DataType.string), "item_id"),
        ColSpec(Array(DataType.float), "score"),
    ]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def log(run: "Run", saved_model: Path, model_signature: "ModelSignature") -> str:
    """Logs a SavedModel to a run and returns the logged model's id.

    ``mlflow.pyfunc.log_model`` would log to the globally active experiment, and
    load TensorFlow into this process to try an input example, which on a GPU
    takes memory that the training backend holds. Hence its steps one by one.
    """
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model
    from mlflow.pyfunc import save_model

    stored = run.client.get_run(run.id)
    logged = run.client.create_logged_model(
        stored.info.experiment_id, "model", run.id, params=stored.data.params, model_type="pyfunc"
    )
    run.client.log_outputs(run.id, [LoggedModelOutput(logged.model_id, step=0)])
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*input example", UserWarning)
        save_model(
            f"{folder}/model",
            mlflow_model=Model(
                run_id=run.id, model_id=logged.model_id, artifact_path=logged.artifact_location
            ),
            python_model=str(CODE),
            artifacts={"saved_model": str(saved_model)},
            signature=model_signature,
            pip_requirements=[f"{name}=={version(name)}" for name in ("mlflow", "tensorflow")],
        )
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
