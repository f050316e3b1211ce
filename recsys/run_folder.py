"""The folder of one run: where each file lies, and who may write into it."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import yaml

from recsys.atomic import atomic_path
from recsys.data.dataset import Dataset
from recsys.errors import InputError
from recsys.experiment import Experiment


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
        self.history = path / "history.json"
        self.metrics = path / "metrics.json"
        self.ranks = path / "ranks.parquet"
        self.examples = path / "examples.json"
        self.report = path / "report.html"
        self.model = path / "model"

    @classmethod
    def claim(
        cls, runs_dir: Path, experiment: Experiment, seed: int, overwrite: bool = False
    ) -> "RunFolder":
        """Makes the folder of a run, or opens it to continue.

        Args:
            runs_dir: all runs.
            experiment: as resolved; the run of one seed is recorded with that seed.
            seed: which of its seeds.
            overwrite: remove what a different experiment left there.

        Raises:
            InputError: the folder holds a run of another experiment.
        """
        folder = cls(runs_dir / experiment.name / str(seed))
        document = experiment.dump()
        document["training"]["seeds"] = [seed]
        if folder.path.exists() and overwrite:
            shutil.rmtree(folder.path)
        if folder.experiment.is_file():
            there = yaml.safe_load(folder.experiment.read_text(encoding="utf-8"))
            if there != document:
                changed = ", ".join(_differences(there, document))
                raise InputError(
                    f"{folder.path} holds a run of another experiment (it differs in {changed}). "
                    "Choose another --name, or replace it with --overwrite."
                )
        folder.path.mkdir(parents=True, exist_ok=True)
        _write(folder.experiment, yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
        return folder

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
        return Experiment.model_validate(yaml.safe_load(self.experiment.read_text("utf-8")))

    def remember_dataset(self, dataset: Dataset) -> None:
        """Records which prepared dataset the run reads."""
        relative = os.path.relpath(dataset.path, self.path)
        self.write_json(self.dataset_record, {"fingerprint": dataset.fingerprint, "path": relative})

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
