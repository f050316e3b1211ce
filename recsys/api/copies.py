"""Copies of an exported model, whole or not at all."""

import os
import shutil
from pathlib import Path

from recsys.errors import Damaged, InputError
from recsys.export.manifest import read_manifest, verified_manifest
from recsys.system.files import draft_folder


def copy_model(model: Path, version: str, destination: Path) -> Path:
    """Copies a SavedModel to ``destination/<version>``, unless the same one is there.

    Args:
        model: the folder of the SavedModel.
        version: which the folder is named by.
        destination: is made.

    Returns:
        The folder of the version.

    Raises:
        InputError: something else lies there, or the folder cannot be made.
    """
    target = destination / version
    if destination.exists() and not destination.is_dir():
        raise InputError(f"{destination} is a file: choose a folder for the model")
    if target.exists():
        if not _is_copy(target, model):
            raise InputError(
                f"{target} is there already, and is another model: choose another folder, or "
                "remove it; or export under another `export.version`"
            )
        return target
    try:
        destination.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"{destination} cannot be made: {reason}. Choose another folder"
        ) from error
    with draft_folder(target) as draft:
        shutil.copytree(model, draft / version)
        verified_manifest(draft / version)
        os.replace(draft / version, target)
    return target


def _is_copy(target: Path, model: Path) -> bool:
    try:
        return verified_manifest(target) == read_manifest(model)
    except Damaged:
        return False
