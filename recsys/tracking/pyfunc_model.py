"""The registered model, as code: MLflow copies this file into the model's folder.

It runs where nothing of this package is installed, so it imports MLflow, NumPy
and pandas (which MLflow brings) and TensorFlow only.

In: a table with a row per request and a column per input of the SavedModel
(``history``: ids, oldest first; ``history_time``, if the model reads times: of
each of them, seconds since 1970, or nothing, as if all had been at once), and
optionally ``exclude``: ids to leave out.
Out: ``item_id`` (text) and ``score``, best first, one list per row; rows with
fewer answers have shorter lists.
"""

from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc import PythonModel, PythonModelContext


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def _scalars(values: list, is_text: bool) -> np.ndarray:
    """[batch]; a missing text is empty, a missing number NaN."""
    missing: Any = "" if is_text else np.nan
    filled = [missing if _is_missing(value) else value for value in values]
    return np.array(filled, dtype=object if is_text else np.float32)


def _lists(values: list, dtype: type, width: int | None) -> np.ndarray:
    """[batch, width], padded on the right with "" or 0."""
    rows = [[] if _is_missing(value) else list(value) for value in values]
    if width is None:
        width = max((len(row) for row in rows), default=0)
    table: np.ndarray = np.full((len(rows), width), "" if dtype is object else 0, dtype)
    for target, row in zip(table, rows, strict=True):
        if len(row) > width:
            raise ValueError(f"expected at most {width} values in a row, received {len(row)}")
        target[: len(row)] = row
    return table


def _times(values: list, histories: list) -> np.ndarray:
    """int64 [batch, longest history], aligned with the histories; 0 for rows without."""
    events = [0 if _is_missing(history) else len(history) for history in histories]
    rows = [[] if _is_missing(value) else list(value) for value in values]
    for row, count in zip(rows, events, strict=True):
        if row and len(row) != count:
            raise ValueError(
                f"expected as many values in history_time as in history ({count}) or none, "
                f"received {len(row)}"
            )
    return _lists(rows, np.int64, max(events, default=0))


class Recommender(PythonModel):
    """Recommends items through the SavedModel among its artefacts."""

    def load_context(self, context: PythonModelContext) -> None:
        """Loads the SavedModel. TensorFlow is imported here: logging does not need it."""
        import tensorflow as tf

        self._saved_model = tf.saved_model.load(context.artifacts["saved_model"])

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Recommends for every row of a table."""
        import tensorflow as tf

        excludes = "exclude" in model_input.columns
        name = "recommend_excluding" if excludes else "serving_default"
        signature = self._saved_model.signatures[name]
        inputs = {}
        for column, spec in signature.structured_input_signature[1].items():
            values = (
                list(model_input[column]) if column in model_input else [None] * len(model_input)
            )
            is_text = spec.dtype == tf.string
            if column == "history_time":
                array = _times(values, list(model_input["history"]))
            elif spec.shape.rank == 1:
                array = _scalars(values, is_text)
            else:
                array = _lists(values, object if is_text else np.float32, spec.shape[1])
            inputs[column] = tf.constant(array, dtype=spec.dtype, shape=array.shape)
        answer = signature(**inputs)
        ids, scores = answer["item_id"].numpy(), answer["score"].numpy()
        kept = [row != b"" for row in ids]
        return pd.DataFrame(
            {
                "item_id": [
                    [text.decode() for text in row[k]] for row, k in zip(ids, kept, strict=True)
                ],
                "score": [row[k].tolist() for row, k in zip(scores, kept, strict=True)],
            },
            index=model_input.index,
        )


mlflow.models.set_model(Recommender())
