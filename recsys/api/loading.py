"""Opening what lies on a disk or in a registry."""

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from recsys.api.run import Run
from recsys.errors import InputError
from recsys.system.backend import start_backend
from recsys.system.files import given_path
from recsys.system.kinds import kinds_of, remember

REGISTERED = "models:/"
SAVED_MODEL = "saved_model.pb"


def load(
    path: str | Path, *, runs_dir: str | Path = "runs", parts: Sequence[type[BaseModel]] = ()
) -> Run:
    """Opens a run, an exported model, or a registered one.

    Args:
        path: the folder of a run (``runs/average/1``; ``runs/average`` means its first seed that
            has a model), that of a SavedModel (``…/model/1``, or a copy of it anywhere), or
            ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION`` of MLflow's registry.
        runs_dir: where the MLflow store lies, unless ``MLFLOW_TRACKING_URI`` names another.
        parts: the config classes of your own encoder, loss or baseline that it was made with, where
            no installed package has them: ``parts=[FadingConfig]``.

    Returns:
        The run. A model that lies within a run's folder has its run; a copy and a registered
        model answer for histories, and have their test metrics.

    Raises:
        InputError: there is nothing of that kind, it was written by another version, or a class of
            your own that it was made with is not known.
        Damaged: a file of it is not what was written.

    Example:
        >>> recsys.load("runs/average/1")
        Run('runs/average/1')
        >>> recsys.load("runs/average/1/model/1").recommend(histories=[["i3"]], k=1).shape
        (1, 5)
        >>> recsys.load("runs/nothing")
        Traceback (most recent call last):
        ...
        recsys.errors.InputError: there is no folder runs/nothing
    """
    for part in parts:
        if not (isinstance(part, type) and issubclass(part, BaseModel) and kinds_of(part)):
            raise InputError(
                f"load: parts holds {part!r:.80}: expected the config class of an encoder, a loss "
                "or a baseline, a pydantic model with a `kind: Literal[...]`"
            )
        remember(part)
    folder = find_folder(path, Path(runs_dir), "load")
    return _model(folder, str(path)) if (folder / SAVED_MODEL).is_file() else _run(folder)


def find_model(path: str | Path, runs_dir: Path, what: str) -> Path:
    """The folder of the version of a SavedModel that a path means.

    Args:
        path: see :func:`load`; of a run or of several versions, the newest.
        runs_dir: likewise.
        what: names the path in messages.

    Raises:
        InputError: there is none, or the run has not exported one.
    """
    folder = find_folder(path, runs_dir, what)
    if (folder / SAVED_MODEL).is_file():
        return folder
    from recsys.runs.opening import open_exported

    return open_exported(folder).model_version()


def find_folder(path: str | Path, runs_dir: Path, what: str) -> Path:
    """The folder of the run or of the version of a SavedModel that a path means.

    Args:
        path: see :func:`load`.
        runs_dir: likewise.
        what: names the path in messages.

    Raises:
        InputError: there is neither.
    """
    if str(path).startswith(REGISTERED):
        from recsys.tracking.registry import fetch_model

        return fetch_model(str(path), runs_dir)
    folder = given_path(path, f"{what} (or {REGISTERED}NAME@ALIAS)")
    if not folder.is_dir():
        if folder.exists():
            raise InputError(f"{folder} is a file, not the folder of a run or of a model")
        raise InputError(f"there is no folder {folder}")
    is_run = (folder / "experiment.yaml").is_file() or any(folder.glob("*/experiment.yaml"))
    if (folder / SAVED_MODEL).is_file() or is_run:
        return folder
    versions = [each.parent for each in folder.glob(f"[0-9]*/{SAVED_MODEL}")]
    if versions:
        return max(versions, key=lambda each: (len(each.name), each.name))
    raise InputError(
        f"{folder} holds neither a run (experiment.yaml) nor an exported model ({SAVED_MODEL})"
    )


def _run(folder: Path) -> Run:
    start_backend()
    from recsys.runs.opening import open_exported

    return _checked(Run(open_exported(folder)))


def _model(folder: Path, named: str) -> Run:
    start_backend()
    from recsys.export.manifest import read_manifest
    from recsys.runs.folder import RunFolder

    read_manifest(folder)  # a SavedModel of others has none
    run = RunFolder(Path(os.path.normpath(folder / ".." / "..")))
    # An experiment.yaml alone may be what someone wrote, in a folder that a copy was put into.
    model = folder.resolve()
    within = (run.model / model.name).resolve() == model and run.dataset_record.is_file()
    return _checked(Run(run if within else None, folder, named))


def _checked(run: Run) -> Run:
    """The run, whose experiment this version reads."""
    _ = run.experiment
    return run
