"""Whether a run goes on with more epochs, and ends as if they had been asked for at once."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

KEY = "training.epochs"


def reason_against(there: dict[str, Any], here: dict[str, Any], checkpoint: Path) -> str | None:
    """Why not; None if it does.

    Order and negatives of an epoch follow from the seed and its number, but a rate that falls
    reaches 0 at the last epoch, and training that had ended by itself would end there again.

    Args:
        there: the ``training`` section of the run.
        here: what is asked for, which differs in ``epochs`` alone.
        checkpoint: of the run; without one it begins at the first epoch.
    """
    if here["epochs"] < there["epochs"]:
        return f"the run has {there['epochs']} {KEY}, and they cannot be lowered"
    decay = there["optimizer"]["decay"]
    if decay not in ("constant", "plateau"):
        return (
            f"{KEY} can be raised only where training.optimizer.decay is constant or plateau: with "
            f"{decay!r}, the learning rate of every epoch depends on how many there are"
        )
    progress = _progress(checkpoint)
    waited = progress.get("epoch", 0) - progress.get("best_epoch", 0)
    if waited >= there["patience"]:
        return (
            f"training ended after epoch {progress['epoch']}, as the last training.patience "
            f"({there['patience']}) epochs brought no improvement: more {KEY} would change nothing"
        )
    return None


def _progress(checkpoint: Path) -> dict[str, Any]:
    """Where training stands; nothing if there is no checkpoint that tells."""
    try:
        with np.load(checkpoint) as file:
            return json.loads(file["metadata"].tobytes())["progress"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return {}  # training itself says what is wrong with it
