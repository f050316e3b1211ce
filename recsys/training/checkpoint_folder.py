"""The checkpoints of a training: the newest two, and the weights of the best epoch of each."""

import logging
import re
from pathlib import Path
from typing import Any, NamedTuple, Self

from recsys.errors import Damaged
from recsys.training.checkpoint import CheckpointWriter, State, load_checkpoint

logger = logging.getLogger(__name__)

# Where the newest is damaged, training goes on from the one before.
KEPT = 2


class Place(NamedTuple):
    """Where a training stood when a checkpoint was written; places are in their order.

    Attributes:
        epoch: epochs that were done.
        step: steps of the next one that were taken.
        best_epoch: the best of them, from 1; 0: none yet.
    """

    epoch: int
    step: int
    best_epoch: int

    @property
    def name(self) -> str:
        """Of the checkpoint's file.

        >>> Place(3, 40, 2).name
        'epoch-0003-step-000040-best-0002.npz'
        """
        return f"epoch-{self.epoch:04d}-step-{self.step:06d}-best-{self.best_epoch:04d}.npz"

    @classmethod
    def of(cls, path: Path) -> Self | None:
        """The place that a file's name says; None of another file."""
        found = re.fullmatch(r"epoch-(\d+)-step-(\d+)-best-(\d+)\.npz", path.name)
        return cls(*map(int, found.groups())) if found else None


def places(folder: Path) -> list[Place]:
    """Those of a folder's checkpoints, whole or not, the newest first."""
    found = (Place.of(path) for path in folder.glob("*.npz"))
    return sorted((place for place in found if place is not None), reverse=True)


def newest(folder: Path) -> tuple[State, dict[str, Any]] | None:
    """The newest checkpoint of a folder that is whole, arrays and metadata; None if there is none.

    The folder stays as it is: it may be another run's.
    """
    for place in places(folder):
        try:
            return load_checkpoint(folder / place.name)
        except Damaged:
            continue
    return None


class CheckpointFolder:
    """The files that a killed training continues from.

    ``epoch-…-step-…-best-….npz`` says where training stands, and ``best-….npz`` holds the weights
    of its best epoch so far, without which it is worth nothing. What is older is removed once
    something newer is written.

    Args:
        path: the folder.
        writer: writes them, in order.
    """

    def __init__(self, path: Path, writer: CheckpointWriter) -> None:
        self._path = path
        self._writer = writer

    def save_best(self, epoch: int, weights: State) -> None:
        """Has the weights of the best epoch so far written."""
        self._writer.save(self._best(epoch), weights, {"epoch": epoch})

    def load_best(self, epoch: int) -> State:
        """The weights of an epoch that was the best.

        Raises:
            Damaged: they are missing, or not what was written.
        """
        return load_checkpoint(self._best(epoch))[0]

    def save(self, place: Place, state: State, metadata: dict[str, Any]) -> None:
        """Has it written where training stands.

        Args:
            place: in words.
            state: all arrays.
            metadata: what JSON can hold.
        """
        self._writer.save(self._path / place.name, state, metadata, then=self._prune)

    def load(self) -> tuple[State, dict[str, Any]] | None:
        """Where training stands, from the newest checkpoint that is whole; None if there is none.

        Those that are damaged are named in a warning and removed.
        """
        damaged: list[str] = []
        goes_on, found = "starts again from its first epoch", None
        for place in places(self._path):
            path = self._path / place.name
            try:
                found = load_checkpoint(path)
                if place.best_epoch:  # else its damage is seen when all epochs are done
                    self.load_best(place.best_epoch)
            except Damaged as error:
                damaged.append(error.what)
                path.unlink()
                found = None
                continue
            goes_on = f"goes on from {place.name}, the one before"
            break
        for what in damaged:
            logger.warning("%s: training %s", what, goes_on)
        return found

    def _best(self, epoch: int) -> Path:
        return self._path / f"best-{epoch:04d}.npz"

    def _prune(self) -> None:
        kept = places(self._path)[:KEPT]
        names = {place.name for place in kept} | {self._best(each.best_epoch).name for each in kept}
        for path in self._path.glob("*.npz"):
            if path.name not in names and (Place.of(path) or path.name.startswith("best-")):
                path.unlink()
