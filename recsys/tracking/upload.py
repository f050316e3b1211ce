"""Sends a run that was logged locally to a server, as often as one likes."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import recsys.tracking.store as store
from recsys.errors import Damaged, InputError
from recsys.tracking import checkpoint, models, record
from recsys.tracking.logged_model import DIGEST_TAG, find_model
from recsys.tracking.models import NAME_TAG
from recsys.tracking.run import PARENT_TAG, Run

MEND = (
    "Remove mlflow.json from the run's folder and run the experiment again: it logs the model to a "
    "new MLflow run, which can be uploaded"
)
SOURCE_TAG = "uploaded_from_run"
MODEL_TAGS = (DIGEST_TAG, NAME_TAG, checkpoint.DIGEST_TAG)


def upload(run_folder: Path, runs_dir: Path) -> str:
    """Copies a run from the local store to ``MLFLOW_TRACKING_URI``.

    Parameters, tags, metrics with their steps and times, dataset, artefacts and
    the registered model are sent. What is there already is not sent again.

    Returns:
        The address of the store and the id of the run in it, for the user.

    Raises:
        InputError: no store is named, it does not answer or does not let the user in, or there
            is nothing to send.
    """
    store.prepare_environment()
    uri = server_uri(runs_dir)
    runs = record.read(run_folder)
    if record.LOCAL not in runs:
        raise InputError(
            f"{run_folder} has no run in the local MLflow store: it was logged elsewhere, "
            "or tracking was off"
        )
    address = store.public_uri(uri)
    if store.is_server(uri) and not store.answers(uri):
        raise InputError(f"the MLflow server {address} does not answer: start it, or mend the URI")
    source = Run.find(store.open_local(runs_dir), runs[record.LOCAL])
    if source is None:
        raise InputError(
            f"{runs_dir / 'mlflow.db'} does not hold the run {runs[record.LOCAL]} that "
            f"{run_folder / record.FILE} names; give the runs folder with --runs-dir"
        )
    try:
        target = _target(source, uri, runs.get(address))
        record.remember(run_folder, address, target.id)
        with _killed_if_stopped(target):
            _copy(source, target)
    except Exception as error:
        if (reason := store.asks_who_it_is(error)) is not None:
            raise InputError(f"the MLflow server {address} {reason}") from error
        raise
    return f"{address} (run {target.id})"


def server_uri(runs_dir: Path) -> str:
    """The server that a run is sent to.

    Raises:
        InputError: none is named, or the local store is.
    """
    uri = store.configured_uri()
    if uri is None or uri == store.local_uri(runs_dir):
        raise InputError(
            "set MLFLOW_TRACKING_URI to the address of the MLflow server to upload to, "
            "such as http://localhost:5000"
        )
    return uri


def _target(source: Run, uri: str, known_id: str | None) -> Run:
    """The run to append to: the one the server began, or received before, or a new one."""
    stored = source.client.get_run(source.id)
    experiment = source.client.get_experiment(stored.info.experiment_id).name
    target = Run.find(uri, known_id) if known_id else None
    target = target or _uploaded_before(source.id, uri, experiment)
    if target is None:
        tags = stored.data.tags | {SOURCE_TAG: source.id}
        tags = {key: value for key, value in tags.items() if key not in MODEL_TAGS}
        # The sweep of a trial has another id there, or was not uploaded.
        sweep = tags.pop(PARENT_TAG, None)
        if sweep and (there := _uploaded_before(sweep, uri, experiment)):
            tags[PARENT_TAG] = there.id
        name, began = stored.info.run_name, stored.info.start_time
        return Run.create(uri, experiment, None, name, tags, began)
    target.reopen()
    return target


def _uploaded_before(source_id: str, uri: str, experiment: str) -> Run | None:
    return Run.find_tagged(uri, experiment, SOURCE_TAG, source_id)


@contextlib.contextmanager
def _killed_if_stopped(target: Run) -> Iterator[None]:
    """A run whose sending is stopped does not stand there as one that goes on."""
    try:
        yield
    except BaseException as error:
        with contextlib.suppress(Exception):
            target.finish("FAILED" if isinstance(error, Exception) else "KILLED")
        raise


def _copy(source: Run, target: Run) -> None:
    stored = source.client.get_run(source.id)
    target.log_params(stored.data.params)
    target.log_metrics(list(source.metrics()))
    if stored.inputs.dataset_inputs and not target.client.get_run(target.id).inputs.dataset_inputs:
        target.client.log_inputs(target.id, stored.inputs.dataset_inputs)
    with tempfile.TemporaryDirectory() as folder:
        source.client.download_artifacts(source.id, "", folder)
        target.client.log_artifacts(target.id, folder)
    checkpoint.copy(source, target)
    _copy_model(source, target)
    target.finish(stored.info.status, stored.info.end_time)


def _copy_model(source: Run, target: Run) -> None:
    """Logs the newest model of the source run again, from its own files."""
    from mlflow.artifacts import download_artifacts
    from mlflow.models import Model

    stored = source.client.get_run(source.id)
    if DIGEST_TAG not in stored.data.tags:
        return
    newest = find_model(source, stored.data.tags[DIGEST_TAG])
    if newest is None:
        raise InputError(f"the model of the run {source.id} is not in its store any more. {MEND}")
    registered_name = stored.data.tags.get(NAME_TAG) or None
    with tempfile.TemporaryDirectory() as folder:
        location = newest.artifact_location
        path = download_artifacts(location, dst_path=folder)
        model = models.kind_of(Path(path)).content(Path(path))
        # MLflow writes some kinds anew, whose files are then its own.
        if model != Path(path) and models.digest(model) != stored.data.tags[DIGEST_TAG]:
            raise Damaged(Path(location), MEND)
        described = Model.load(path)
        example = described.load_input_example(path)
        models.log(target, model, described.signature, example, registered_name)
