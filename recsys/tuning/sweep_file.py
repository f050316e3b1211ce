"""An experiment file with a section `sweep`: the experiment, and what is searched around it."""

from pathlib import Path
from typing import Any

from recsys.errors import InputError
from recsys.experiment.file import Overrides, read_document, validated
from recsys.experiment.schema import Experiment, check_task
from recsys.tuning.search_space import SweepConfig

SECTION = "sweep"
# The Optuna study in the folder of a sweep.
STUDY = "study.log"


class SweepFile(Experiment):
    """All of the file at once, so that one message names every mistake in it."""

    sweep: SweepConfig


def read_sweep(
    path: Path, overrides: Overrides = None, name: str | None = None
) -> tuple[Experiment, SweepConfig]:
    """Reads an experiment file that says what to search.

    Args:
        path, overrides, name: see :func:`recsys.experiment.file.read_document`.

    Returns:
        The experiment, which knows nothing of the search, and the search.

    Raises:
        InputError: there is none, it is of another task, it has no such section, or something in
            it is wrong.
    """
    document = read_document(path, overrides, name)
    check_task(document, path)
    if document.get(SECTION) is None:
        raise InputError(
            f"{path} has no section `sweep`: say under `sweep.space` what to try, such "
            "as `training.optimizer.learning_rate: {low: 0.001, high: 0.01, log: true}`, and "
            "under `sweep.trials` or `sweep.hours` for how long"
        )
    sweep = validated(SweepFile, document, str(path)).sweep
    del document[SECTION]
    return validated(Experiment, document, str(path)), sweep


def as_document(experiment: Experiment, sweep: SweepConfig) -> dict[str, Any]:
    """What :func:`read_sweep` reads, every default spelled out, as plain JSON values."""
    return {**experiment.dump(), SECTION: sweep.model_dump(mode="json")}


def check_sweep_folder(folder: Path) -> None:
    """Refuses a folder that a sweep did not make, or has not tried anything in yet.

    Raises:
        InputError: it is one.
    """
    if not (folder / "experiment.yaml").is_file() or not (folder / STUDY).is_file():
        raise InputError(
            f"{folder} is not the folder of a sweep: name one that `recsys sweep` made, such as "
            "runs/sweeps/NAME"
        )
