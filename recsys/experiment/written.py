"""The experiment of a run, which any version of recsys may have written."""

from pathlib import Path
from typing import Any

from recsys.errors import InputError
from recsys.experiment.file import DEFAULT_TASK, validated
from recsys.experiment.own_parts import Parts, UnknownPart, naming_own_parts
from recsys.experiment.schema import Experiment


def written_experiment(document: Any, path: Path, parts: Parts | None = None) -> Experiment:
    """An experiment as it stands in the folder of a run, or in an exported model.

    Args:
        document: as read.
        path: the folder.
        parts: of an exported model, the classes of a user's own that it was made with.

    Raises:
        InputError: it is of another task, has a part of the user's own whose class is not known
            here, or was written by another version of recsys.
    """
    if isinstance(document, dict) and (task := document.get("task", DEFAULT_TASK)) != DEFAULT_TASK:
        raise InputError(f"{path} is a run of `task: {task}`, not of recommendation")
    try:
        with naming_own_parts(path, parts):
            return validated(Experiment, document, "its experiment.yaml")
    except UnknownPart:
        raise
    except InputError as error:
        raise InputError(
            f"{path} was written by another version of recsys, whose experiment this one does not "
            f"read: run it again, under another name. What differs: {error}"
        ) from error
