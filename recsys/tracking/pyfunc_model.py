"""The registered model, as code: MLflow copies this file into the model's folder.

It runs where nothing of this package is installed, so it imports MLflow, NumPy
and pandas (which MLflow brings) and TensorFlow only.

In: a table with a row per request and a column per input of the SavedModel
(``history``: ids, oldest first; ``history_time``, if the model reads times: of
each of them, seconds since 1970, or nothing, as if all had been at once; likewise
what the events were, if the model reads that, or nothing), and optionally
``exclude``: ids to leave out, and what is allowed of each attribute that the model
can be filtered by (``filters`` in its manifest): a list of texts, or the least and the
largest number, of which nothing is an open end; nothing at all: every item.
Out: ``item_id`` (text) and ``score``, best first, one list per row; rows with
fewer answers have shorter lists.

Before it is loaded its files are compared with its manifest; where the environment variable
``RECSYS_VERIFY_KEY`` names a public key, its signature is checked as well (which needs the package
model-signing).
"""

import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc import PythonModel, PythonModelContext

# MLflow shows lines of its own loggers.
logger = logging.getLogger("mlflow.recsys")

MANIFEST = "assets.extra/manifest.json"
SIGNATURE = "assets.extra/model.sig"


def verified_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a SavedModel whose files are those that were exported.

    Raises:
        ValueError: a file is not, or lacks the signature that this machine asks for.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        seal = manifest.pop("seal")
    except (ValueError, LookupError) as error:
        raise ValueError(f"{folder / MANIFEST} is damaged. Register the model again") from error
    if seal != hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest():
        raise ValueError(f"{folder / MANIFEST} is damaged. Register the model again")
    for name, file in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            raise ValueError(f"{path} is missing. Register the model again")
        with path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != file["sha256"]:
                raise ValueError(f"{path} is damaged. Register the model again")
    if key := os.environ.get("RECSYS_VERIFY_KEY"):
        _check_signature(folder, Path(key).expanduser())
        logger.info("%s: signed with the key of %s, and unchanged since", folder, key)
    return manifest


def _check_signature(folder: Path, key: Path) -> None:
    try:
        from model_signing import hashing, verifying
    except ImportError as error:
        raise ValueError(
            f"RECSYS_VERIFY_KEY asks for a signature, and {error.name} is not installed: pip "
            "install model-signing pyopenssl"
        ) from error
    if not (folder / SIGNATURE).is_file():
        raise ValueError(f"{folder} is not signed, and RECSYS_VERIFY_KEY ({key}) asks for it")
    signed = hashing.Config().use_file_serialization()
    signed.set_ignored_paths(paths=[SIGNATURE], ignore_git_paths=False)
    try:
        config = verifying.Config().use_elliptic_key_verifier(public_key=key)
        config.set_hashing_config(signed).verify(folder, folder / SIGNATURE)
    except Exception as error:  # parsers of JSON, Base64 and keys have no error in common
        raise ValueError(f"{folder / SIGNATURE} does not hold by {key}: {error}") from error


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
    return _table(rows, width, "" if dtype is object else 0, dtype)


def _ranges(name: str, values: list) -> np.ndarray:
    """[batch, 2]; a missing end, or a missing range, is NaN."""
    rows = [[None, None] if _is_missing(value) else list(value) for value in values]
    if any(len(row) != 2 for row in rows):
        raise ValueError(f"expected the least and the largest number in {name}")
    ends = [[np.nan if _is_missing(end) else end for end in row] for row in rows]
    return np.array(ends, np.float32).reshape(len(rows), 2)


def _table(rows: list[list], width: int, padding: Any, dtype: type) -> np.ndarray:
    table: np.ndarray = np.full((len(rows), width), padding, dtype)
    for target, row in zip(table, rows, strict=True):
        if len(row) > width:
            raise ValueError(f"expected at most {width} values in a row, received {len(row)}")
        target[: len(row)] = row
    return table


def _of_events(name: str, values: list, histories: list, dtype: type) -> np.ndarray:
    """[batch, longest history], a value an event; missing (times: 0) for rows without."""
    missing: Any = "" if dtype is object else 0 if dtype is np.int64 else np.nan
    events = [0 if _is_missing(history) else len(history) for history in histories]
    rows = [[] if _is_missing(value) else list(value) for value in values]
    for row, count in zip(rows, events, strict=True):
        if row and len(row) != count:
            raise ValueError(
                f"expected as many values in {name} as in history ({count}) or none, "
                f"received {len(row)}"
            )
    rows = [[missing if _is_missing(value) else value for value in row] for row in rows]
    return _table(rows, max(events, default=0), missing, dtype)


class Recommender(PythonModel):
    """Recommends items through the SavedModel among its artefacts."""

    def load_context(self, context: PythonModelContext) -> None:
        """Loads the SavedModel. TensorFlow is imported here: logging does not need it."""
        import tensorflow as tf

        folder = context.artifacts["saved_model"]
        manifest = verified_manifest(Path(folder))
        self._saved_model = tf.saved_model.load(folder)
        # Those beside the history that have a value for each of its events.
        self._event_inputs = manifest["model"]["event_inputs"]
        self._filters = manifest["filters"]

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Recommends for every row of a table."""
        import tensorflow as tf

        name = "serving_default"
        if "exclude" in model_input.columns:
            name = "recommend_excluding"
        if not self._filters.keys().isdisjoint(model_input.columns):
            name = "recommend_filtered"
        signature = self._saved_model.signatures[name]
        inputs = {}
        for column, spec in signature.structured_input_signature[1].items():
            values = (
                list(model_input[column]) if column in model_input else [None] * len(model_input)
            )
            is_text = spec.dtype == tf.string
            if column in self._event_inputs:
                dtype = {tf.string: object, tf.int64: np.int64, tf.float32: np.float32}[spec.dtype]
                array = _of_events(column, values, list(model_input["history"]), dtype)
            elif self._filters.get(column, {}).get("kind") == "range":
                array = _ranges(column, values)
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
