"""What a training that goes on must have in common with what was trained, and what it replaces."""

from typing import Any

from recsys.data.dataset import Dataset
from recsys.errors import InputError
from recsys.experiment.differences import is_within
from recsys.experiment.own_parts import own_parts
from recsys.experiment.schema import Experiment
from recsys.runs import more_epochs
from recsys.runs.claim import Claim, choose
from recsys.runs.folder import RunFolder, write_document
from recsys.tracking import record

# What the trained weights follow from.
DECISIVE = (
    *("data", "seen", "model", "training"),
    *("evaluation.metric", "evaluation.last_only", "evaluation.validation_queries"),
)


class TrainingClaim(Claim):
    """The claim of one seed of an experiment.

    More epochs continue a run where they end as if they had been asked for at once. Metrics that
    were computed otherwise than ``evaluation`` now says are removed when the folder is taken, and
    so is a SavedModel that would now be made otherwise (it names the metrics too); all three,
    where more epochs are asked for.

    Args:
        folder: of the run.
        experiment: as resolved; the run is recorded with its one seed.
        seed: which of its seeds.
    """

    def __init__(self, folder: RunFolder, experiment: Experiment, seed: int) -> None:
        document = experiment.dump()
        document["training"]["seeds"] = [seed]
        self._own_parts = own_parts(experiment)
        super().__init__(
            folder,
            document,
            decides=lambda key: is_within(key, DECISIVE) and not is_within(key, ["data.limits"]),
            begun=folder.checkpoints,
        )

    def refuse(self, changed: list[str], there: dict[str, Any]) -> None:
        """Refuses what decides and has changed, but for more epochs (see :meth:`Claim.refuse`)."""
        if changed != [more_epochs.KEY]:
            super().refuse(changed, there)
            return
        reason = more_epochs.reason_against(
            there["training"], self.document["training"], self.folder.checkpoints / "train"
        )
        if reason is not None:
            raise InputError(f"{self.folder.path}: {reason}. {choose()}")

    def remove_outdated(self) -> None:
        """Removes metrics, model and weights that would be others now."""
        folder, here = self.folder, self.document
        if not folder.experiment.is_file():
            return
        there = self.recorded(folder.experiment, here)
        goes_on = there["training"]["epochs"] != here["training"]["epochs"]
        if goes_on:
            self._forget_the_model()
        evaluated_otherwise = goes_on or there.get("evaluation") != here["evaluation"]
        if evaluated_otherwise:
            folder.metrics.unlink(missing_ok=True)
        if evaluated_otherwise or there.get("export") != here["export"]:
            folder.rerank.unlink(missing_ok=True)
            folder.remove_model(here["export"]["version"])

    def record(self, dataset: Dataset | None) -> None:
        """Writes whose run it is, and which classes of the user's own it has."""
        super().record(dataset)
        if self._own_parts:
            with self.folder.files.making(self.folder.own_parts):
                write_document(self.folder.own_parts, self._own_parts)

    def _forget_the_model(self) -> None:
        """Removes what follows from the last weights; MLflow keeps its run of that model."""
        folder = self.folder
        pages = (folder.report, folder.model_card)
        for file in (folder.retriever, folder.ranks, folder.examples, *pages):
            file.unlink(missing_ok=True)
        record.forget(folder.path)
