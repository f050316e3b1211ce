"""What MLflow is told of runs that hold users who are to be forgotten."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from recsys.tracking import record, store
from recsys.tracking.run import Run

TAG = "recsys.forgotten_users"


def tag_forgotten(
    run_folder: Path,
    runs_dir: Path,
    users: int,
    files: Sequence[Path] = (),
    remove_models: bool = False,
) -> list[str]:
    """Tags a run, and the models that were registered from it, in every store that has it.

    Args:
        run_folder: of the run.
        runs_dir: where the local store lies.
        users: how many of those whom it holds are to be forgotten now.
        files: that take the place of the run's artefacts of their names.
        remove_models: whether its models hold ids of users, and go.

    Returns:
        A line for each store: what was tagged, removed, or could not be reached.
    """
    store.prepare_environment()
    lines = []
    for key, run_id in record.read(run_folder).items():
        uri, why = store.recorded_address(key, runs_dir)
        try:
            run = None if uri is None else Run.find(uri, run_id)
            if run is None:
                lines.append(f"not reached: the run {run_id} in {key}{why}")
                continue
            lines.append(_tagged(run, users, files, remove_models))
        except Exception as error:  # a store must not keep the others from being told
            lines.append(f"not reached: the run {run_id} in {key} ({type(error).__name__})")
    return lines


def _tagged(run: Run, users: int, files: Sequence[Path], remove_models: bool) -> str:
    run.set_tags({TAG: str(users)})
    for file in files:
        run.log_artifact(file)
    versions = run.client.search_model_versions(f"run_id = '{run.id}'")
    for each in versions:
        if remove_models:
            run.client.delete_model_version(each.name, each.version)
        else:
            run.client.set_model_version_tag(each.name, each.version, TAG, str(users))
    remains = _remove_models(run) if remove_models else []
    named = ", ".join(f"{each.name} version {each.version}" for each in versions)
    told = f"tagged {TAG}: the run {run.id}"
    if named:
        told += f"; removed: the model {named}" if remove_models else f" and the model {named}"
    return told + "".join(f"; remains: {place}" for place in remains)


def _remove_models(run: Run) -> list[str]:
    """Removes what a run logged as models; the places that are not on this disk."""
    remains = []
    for output in run.client.get_run(run.id).outputs.model_outputs:
        try:
            logged: Any = run.client.get_logged_model(output.model_id)
        except Exception:  # removed before
            continue
        run.client.delete_logged_model(output.model_id)
        place = urlparse(logged.artifact_location)
        if place.scheme in ("", "file"):
            shutil.rmtree(unquote(place.path), ignore_errors=True)
        else:
            remains.append(logged.artifact_location)
    return remains
