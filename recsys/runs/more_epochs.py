"""Whether a run goes on with more epochs, and ends as if they had been asked for at once."""

from pathlib import Path
from typing import Any

from recsys.training.checkpoint_folder import places

KEY = "training.epochs"


def reason_against(there: dict[str, Any], here: dict[str, Any], checkpoints: Path) -> str | None:
    """Why not; None if it does.

    Order and negatives of an epoch follow from the seed and its number, but a rate that falls
    reaches 0 at the last epoch, and training that had ended by itself would end there again.

    Args:
        there: the ``training`` section of the run.
        here: what is asked for, which differs in ``epochs`` alone.
        checkpoints: the folder of the run's; without any it begins at the first epoch.
    """
    if here["epochs"] < there["epochs"]:
        return f"the run has {there['epochs']} {KEY}, and they cannot be lowered"
    if there.get("continue_from") is not None:
        return (
            f"{KEY} has no effect on a training that goes on from an earlier model, which has "
            "training.continue_from.epochs"
        )
    if there.get("privacy") is not None:
        return (
            f"{KEY} cannot be raised under training.privacy: the noise of every step depends on "
            "how many there are"
        )
    decay = there["optimizer"]["decay"]
    if decay not in ("constant", "plateau"):
        return (
            f"{KEY} can be raised only where training.optimizer.decay is constant or plateau: with "
            f"{decay!r}, the learning rate of every epoch depends on how many there are"
        )
    newest = next(iter(places(checkpoints)), None)
    if newest is not None and newest.epoch - newest.best_epoch >= there["patience"]:
        return (
            f"training ended after epoch {newest.epoch}, as the last training.patience "
            f"({there['patience']}) epochs brought no improvement: more {KEY} would change nothing"
        )
    return None
