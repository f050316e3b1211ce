"""Models of MLflow's registry, as folders."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import recsys.tracking.store as store
from recsys.errors import InputError

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

SHOWN = 10


def fetch_model(address: str, runs_dir: Path) -> Path:
    """The SavedModel of a registered model, downloaded unless it lies on this disk.

    Args:
        address: ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.
        runs_dir: where the local store lies, unless ``MLFLOW_TRACKING_URI`` names another one.

    Raises:
        InputError: there is no such model, alias or version, the server does not answer, or the
            model is not one that recsys logged.
    """
    with asking(address, runs_dir) as (client, uri):
        from mlflow.artifacts import download_artifacts

        version = _version(client, address)
        with store.active_store(uri):
            folder = download_artifacts(f"models:/{version.name}/{version.version}")
    return _saved_model(Path(folder), address)


def version_number(address: str, runs_dir: Path) -> str:
    """The version that an address means now; an alias may mean another one later.

    Args:
        address, runs_dir: see :func:`fetch_model`.

    Raises:
        InputError: there is no such model, alias or version, or the server does not answer.
    """
    with asking(address, runs_dir) as (client, _):
        return str(_version(client, address).version)


@contextlib.contextmanager
def asking(address: str, runs_dir: Path) -> "Iterator[tuple[MlflowClient, str]]":
    """A client of the registry and its address; what is not there is one message.

    Args:
        address: of what is asked for, for the message.
        runs_dir: see :func:`fetch_model`.

    Raises:
        InputError: MLflow says that there is no such thing, or the server does not answer.
    """
    store.prepare_environment()
    uri = store.existing(runs_dir)
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    client = MlflowClient(uri, registry_uri=uri)
    try:
        yield client, uri
    except MlflowException as error:
        said = str(error.message).rstrip(".")
        raise InputError(
            f"{address} cannot be had from {store.public_uri(uri)}: {said}. {_registered(client)}"
        ) from error


def _version(client: "MlflowClient", address: str) -> Any:
    """The version that an address names.

    Raises:
        InputError: it has another form.
    """
    name, at, alias = address.removeprefix("models:/").partition("@")
    if at and name and alias:
        return client.get_model_version_by_alias(name, alias)
    name, slash, number = name.partition("/")
    if not (name and slash and number.isdigit()):
        raise InputError(
            f"{address} is not the address of a registered model: write models:/NAME@ALIAS or "
            "models:/NAME/VERSION"
        )
    return client.get_model_version(name, number)


def _registered(client: "MlflowClient") -> str:
    """What there is instead, for a message."""
    models = client.search_registered_models(max_results=SHOWN)
    if not models:
        return "No model is registered there."
    found = []
    for model in models:
        aliases = "".join(f", @{alias}" for alias in sorted(model.aliases))
        newest = max((int(each.version) for each in model.latest_versions), default=0)
        found.append(f"{model.name} (up to version {newest}{aliases})")
    return f"Registered are: {'; '.join(found)}."


def _saved_model(folder: Path, address: str) -> Path:
    """The SavedModel among the artefacts of a pyfunc."""
    found = sorted(file.parent for file in folder.rglob("saved_model.pb"))
    if len(found) != 1:
        raise InputError(f"{address} is not a recommender that recsys has logged")
    return found[0]
