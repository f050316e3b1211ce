"""Logs models to a run, whatever their kind, and registers them."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import recsys.tracking.store as store
from recsys.system.plugins import load_plugin, plugins
from recsys.tracking import saved_model
from recsys.tracking.logged_model import DIGEST_TAG, give_metrics
from recsys.tracking.run import Run

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import Run as StoredRun
    from mlflow.models import ModelSignature

NAME_TAG = "registered_model"
MOST_METRICS = 12
# Metrics of the test part begin with it.
TESTED = "test/"


# The entry points of further kinds of models, each a :class:`ModelKind`, such as a module.
KINDS = "recsys.model_kinds"


class ModelKind(Protocol):
    """How models of one kind are logged; a module with these functions will do."""

    def holds(self, folder: Path) -> bool:
        """Whether a folder is that of a model of this kind, or one that MLflow made of it."""
        ...

    def check(self, folder: Path) -> None:
        """Refuses a file that would run more than a model when it is loaded.

        Raises:
            InputError: the file is not a model of ours.
        """
        ...

    def content(self, logged: Path) -> Path:
        """The model's own folder within the one that MLflow made of it."""
        ...

    def signature(self, input_example: Mapping[str, list]) -> "ModelSignature":
        """Describes what the model takes and gives.

        Args:
            input_example: a list per input, with a value per request.
        """
        ...

    def example(self, input_example: Mapping[str, list]) -> "pd.DataFrame":
        """The example as a table that fits the signature, a row per request."""
        ...

    def log(
        self,
        run: Run,
        folder: Path,
        model_signature: "ModelSignature",
        input_example: "pd.DataFrame | None",
        digest: str,
    ) -> str:
        """Logs the model to a run and returns the logged model's id."""
        ...


def kind_of(folder: Path) -> ModelKind:
    """The kind of model that lies in a folder: a SavedModel, or one that a package adds.

    Raises:
        InputError: a package's kind cannot be imported.
    """
    if not saved_model.holds(folder):
        for name in plugins(KINDS):
            kind: ModelKind = load_plugin(KINDS, name)
            if kind.holds(folder):
                return kind
    return saved_model


def log(
    run: Run,
    folder: Path,
    model_signature: "ModelSignature",
    input_example: "pd.DataFrame | None",
    registered_name: str | None,
    about: str = "",
) -> None:
    """Logs the model of a folder, and registers it.

    Each step looks for what is there, so that a run that was killed in between
    goes on with it.

    Args:
        run: that it belongs to.
        folder: its own.
        model_signature: of its kind.
        input_example: a table with a row per request.
        registered_name: of the registered model; None: it is not registered.
        about: a sentence for the description of the version, beside the run's.
    """
    found = digest(folder)
    tags = {DIGEST_TAG: found, NAME_TAG: registered_name or ""}
    if tags.items() <= run.client.get_run(run.id).data.tags.items():
        return
    model_id = kind_of(folder).log(run, folder, model_signature, input_example, found)
    give_metrics(run, model_id, TESTED)
    if registered_name:
        register(run, model_id, registered_name, found, about)
    run.set_tags(tags)


def digest(folder: Path) -> str:
    """Names the content of a folder, so that the same model is not registered twice."""
    total = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(file.relative_to(folder).as_posix().encode() + b"\0")
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


def register(run: Run, model_id: str, name: str, digest: str, about: str) -> None:
    """Registers a logged model as the next version of a registered model, once."""
    from mlflow.exceptions import MlflowException

    stored = run.client.get_run(run.id)
    if any(
        version.name == name and version.tags.get(DIGEST_TAG) == digest
        for version in run.client.search_model_versions(f"run_id = '{run.id}'")
    ):
        return
    try:
        task = stored.data.params.get("task", "recommendation")
        run.client.create_registered_model(
            name,
            tags={"task": task},
            description=f"Models of the experiment {name}, a version for each run of it; a version "
            "names its run, its data and its metrics.",
        )
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    facts = {key: tag for key, tag in stored.data.tags.items() if not key.startswith("mlflow.")}
    with store.active_store(run.uri):
        run.client.create_model_version(
            name,
            f"models:/{model_id}",
            run.id,
            tags={**facts, DIGEST_TAG: digest},
            description=" ".join(filter(None, [about, _description(run, stored)])),
            model_id=model_id,
        )


def _description(run: Run, stored: "StoredRun") -> str:
    """What a version was made from and how good it is, for people."""
    experiment = run.client.get_experiment(stored.info.experiment_id).name
    metrics = stored.data.metrics
    measured = [
        f"{key.removeprefix(TESTED)} {metrics[key]:.4g}{_interval(metrics, key)}"
        for key in sorted(metrics)
        if key.startswith(TESTED) and key.count("/") == 1
    ]
    said = [f"Run {stored.info.run_name} of the MLflow experiment {experiment}."]
    if fingerprint := stored.data.tags.get("data_fingerprint"):
        said.append(f"Data: {fingerprint}.")
    if measured:
        said.append(f"On the test part: {', '.join(measured[:MOST_METRICS])}.")
    return " ".join(said)


def _interval(metrics: Mapping[str, float], key: str) -> str:
    low, high = metrics.get(f"{key}/low"), metrics.get(f"{key}/high")
    return "" if low is None or high is None else f" ({low:.4g} to {high:.4g})"
