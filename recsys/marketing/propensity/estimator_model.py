"""Logs a scikit-learn pipeline, saved with skops, as a model that MLflow can load and serve.

An entry point of the core: see :class:`recsys.tracking.models.ModelKind`.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.errors import InputError
from recsys.system.reading import reading
from recsys.tracking.logged_model import environment, log_model
from recsys.tracking.run import Run

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature

FILE = "model.skops"
MEND = "Run the experiment again (`recsys run`): what is damaged is made again"
PACKAGES = ("mlflow", "scikit-learn", "skops", "numpy", "pandas")
# What our estimators hold beside what skops trusts by itself. A file names the types that are
# made and called as it is loaded: to trust them all is to run any command.
TYPES = frozenset(
    {
        "numpy.dtype",
        "sklearn._loss.loss.HalfTweedieLoss",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.compose._column_transformer.make_column_selector",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.tree._tree.Tree",
    }
)


def holds(folder: Path) -> bool:
    """Whether a folder is that of an estimator."""
    return (folder / FILE).is_file()


def check(folder: Path) -> None:
    """Refuses a file that would run more than a model when it is loaded.

    Raises:
        InputError: see :func:`trusted_types`.
    """
    trusted_types(folder)


def content(logged: Path) -> Path:
    """The folder that MLflow made of an estimator, which holds the estimator itself."""
    return logged


def example(input_example: Mapping[str, list]) -> "pd.DataFrame":
    """The example as a table that fits the signature: numbers are doubles, missing ones too."""
    import pandas as pd

    columns = {}
    for name, values in input_example.items():
        is_text = any(isinstance(value, str) for value in values)
        columns[name] = pd.Series(list(values), dtype=None if is_text else "float64")
    return pd.DataFrame(columns)


def trusted_types(folder: Path) -> list[str]:
    """The types that an estimator needs trusted, all of them of :data:`TYPES`.

    Raises:
        InputError: it would load others.
    """
    import skops.io

    file = folder / FILE
    with reading(file, MEND):
        wanted = skops.io.get_untrusted_types(file=file)
    if foreign := sorted(set(wanted) - TYPES):
        raise InputError(
            f"{file} is not an estimator of ours and was not loaded: it would load "
            f"{', '.join(foreign)}, which could run any command. Make it again with --overwrite."
        )
    return wanted


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


def log(
    run: Run,
    folder: Path,
    model_signature: "ModelSignature",
    input_example: "pd.DataFrame | None",
    digest: str,
) -> str:
    """Logs an estimator to a run and returns the logged model's id.

    A model of classes answers with probabilities, in the order of its classes.

    Raises:
        InputError: the file would load types that none of ours has (:func:`trusted_types`).
    """
    import skops.io
    from mlflow.sklearn import save_model

    types = trusted_types(folder)
    with reading(folder / FILE, MEND):
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
                input_example=input_example,
                conda_env=environment(PACKAGES),
                pyfunc_predict_fn=predicts,
            )

    return log_model(run, save, "sklearn", digest)
