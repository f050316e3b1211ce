"""The folder of one run: where each file lies, and who may write into it."""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recsys.atomic import atomic_path, remove_drafts
from recsys.data.dataset import Dataset
from recsys.errors import InputError
from recsys.experiment import Experiment
from recsys.yaml_text import dump_yaml, read_yaml


class RunFolder:
    """``<runs-dir>/<name>/<seed>/``.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.experiment = path / "experiment.yaml"
        self.dataset_record = path / "dataset.json"
        self.checkpoints = path / "checkpoints"
        self.retriever = self.checkpoints / "retriever.keras"
        self.timing = self.checkpoints / "training.json"
        self.history = path / "history.json"
        self.metrics = path / "metrics.json"
        self.ranks = path / "ranks.parquet"
        self.examples = path / "examples.json"
        self.report = path / "report.html"
        self.model = path / "model"

    def check(self, experiment: Experiment, seed: int) -> None:
        """Refuses to continue a model that another experiment trained.

        Raises:
            InputError: what training depends on differs.
        """
        if not (self.experiment.is_file() and self.checkpoints.is_dir()):
            return
        there = _read_yaml(self.experiment)
        here = _of_one_seed(experiment, seed)
        self._refuse(_differences(_what_trained(there), _what_trained(here)))

    def claim(
        self, experiment: Experiment, seed: int, dataset: Dataset, overwrite: bool = False
    ) -> None:
        """Makes the folder, or takes up what lies there; what is out of date is removed.

        Call it while the folder is :meth:`locked`. Metrics that were computed
        otherwise than ``evaluation`` now says are removed, and so is a SavedModel
        that would now be made otherwise (it names the metrics too).

        Args:
            experiment: as resolved; the run of one seed is recorded with that seed.
            seed: which of its seeds.
            dataset: what the run reads.
            overwrite: start afresh whatever is there.

        Raises:
            InputError: what is there belongs to another experiment or another log.
        """
        if overwrite and self.path.exists():
            shutil.rmtree(self.path)
        self.check(experiment, seed)
        document = _of_one_seed(experiment, seed)
        if self.checkpoints.is_dir():
            self._refuse_another_log(dataset)
        if self.experiment.is_file():
            there = _read_yaml(self.experiment)
            judged_otherwise = there.get("evaluation") != document["evaluation"]
            if judged_otherwise:
                self.metrics.unlink(missing_ok=True)
            if judged_otherwise or there.get("export") != document["export"]:
                shutil.rmtree(self.model / experiment.export.version, ignore_errors=True)
        self._record(document, dataset)

    def claim_whole(
        self, document: dict[str, Any], dataset: Dataset | None, overwrite: bool = False
    ) -> None:
        """Makes the folder of a run that is made in one go, or finds an equal one there.

        Call it while the folder is :meth:`locked`.

        Args:
            document: the experiment as resolved; only where it is tracked may differ.
            dataset: what the run reads, if it reads one.
            overwrite: start afresh whatever is there.

        Raises:
            InputError: what is there belongs to another experiment or another log.
        """
        if overwrite and self.path.exists():
            shutil.rmtree(self.path)
        if self.metrics.is_file():
            there = {**_read_yaml(self.experiment), "tracking": None}
            self._refuse(_differences(there, {**document, "tracking": None}))
            if dataset is not None:
                self._refuse_another_log(dataset)
        self._record(document, dataset)

    def _refuse(self, changed: list[str]) -> None:
        if changed:
            raise InputError(
                f"{self.path} holds a run of another experiment (it differs in "
                f"{', '.join(changed)}). Choose another --name, or replace it with --overwrite."
            )

    def _refuse_another_log(self, dataset: Dataset) -> None:
        if not self.dataset_record.is_file():
            return
        before = json.loads(self.dataset_record.read_text())["fingerprint"]
        if before != dataset.fingerprint:
            raise InputError(
                f"{self.path} was trained on the dataset {before}; the log has changed since, "
                f"it is now {dataset.fingerprint}. Choose another --name, or replace the run "
                "with --overwrite."
            )

    def _record(self, document: dict[str, Any], dataset: Dataset | None) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        _write(self.experiment, dump_yaml(document))
        if dataset is not None:
            relative = os.path.relpath(dataset.path, self.path)
            record = {"fingerprint": dataset.fingerprint, "path": relative}
            self.write_json(self.dataset_record, record)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes out of the folder; what a killed one left half-written is removed.

        Raises:
            InputError: one is at work in it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Beside the folder, which --overwrite removes.
        with (self.path.parent / f".{self.path.name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InputError(
                    f"another process is at work in {self.path}: wait for it, or choose another "
                    "--name"
                ) from error
            remove_drafts(self.path)
            for unpublished in self.model.glob(".*.partial"):
                shutil.rmtree(unpublished, ignore_errors=True)
            yield

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Opens a run: ``runs/<name>/<seed>``, or ``runs/<name>`` with one seed.

        Raises:
            InputError: there is no run.
        """
        if not (path / "experiment.yaml").is_file():
            seeds = sorted(file.parent for file in path.glob("*/experiment.yaml"))
            if len(seeds) != 1:
                found = ", ".join(str(seed) for seed in seeds) or "none"
                raise InputError(f"{path} is not the folder of one run (runs in it: {found})")
            path = seeds[0]
        return cls(path)

    def read_experiment(self) -> Experiment:
        """The experiment as it was resolved."""
        return Experiment.model_validate(_read_yaml(self.experiment))

    def dataset(self) -> Dataset:
        """Opens the dataset that the run reads.

        Raises:
            InputError: it was removed, or the run has not prepared one.
        """
        if not self.dataset_record.is_file():
            raise InputError(f"{self.path} has no prepared dataset yet: run `recsys train` first")
        return Dataset(self.path / json.loads(self.dataset_record.read_text())["path"])

    def model_version(self) -> Path:
        """The folder of the newest exported SavedModel.

        Raises:
            InputError: nothing was exported.
        """
        versions = [folder for folder in self.model.glob("*") if folder.name.isdigit()]
        if not versions:
            raise InputError(f"{self.path} has no exported model: run `recsys export` first")
        return max(versions, key=lambda folder: int(folder.name))

    @staticmethod
    def write_json(path: Path, document: Any) -> None:
        """Writes a JSON file in whole or not at all."""
        _write(path, json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def _read_yaml(path: Path) -> dict[str, Any]:
    return read_yaml(path.read_text(encoding="utf-8"), str(path))


def _of_one_seed(experiment: Experiment, seed: int) -> dict[str, Any]:
    document = experiment.dump()
    document["training"]["seeds"] = [seed]
    return document


def _what_trained(document: dict[str, Any]) -> dict[str, Any]:
    """What the trained weights follow from."""
    evaluation = document.get("evaluation", {})
    deciding = {key: evaluation.get(key) for key in ("metric", "last_only", "validation_queries")}
    sections = ("data", "seen", "model", "training")
    return {**{name: document.get(name) for name in sections}, "evaluation": deciding}


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _differences(there: Any, here: Any, prefix: str = "") -> list[str]:
    if not (isinstance(there, dict) and isinstance(here, dict)):
        return [] if there == here else [prefix]
    return [
        difference
        for key in {**there, **here}
        for difference in _differences(
            there.get(key), here.get(key), f"{prefix}.{key}" if prefix else str(key)
        )
    ]
