"""Logs a scikit-learn pipeline, saved with skops, as a model that MLflow can load and serve."""

import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.reading import reading
from recsys.tracking.logged_model import log_model
from recsys.tracking.run import Run

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

FILE = "model.skops"
MEND = "Run the experiment again (`recsys run`): it makes again what is damaged"
PACKAGES = ("mlflow", "scikit-learn", "skops", "numpy", "pandas")


def holds(folder: Path) -> bool:
    """Whether a folder is that of an estimator."""
    return (folder / FILE).is_file()


def signature(input_example: Mapping[str, list]) -> "ModelSignature":
    """Describes the columns that the estimator takes: one that may be missing is a double.

    Args:
        input_example: a list per feature, with a value per user.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    columns = []
    for name, values in input_example.items():
        text = any(isinstance(value, str) for value in values)
        columns.append(ColSpec(DataType.string if text else DataType.double, name))
    return ModelSignature(inputs=Schema(columns))


def log(run: Run, folder: Path, model_signature: "ModelSignature") -> str:
    """Logs an estimator to a run and returns the logged model's id.

    A model of classes answers with probabilities, in the order of its classes.
    """
    import skops.io
    from mlflow.sklearn import save_model

    # Our own file: its types are those of scikit-learn's estimators.
    with reading(folder / FILE, MEND):
        types = skops.io.get_untrusted_types(file=folder / FILE)
        fitted: Any = skops.io.load(folder / FILE, trusted=types)

    predicts = "predict_proba" if hasattr(fitted, "predict_proba") else "predict"

    def save(path: str, described: Any) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*input example", UserWarning)
            save_model(
                fitted,
                path,
                mlflow_model=described,
                serialization_format="skops",
                skops_trusted_types=types,
                signature=model_signature,
                pip_requirements=[f"{name}=={version(name)}" for name in PACKAGES],
                pyfunc_predict_fn=predicts,
            )

    return log_model(run, save, "sklearn")
