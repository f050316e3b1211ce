"""Whose a run folder is: its run takes it up where it stopped, and any other is refused."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsys.data.dataset import Dataset
from recsys.errors import Damaged, InputError
from recsys.experiment.differences import differences
from recsys.runs.folder import RunFolder, as_text, write_document
from recsys.system.reading import read_json, read_yaml
from recsys.system.wording import option, switch

# Settings that a message names.
SHOWN = 5


def choose() -> str:
    """What to do about a folder that holds something else."""
    return f"Choose another {option('name')}, or replace it with {switch('overwrite')}."


def _unknown() -> str:
    return (
        "Whether this is the same run cannot be told any more: choose another "
        f"{option('name')}, or replace the run with {switch('overwrite')}"
    )


@dataclass(frozen=True)
class Claim:
    """A run's claim to a folder.

    Attributes:
        folder: of the run.
        document: the experiment as resolved, which ``experiment.yaml`` is to hold.
        decides: whether a setting, by dotted key, must be as it was for the run to go on.
        begun: the file or folder that is there once there is something to lose; until then, any
            setting may be corrected.
        what: lies in the folder, for messages.
    """

    folder: RunFolder
    document: dict[str, Any]
    decides: Callable[[str], bool]
    begun: Path
    what: str = "a run of another experiment"

    def check(self, dataset: Dataset | None = None) -> None:
        """Refuses a folder that holds something else.

        Args:
            dataset: what the run reads; None where it reads none, or it is not prepared yet.

        Raises:
            InputError: what is there belongs to another experiment or another log.
        """
        if not self.begun.exists():
            return
        there = self.recorded(self.folder.experiment, self.document)
        self.refuse([key for key in differences(there, self.document) if self.decides(key)], there)
        if dataset is not None:
            self._refuse_another_log(dataset)

    def take(self, dataset: Dataset | None, overwrite: bool = False) -> None:
        """Makes the folder, or takes up what lies there.

        Call it while the folder is locked (see :func:`recsys.runs.at_work.at_work`).

        Args:
            dataset: what the run reads, if it reads one.
            overwrite: start afresh whatever is there.

        Raises:
            InputError: what is there belongs to another experiment or another log.
        """
        if overwrite:
            _remove(self.folder.path)
        self.folder.files.forget_if_damaged()
        self.check(dataset)
        self.remove_outdated()
        self.record(dataset)

    def refuse(self, changed: list[str], there: dict[str, Any]) -> None:
        """Refuses what decides and has changed.

        Args:
            changed: dotted keys.
            there: the experiment that the folder holds.

        Raises:
            InputError: there are any.
        """
        if changed:
            further = len(changed) - SHOWN
            more = f" and {further} more" if further > 0 else ""
            raise InputError(
                f"{self.folder.path} holds {self.what} (it differs in "
                f"{', '.join(changed[:SHOWN])}{more}). {choose()}"
            )

    def remove_outdated(self) -> None:
        """Removes what the run would make otherwise now; here nothing."""

    def recorded(self, path: Path, here: dict[str, Any]) -> dict[str, Any]:
        """A document that says whose run this is.

        Args:
            path: ``experiment.yaml`` or ``dataset.json``.
            here: what this run would write there. It is taken for what a damaged file held if
                its digest is the one recorded.

        Raises:
            Damaged: it is damaged, and held something else.
        """
        files = self.folder.files
        if not files.altered(path):
            read = read_yaml if path.suffix == ".yaml" else read_json
            return read(path, _unknown(), list(here)[:1])
        if files.held(path, as_text(path, here)):
            return here
        raise Damaged(path, _unknown())

    def _refuse_another_log(self, dataset: Dataset) -> None:
        record = self.folder.dataset_record
        if not record.is_file():
            return
        before = self.recorded(record, self._dataset_document(dataset))["fingerprint"]
        if before != dataset.fingerprint:
            raise InputError(
                f"{self.folder.path} was made with the dataset {before}; the log has changed "
                f"since, it is now {dataset.fingerprint}. {choose()}"
            )

    def record(self, dataset: Dataset | None) -> None:
        """Writes whose run it is: the experiment, and the dataset that it reads.

        Args:
            dataset: see :meth:`check`.
        """
        folder = self.folder
        folder.path.mkdir(parents=True, exist_ok=True)
        documents = {folder.experiment: self.document}
        if dataset is not None:
            documents[folder.dataset_record] = self._dataset_document(dataset)
        for path, document in documents.items():
            # Both are asked, as the first says what is damaged.
            if not (folder.files.hold(path) and folder.files.held(path, as_text(path, document))):
                with folder.files.making(path):
                    write_document(path, document)

    def _dataset_document(self, dataset: Dataset) -> dict[str, Any]:
        relative = os.path.relpath(dataset.path, self.folder.path)
        return {"fingerprint": dataset.fingerprint, "path": relative}


def _remove(path: Path) -> None:
    """Removes a run's folder, if there is one.

    Raises:
        InputError: it is a link, and what it leads to may be more than a run.
    """
    if path.is_symlink():
        raise InputError(
            f"{path} is a link to {path.resolve()}: {switch('overwrite')} removes no folder "
            "elsewhere. Remove the link, or what it leads to, and run again."
        )
    if path.exists():
        shutil.rmtree(path)
