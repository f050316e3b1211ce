"""The folder of one run: where each file lies, and what it holds."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.data.dataset import Dataset
from recsys.data.refreshed import RefreshedDataset
from recsys.errors import InputError
from recsys.experiment import own_parts
from recsys.system.files import atomic_path, without_detours
from recsys.system.reading import reading
from recsys.system.recorded import RecordedFiles
from recsys.system.results import FORMAT, are_current, read_results
from recsys.system.unfinished import Unfinished
from recsys.system.yaml_text import dump_yaml

if TYPE_CHECKING:
    import pandas as pd

    from recsys.experiment.schema import Experiment

MEND = "Run the experiment again (`recsys run`): what is damaged is made again"


class RunFolder:
    """``<runs-dir>/<name>/<seed>/``.

    Args:
        path: the folder.

    Attributes:
        files: which of its files are done (``manifest.json``).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = RecordedFiles(path, MEND)
        self.experiment = path / "experiment.yaml"
        self.dataset_record = path / "dataset.json"
        self.own_parts = path / own_parts.FILE
        self.checkpoints = path / "checkpoints"
        self.retriever = self.checkpoints / "retriever.keras"
        self.timing = self.checkpoints / "training.json"
        self.precision = path / "precision.json"
        self.provenance = path / "provenance.json"
        self.environment = path / "environment.json"
        self.uncommitted = path / "uncommitted.diff"
        self.history = path / "history.json"
        self.metrics = path / "metrics.json"
        self.ranks = path / "ranks.parquet"
        self.examples = path / "examples.json"
        self.item_map = path / "item_map.json"
        self.stages = path / "stages.json"
        self.rerank = path / "rerank.json"
        self.report = path / "report.html"
        self.model_card = path / "model_card.md"
        self.model = path / "model"
        self.catalogues = path / "catalogues"
        self.onnx = path / "onnx"

    def remove_results(self, version: str) -> None:
        """Removes what was made with earlier weights.

        Args:
            version: of the SavedModel.
        """
        self.metrics.unlink(missing_ok=True)
        self.rerank.unlink(missing_ok=True)
        self.remove_model(version)

    def remove_model(self, version: str) -> None:
        """Removes a SavedModel and what was made of it: by a newer catalogue, and for ONNX.

        Args:
            version: of the SavedModel.
        """
        refreshed = [catalogue.name for catalogue in self.catalogues.glob("[0-9]*")]
        for name in (version, *refreshed):
            shutil.rmtree(self.model / name, ignore_errors=True)
            shutil.rmtree(self.onnx / name, ignore_errors=True)
        shutil.rmtree(self.catalogues, ignore_errors=True)

    def read_experiment(self) -> "Experiment":
        """The experiment as it was resolved.

        Raises:
            InputError: see :func:`recsys.experiment.written.written_experiment`.
        """
        # What an experiment may say is known by the rooms that train; files are found without them.
        from recsys.experiment.written import written_experiment

        return written_experiment(self.files.read(self.experiment), self.path)

    def read_metrics(self, keys: Sequence[str] = ()) -> dict[str, Any]:
        """``metrics.json``: what the run found.

        Args:
            keys: that it has.

        Raises:
            Unfinished: the run was not evaluated yet.
            Damaged: it is missing or damaged, or another version of recsys wrote it.
        """
        return read_results(self.files, self.metrics, keys)

    def has_metrics(self) -> bool:
        """Whether ``metrics.json`` is there, and this version reads it."""
        return are_current(self.files, self.metrics)

    def write_metrics(self, document: Mapping[str, Any]) -> None:
        """Writes ``metrics.json``, with the number of its format."""
        self.write_json(self.metrics, {"format": FORMAT, **document}, private=True)

    def dataset(self) -> Dataset:
        """Opens the dataset that the run reads, and compares its files with their digests.

        Raises:
            InputError: it was removed, did not come along with a copy of the run, or is damaged;
                or the run has not prepared one.
        """
        if not self.dataset_record.is_file():
            raise Unfinished(self.path, "prepared dataset")
        recorded = self.files.read(self.dataset_record, ["path"])["path"]
        folder = without_detours(self.path / recorded)
        if not folder.exists():
            raise InputError(
                f"{self.path} reads the dataset {folder.resolve()}, which is not there: a run that "
                "is moved or copied takes its dataset along, in the same place beside it. Ask it "
                "for histories, which needs none, or prepare the dataset again (`recsys prepare`)"
            )
        dataset = Dataset(folder)
        dataset.verify()
        return dataset

    def dataset_of(self, model: Mapping[str, Any]) -> Dataset:
        """The dataset of the run with the items that a SavedModel of the run was exported with.

        Args:
            model: the manifest of the SavedModel.

        Raises:
            InputError: see :meth:`dataset`; or the model is of another dataset.
            Damaged: the catalogue of a refreshed model is missing, or not what was written.
        """
        dataset = self.dataset()
        if model["data"]["fingerprint"] != dataset.fingerprint:
            raise InputError(
                f"version {model['version']} of the model in {self.model} was exported with "
                f"another dataset than {dataset.path}: export it again (`recsys export`)"
            )
        if model["refresh"] is None:
            return dataset
        return RefreshedDataset(dataset.path, self.catalogues / model["version"])

    def table(self, path: Path) -> "pd.DataFrame":
        """A Parquet file of the folder, checked.

        Args:
            path: the file.

        Raises:
            Damaged: it is missing, or not what was written.
        """
        from recsys.protection.encryption import read_frame

        with reading(self.files.checked(path), MEND):
            return read_frame(path)

    def model_version(self) -> Path:
        """The folder of the newest exported SavedModel.

        Raises:
            Unfinished: nothing was exported.
            InputError: the run is of a task that recommends nothing.
        """
        from recsys.experiment.file import DEFAULT_TASK

        versions = [folder for folder in self.model.glob("*") if folder.name.isdigit()]
        if not versions:
            written = self.files.read(self.experiment) if self.experiment.is_file() else None
            task = written.get("task") if isinstance(written, dict) else None
            if task not in (None, DEFAULT_TASK):
                raise InputError(
                    f"{self.path} is a run of `task: {task}`, which recommends nothing: give the "
                    "folder of a recommender's run"
                )
            raise Unfinished(self.path, "exported model")
        return max(versions, key=lambda folder: int(folder.name))

    @staticmethod
    def write_json(path: Path, document: Any, private: bool = False) -> None:
        """Writes a JSON file in whole or not at all; of a private one its owner is the reader."""
        write_document(path, document, private)


def write_document(path: Path, document: Any, private: bool = False) -> None:
    """Writes a YAML or JSON file, by its ending, in whole or not at all."""
    write_text(path, as_text(path, document), private)


def write_text(path: Path, text: str, private: bool = False) -> None:
    """Writes a text file in whole or not at all; of a private one its owner is the reader."""
    with atomic_path(path, private) as temporary:
        temporary.write_text(text, encoding="utf-8")


def as_text(path: Path, document: Any) -> str:
    """What a file with a document holds: YAML or JSON, by its ending."""
    if path.suffix == ".yaml":
        return dump_yaml(document)
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
