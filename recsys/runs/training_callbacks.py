"""What a run wants to hear of its training: that it has begun, and what each epoch brought."""

from recsys import tracking
from recsys.runs import provenance
from recsys.runs.folder import RunFolder
from recsys.training.fit import Callback, TrainingState


class Recording(Callback):
    """Writes down what trains a run, once it has taken a step."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._recorded = False

    def step_ended(self, progress: TrainingState, steps_per_epoch: int) -> None:
        """The first step; a training that was over takes none."""
        if not self._recorded:
            provenance.record(self._folder)
            self._recorded = True

    def epoch_ended(self, epoch: int, metrics: dict[str, float]) -> None:
        """Nothing has changed."""


class Tracking(Callback):
    """Sends every epoch to the tracker."""

    def __init__(self, tracker: tracking.Tracker) -> None:
        self._tracker = tracker
        self._sent_earlier = False

    def step_ended(self, progress: TrainingState, steps_per_epoch: int) -> None:
        """Steps are too many to send; earlier epochs may be new to this run of MLflow."""
        if not self._sent_earlier:
            for row in progress.history:
                metrics = {name: value for name, value in row.items() if name != "epoch"}
                self._tracker.log_metrics({"epoch": metrics}, step=int(row["epoch"]))
            self._sent_earlier = True

    def epoch_ended(self, epoch: int, metrics: dict[str, float]) -> None:
        self._tracker.log_metrics({"epoch": metrics}, step=epoch)
        self._tracker.flush()
