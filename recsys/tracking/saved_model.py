"""Logs a SavedModel as a pyfunc that MLflow can load, describe and serve."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.tracking.logged_model import environment, log_model
from recsys.tracking.run import Run

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature

CODE = Path(__file__).parent / "pyfunc_model.py"


def holds(folder: Path) -> bool:
    """Whether a folder is that of a SavedModel, or one that MLflow made of it."""
    return any(folder.glob("saved_model.pb")) or any(folder.glob("artifacts/*/saved_model.pb"))


def check(folder: Path) -> None:
    """Refuses nothing: TensorFlow runs what a graph may, and no more."""


def content(logged: Path) -> Path:
    """The SavedModel's own folder within the one that MLflow made of it."""
    (own,) = (logged / "artifacts").iterdir()
    return own


def example(input_example: Mapping[str, list]) -> "pd.DataFrame":
    """The example as a table, a row per request."""
    import pandas as pd

    return pd.DataFrame({name: pd.Series(list(values)) for name, values in input_example.items()})


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


def log(
    run: Run,
    saved_model: Path,
    model_signature: "ModelSignature",
    input_example: "pd.DataFrame | None",
    digest: str,
) -> str:
    """Logs a SavedModel to a run and returns the logged model's id.

    The example is kept and held to the signature; nothing is predicted from it.
    """
    from mlflow.pyfunc import save_model

    def save(path: str, described: Any) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*input example", UserWarning)
            save_model(
                path,
                mlflow_model=described,
                python_model=str(CODE),
                artifacts={"saved_model": str(saved_model)},
                signature=model_signature,
                input_example=input_example,
                conda_env=environment(["mlflow", "tensorflow"]),
            )

    return log_model(run, save, "pyfunc", digest)
