"""Finds the run that a path means."""

import logging
from pathlib import Path

from recsys.data.dataset import Dataset
from recsys.data.manifest import MANIFEST, Part
from recsys.errors import InputError
from recsys.runs.folder import RunFolder

logger = logging.getLogger(__name__)

# Of the folder of a sweep.
SWEPT, BEST = "trials.csv", "best.yaml"


def open_run(path: Path) -> RunFolder:
    """Opens a run: ``runs/<name>/<seed>``, or ``runs/<name>`` with one seed.

    Raises:
        InputError: there is no run, or there are several.
    """
    runs = _runs_in(path)
    if len(runs) != 1:
        found = ", ".join(map(str, runs)) or "none"
        raise InputError(f"{path} is not the folder of one run (runs in it: {found})")
    return RunFolder(runs[0])


def open_seeds(path: Path, runs_dir: Path) -> list[RunFolder]:
    """Opens all seeds of an experiment, ``runs/<name>``, or the one of ``runs/<name>/<seed>``.

    Args:
        path: of the folder, or within ``runs_dir``: ``<name>``.
        runs_dir: the folder of all runs.

    Raises:
        InputError: there is no run.
    """
    for folder in (path, runs_dir / path):
        if (folder / SWEPT).is_file():
            raise InputError(
                f"{folder} is a sweep, whose trials were not judged on the test part: run its "
                f"winner (recsys run {folder / BEST}), and name that run"
            )
    if not (runs := _runs_in(path) or _runs_in(runs_dir / path)):
        raise InputError(
            f"{path} holds no run (experiment.yaml), and {runs_dir} none of that name: name the "
            "folder of one; `recsys list` shows them"
        )
    return [RunFolder(run) for run in runs]


def open_exported(path: Path) -> RunFolder:
    """Opens a run; of several seeds the lowest one that has an exported model, and says so.

    Raises:
        InputError: there is no run.
    """
    runs = _runs_in(path)
    exported = [run for run in runs if any(RunFolder(run).model.glob("[0-9]*"))]
    if len(runs) < 2 or not exported:
        return open_run(path)
    others = ", ".join(run.name for run in exported[1:])
    also = f"; {others} can be asked by the folder, too" if others else ""
    logger.info("of the seeds in %s, %s answers%s", path, exported[0].name, also)
    return RunFolder(exported[0])


def open_reference(path: Path) -> tuple[Dataset, Part]:
    """Opens what a model was trained on, and the last part of it that it was fitted on.

    Args:
        path: the folder of a run, of several seeds of one, or of a prepared dataset.

    Raises:
        InputError: it is none of these, or it is damaged.
    """
    if runs := _runs_in(path):
        folder = RunFolder(runs[0])
        training = folder.files.read(folder.experiment).get("training") or {}
        return folder.dataset(), "validation" if training.get("refit") else "train"
    if not (path / MANIFEST).is_file():
        raise InputError(
            f"{path} holds neither a run (experiment.yaml) nor a prepared dataset ({MANIFEST}): "
            "name the folder of one, such as runs/NAME/SEED"
        )
    dataset = Dataset(path)
    dataset.verify()
    return dataset, "train"


def _runs_in(path: Path) -> list[Path]:
    """The folder of a run itself, or those of the seeds in it, in their order."""
    if (path / "experiment.yaml").is_file():
        return [path]
    seeds = [file.parent for file in path.glob("*/experiment.yaml")]
    return sorted(seeds, key=lambda seed: (len(seed.name), seed.name))
