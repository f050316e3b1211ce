"""The frame of everything that is run: its folder, locked and claimed, and its run in MLflow."""

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recsys import tracking
from recsys.data.dataset import Dataset
from recsys.experiment import own_parts
from recsys.runs import work_marker
from recsys.runs.claim import Claim
from recsys.system.files import Busy, locked, remove_drafts, remove_lock
from recsys.system.wording import option
from recsys.tracking import record

# Whose turn it is, of those that joined.
TURN = "turn"
# What is written of a run before it makes anything.
RECORDS = {
    *("experiment.yaml", "dataset.json", "manifest.json", "precision.json"),
    *("provenance.json", "environment.json", "uncommitted.diff"),
    *(own_parts.FILE, record.FILE, work_marker.FILE, f".{TURN}.lock"),
}


@contextlib.contextmanager
def at_work(
    claim: Claim,
    dataset: Dataset | None,
    config: tracking.TrackingConfig,
    runs_dir: Path,
    label: str | int,
    *,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    parent: Path | None = None,
    overwrite: bool = False,
    joinable: bool = False,
) -> Iterator[tracking.Tracker]:
    """Locks and takes the run folder, and opens the run in MLflow.

    What a killed process left half-written in the folder is removed. Nothing else of a run that
    is there is touched before it has proved to be the same. A folder in which nothing was made
    when an error ends the run is removed.

    Args:
        claim: to the folder.
        dataset: what the run reads, if it reads one.
        config: whether and where the run is tracked. A model is registered by the experiment's
            name unless it says otherwise, so that all seeds are versions of one.
        runs_dir: where runs, datasets and the MLflow store lie.
        label: tells the run from others of its experiment, such as the seed.
        params: that MLflow lists beside those of the experiment.
        tags: by which MLflow finds the run, beside the dataset's fingerprint.
        parent: folder of the run that MLflow shows this one under.
        overwrite: start afresh whatever is there.
        joinable: whether processes of one claim may be at work in the folder at once. The first
            takes it, and all are one run in MLflow.

    Raises:
        InputError: the folder holds another run, or a process is at work in it.
    """
    path, name = claim.folder.path, claim.document["name"]
    hold = _joined if joinable else _taken
    with hold(claim, dataset, overwrite), work_marker.marked(path):
        with turn(path) if joinable else contextlib.nullcontext():
            tracker = tracking.start(
                config.model_copy(update={"model_name": config.model_name or name}),
                path,
                runs_dir,
                f"{name}-{label}",
                {**claim.document, **(params or {})},
                tags,
                parent,
            )
        if dataset is not None:
            tracker.log_dataset(name, dataset.fingerprint, dataset.path, _facts(dataset))
        with tracker:
            yield tracker


def turn(path: Path) -> contextlib.AbstractContextManager[None]:
    """Waits until none of the others that joined the work in a folder is within it.

    Args:
        path: the folder.
    """
    return locked(path / TURN)


@contextlib.contextmanager
def _taken(claim: Claim, dataset: Dataset | None, overwrite: bool) -> Iterator[None]:
    """The folder, for this process alone."""
    path = claim.folder.path
    other = option("name")
    busy = f"another process is at work in {path}: wait for it, or choose another {other}"
    with locked(path, busy), _removed_if_bare(path):
        remove_drafts(path)
        claim.take(dataset, overwrite)
        yield


@contextlib.contextmanager
def _joined(claim: Claim, dataset: Dataset | None, overwrite: bool) -> Iterator[None]:
    """The folder, for this process and others of the same claim."""
    path = claim.folder.path
    try:
        with _taken(claim, dataset, overwrite):
            pass
    except Busy:
        if overwrite:
            raise
    with locked(path, shared=True), _removed_if_bare(path):
        claim.check(dataset)  # the one that took it may be another one's
        yield


def _facts(dataset: Dataset) -> dict[str, Any]:
    """What MLflow shows of a dataset."""
    sizes = {"users": dataset.users, "items": dataset.items, "events": dataset.events}
    return {**sizes, "split": dataset.manifest.split}


@contextlib.contextmanager
def _removed_if_bare(run: Path) -> Iterator[None]:
    """Removes the folder of a run that fails before it has made anything."""
    try:
        yield
    except BaseException:
        if not run.is_symlink() and {file.name for file in run.glob("*")} <= RECORDS:
            shutil.rmtree(run, ignore_errors=True)
            remove_lock(run)
        raise
