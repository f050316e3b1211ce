"""The folder of one run: where each file lies, and who may write into it."""

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.data.dataset import Dataset
from recsys.errors import InputError
from recsys.experiment.file import validated
from recsys.experiment.schema import Experiment
from recsys.runs import more_epochs
from recsys.system.files import atomic_path, locked, remove_drafts
from recsys.system.reading import Damaged, read_json, read_yaml, reading
from recsys.system.recorded import RecordedFiles
from recsys.system.yaml_text import dump_yaml
from recsys.tracking import record

if TYPE_CHECKING:
    import pandas as pd

MEND = "Run the experiment again (`recsys run`): it makes again what is damaged"
# Settings that a message names.
SHOWN = 5
CHOOSE = "Choose another --name, or replace it with --overwrite."
UNKNOWN = (
    "Whether this is the same run cannot be told any more: choose another --name, or replace the "
    "run with --overwrite"
)


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
            InputError: what training depends on differs, but for more epochs where they end as
                if they had been asked for at once.
        """
        if not (self.experiment.is_file() and self.checkpoints.is_dir()):
            return
        here = _of_one_seed(experiment, seed)
        there = self.recorded(self.experiment, here)
        changed = _differences(_what_trained(there), _what_trained(here))
        if changed == [more_epochs.KEY]:
            last = self.checkpoints / "train" / "last.npz"
            reason = more_epochs.reason_against(there["training"], here["training"], last)
            if reason is not None:
                raise InputError(f"{self.path}: {reason}. {CHOOSE}")
        else:
            self._refuse(changed)

    def claim(
        self, experiment: Experiment, seed: int, dataset: Dataset, overwrite: bool = False
    ) -> None:
        """Makes the folder, or takes up what lies there; what is out of date is removed.

        Call it while the folder is :meth:`locked`. Metrics that were computed
        otherwise than ``evaluation`` now says are removed, and so is a SavedModel
        that would now be made otherwise (it names the metrics too); all three, where
        more epochs are asked for.

        Args:
            experiment: as resolved; the run of one seed is recorded with that seed.
            seed: which of its seeds.
            dataset: what the run reads.
            overwrite: start afresh whatever is there.

        Raises:
            InputError: what is there belongs to another experiment or another log.
        """
        if overwrite:
            self.remove()
        self.files.forget_if_damaged()
        self.check(experiment, seed)
        document = _of_one_seed(experiment, seed)
        if self.checkpoints.is_dir():
            self._refuse_another_log(dataset)
        if self.experiment.is_file():
            there = self.recorded(self.experiment, document)
            goes_on = there["training"]["epochs"] != document["training"]["epochs"]
            if goes_on:
                self._forget_the_model()
            judged_otherwise = goes_on or there.get("evaluation") != document["evaluation"]
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
        if overwrite:
            self.remove()
        self.files.forget_if_damaged()
        if self.metrics.is_file():
            there = {**self.recorded(self.experiment, document), "tracking": None}
            self._refuse(_differences(there, {**document, "tracking": None}))
            if dataset is not None:
                self._refuse_another_log(dataset)
        self._record(document, dataset)

    def remove(self) -> None:
        """Removes the folder, if there is one.

        Raises:
            InputError: it is a link, and what it leads to may be more than a run.
        """
        if self.path.is_symlink():
            raise InputError(
                f"{self.path} is a link to {self.path.resolve()}: --overwrite removes no folder "
                "elsewhere. Remove the link, or what it leads to, and run again."
            )
        if self.path.exists():
            shutil.rmtree(self.path)

    def _forget_the_model(self) -> None:
        """Removes what follows from the last weights; MLflow keeps its run of that model."""
        for file in (self.retriever, self.ranks, self.examples, self.report):
            file.unlink(missing_ok=True)
        record.forget(self.path)

    def _refuse(self, changed: list[str]) -> None:
        if changed:
            further = len(changed) - SHOWN
            more = f" and {further} more" if further > 0 else ""
            raise InputError(
                f"{self.path} holds a run of another experiment (it differs in "
                f"{', '.join(changed[:SHOWN])}{more}). {CHOOSE}"
            )

    def _refuse_another_log(self, dataset: Dataset) -> None:
        if not self.dataset_record.is_file():
            return
        before = self.recorded(self.dataset_record, self._dataset_document(dataset))["fingerprint"]
        if before != dataset.fingerprint:
            raise InputError(
                f"{self.path} was trained on the dataset {before}; the log has changed since, "
                f"it is now {dataset.fingerprint}. Choose another --name, or replace the run "
                "with --overwrite."
            )

    def _record(self, document: dict[str, Any], dataset: Dataset | None) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        texts = {self.experiment: _as_text(self.experiment, document)}
        if dataset is not None:
            record = self._dataset_document(dataset)
            texts[self.dataset_record] = _as_text(self.dataset_record, record)
        for path, text in texts.items():
            # Both are asked, as the first says what is damaged.
            if not (self.files.hold(path) and self.files.held(path, text)):
                with self.files.making(path):
                    _write(path, text)

    def _dataset_document(self, dataset: Dataset) -> dict[str, Any]:
        relative = os.path.relpath(dataset.path, self.path)
        return {"fingerprint": dataset.fingerprint, "path": relative}

    def recorded(self, path: Path, here: dict[str, Any]) -> dict[str, Any]:
        """A document that says whose run this is.

        Args:
            path: ``experiment.yaml`` or ``dataset.json``.
            here: what this run would write there. It is taken for what a damaged file held if
                its digest is the one recorded.

        Raises:
            Damaged: it is damaged, and held something else.
        """
        if not self.files.altered(path):
            read = read_yaml if path.suffix == ".yaml" else read_json
            return read(path, UNKNOWN, list(here)[:1])
        if self.files.held(path, _as_text(path, here)):
            return here
        raise Damaged(path, UNKNOWN)

    def remove_results(self, version: str) -> None:
        """Removes what was made with earlier weights.

        Args:
            version: of the SavedModel.
        """
        self.metrics.unlink(missing_ok=True)
        shutil.rmtree(self.model / version, ignore_errors=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes out of the folder; what a killed one left half-written is removed.

        Raises:
            InputError: one is at work in it.
        """
        busy = f"another process is at work in {self.path}: wait for it, or choose another --name"
        with locked(self.path, busy):
            remove_drafts(self.path)
            yield

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Opens a run: ``runs/<name>/<seed>``, or ``runs/<name>`` with one seed.

        Raises:
            InputError: there is no run.
        """
        runs = _runs_in(path)
        if len(runs) != 1:
            found = ", ".join(map(str, runs)) or "none"
            raise InputError(f"{path} is not the folder of one run (runs in it: {found})")
        return cls(runs[0])

    @classmethod
    def open_exported(cls, path: Path) -> "RunFolder":
        """Opens a run; of several seeds the lowest one that has an exported model, and says so.

        Raises:
            InputError: there is no run.
        """
        runs = _runs_in(path)
        exported = [run for run in runs if any(cls(run).model.glob("[0-9]*"))]
        if len(runs) < 2 or not exported:
            return cls.open(path)
        others = ", ".join(run.name for run in exported[1:])
        also = f"; {others} can be asked by the folder, too" if others else ""
        print(f"of the seeds in {path}, {exported[0].name} answers{also}", file=sys.stderr)
        return cls(exported[0])

    def read_experiment(self) -> Experiment:
        """The experiment as it was resolved."""
        return validated(Experiment, self.files.read(self.experiment), str(self.experiment))

    def dataset(self) -> Dataset:
        """Opens the dataset that the run reads, and compares its files with their digests.

        Raises:
            InputError: it was removed or damaged, or the run has not prepared one.
        """
        if not self.dataset_record.is_file():
            raise InputError(f"{self.path} has no prepared dataset yet: run `recsys train` first")
        dataset = Dataset(self.path / self.files.read(self.dataset_record, ["path"])["path"])
        dataset.verify()
        return dataset

    def table(self, path: Path) -> "pd.DataFrame":
        """A Parquet file of the folder, checked.

        Args:
            path: the file.

        Raises:
            Damaged: it is missing, or not what was written.
        """
        import pandas as pd

        with reading(self.files.checked(path), MEND):
            return pd.read_parquet(path)

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
        _write(path, _as_text(path, document))


def _as_text(path: Path, document: Any) -> str:
    if path.suffix == ".yaml":
        return dump_yaml(document)
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)


def _runs_in(path: Path) -> list[Path]:
    """The folder of a run itself, or those of the seeds in it, in their order."""
    if (path / "experiment.yaml").is_file():
        return [path]
    seeds = [file.parent for file in path.glob("*/experiment.yaml")]
    return sorted(seeds, key=lambda seed: (len(seed.name), seed.name))


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
