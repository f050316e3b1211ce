"""What a run came to, as others must come to it, and whether it is whole."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from recsys.data.dataset import Dataset
from recsys.export.manifest import verified_manifest
from recsys.runs.folder import RunFolder
from recsys.system.files import DRAFT, locked
from recsys.system.manifests import files_in
from recsys.training.checkpoint import load_checkpoint
from tests.faults.conftest import Work

# What the time of day, and the time that it took, have a part in.
TIMED = {"timing", "provenance", "train_seconds", "validation_seconds", "input_wait_share"}


def trained(work: Work) -> dict[str, Any]:
    """What training came to, to the bit."""
    return {
        "dataset": {path.name: path.read_bytes() for path in dataset_of(work).rglob("*.npy")},
        "history": _timeless(json.loads((work.run / "history.json").read_text())),
        "weights": _best_weights(work.run),
    }


def results(work: Work) -> dict[str, Any]:
    """What the whole run came to, to the bit."""
    run = work.run
    return {
        **trained(work),
        "metrics": _timeless(json.loads((run / "metrics.json").read_text())),
        "examples": (run / "examples.json").read_bytes(),
        "ranks": (run / "ranks.parquet").read_bytes(),
        "model": _saved_variables(run / "model" / "1"),
    }


def _saved_variables(model: Path) -> list[tuple]:
    """The variables of a SavedModel, which TensorFlow writes in any order."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(model / "variables" / "variables"))
    values = [reader.get_tensor(name) for name in reader.get_variable_to_shape_map()]
    arrays = [np.asarray(each) for each in values if isinstance(each, np.ndarray)]
    return sorted((each.shape, each.dtype.name, each.tobytes()) for each in arrays)


def _best_weights(run: Path) -> dict[str, list]:
    (best,) = {
        path.name.split("-best-")[1]
        for path in sorted((run / "checkpoints" / "train").glob("epoch-*.npz"))[-1:]
    }
    arrays, _ = load_checkpoint(run / "checkpoints" / "train" / f"best-{best}")
    assert all(np.isfinite(array).all() for array in arrays.values())
    return {name: array.tolist() for name, array in arrays.items()}


def _timeless(document: Any) -> Any:
    if isinstance(document, list):
        return [_timeless(each) for each in document]
    if isinstance(document, dict):
        return {key: _timeless(each) for key, each in document.items() if key not in TIMED}
    return document


def dataset_of(work: Work) -> Path:
    """The only one that was prepared."""
    (dataset,) = (path for path in (work.runs / "datasets").iterdir() if path.is_dir())
    return dataset


def assert_whole(work: Work) -> None:
    """No artefact is damaged, nothing half-written is left, and no lock is held."""
    run = work.run
    Dataset(dataset_of(work)).verify()
    folder = RunFolder(run)
    recorded = [run / name for name in json.loads(folder.files.manifest.read_text())["files"]]
    assert {"metrics.json", "ranks.parquet", "retriever.keras"} <= {each.name for each in recorded}
    for path in recorded:
        folder.files.checked(path)
    verified_manifest(run / "model" / "1")
    checkpoints = list((run / "checkpoints" / "train").glob("*.npz"))
    assert 3 <= len(checkpoints) <= 4  # the newest two, and their best epochs
    for path in checkpoints:
        load_checkpoint(path)
    assert [path for path in work.runs.rglob(".*") if DRAFT.fullmatch(path.name)] == []
    for path in (run, work.runs / "datasets", work.runs / "mlflow.db"):
        with locked(path, busy=f"{path} is locked"):
            pass


def assert_tracked_once(work: Work) -> None:
    """One run of MLflow, one version of the model, and each metric once a step."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{work.runs}/mlflow.db")
    experiments = [each.experiment_id for each in client.search_experiments()]
    (run,) = client.search_runs(experiments)
    assert run.info.status == "FINISHED"
    epochs = len(json.loads((work.run / "history.json").read_text()))
    losses = client.get_metric_history(run.info.run_id, "epoch/loss")
    # MLflow has them in the order of the clock, which may jump.
    assert sorted(each.step for each in losses) == list(range(1, epochs + 1))
    (version,) = client.search_model_versions("")
    assert version.run_id == run.info.run_id
    models = client.search_logged_models(experiments)
    assert sorted(model.name for model in models) == ["checkpoint", "model"]
    assert {model.status for model in models} == {"READY"}
    (logged,) = (work.runs / "mlartifacts").rglob("saved_model.pb")
    exported = work.run / "model" / "1"
    for path in files_in(exported):
        assert (logged.parent / path.relative_to(exported)).read_bytes() == path.read_bytes()
