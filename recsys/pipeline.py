"""The whole line on one page: prepare → train → evaluate → export."""

import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from recsys import tracking
from recsys.data.dataset import Dataset
from recsys.data.manifest import Part
from recsys.data.prepare.findings import findings
from recsys.errors import Damaged, InputError
from recsys.evaluation.baselines.kinds import check_baselines
from recsys.evaluation.examples import examples
from recsys.evaluation.final import evaluate_finally
from recsys.evaluation.item_map import item_map
from recsys.evaluation.ranking import RetrieverEmbedder
from recsys.evaluation.ranks_file import write_ranks
from recsys.evaluation.reranking import check_rerank, rerank_effect
from recsys.evaluation.validation import Validation
from recsys.experiment.own_parts import own_parts
from recsys.experiment.schema import Experiment
from recsys.export.budget import BudgetConfig
from recsys.export.export import export_in_subprocess, require_retrieval_layers
from recsys.export.filters import check_names
from recsys.export.inputs import InputFeatures
from recsys.export.manifest import read_manifest, verified_manifest
from recsys.export.probes import write_probes
from recsys.export.recommend import Recommender
from recsys.export.request import ExportConfig, ExportRequest
from recsys.export.signature import VARIABLE, required_key, signing_key
from recsys.export.verdict import sentences
from recsys.models.retriever import Retriever
from recsys.models.saved import load_retriever, save_retriever
from recsys.reports.model_card import write_model_card
from recsys.reports.report import write_report
from recsys.runs import provenance
from recsys.runs.at_work import at_work
from recsys.runs.console import say, warn, working
from recsys.runs.earlier import check_earlier, open_earlier
from recsys.runs.folder import RunFolder
from recsys.runs.preparation import prepare_dataset
from recsys.runs.stages import Stages
from recsys.runs.training_callbacks import Recording, Tracking
from recsys.runs.training_claim import TrainingClaim
from recsys.runs.training_progress import TrainingProgress
from recsys.system.compilation import programs
from recsys.system.devices import on_accelerator
from recsys.system.gpus import naming_full_memory, unused_card
from recsys.system.processes import current
from recsys.system.wording import in_shell, switch
from recsys.training.build import build_retriever, check_model
from recsys.training.continuation import Earlier
from recsys.training.fit import Callback, TrainingState, fit
from recsys.training.precision import dtype_policy
from recsys.training.privacy import check_privacy

# What the first of several processes tells the others.
DATASET, TRAINS = "the dataset's path", "whether it is to be trained"


class Pipeline:
    """One seed of one experiment.

    Each step stands on what the earlier ones left in the run folder, so a run
    that was stopped anywhere continues there, and one whose files were damaged
    makes these again.

    Args:
        experiment: as resolved.
        seed: one of its seeds.
        runs_dir: where runs, datasets and the MLflow store lie.
        overwrite: remove what another experiment left under the same name.
        sweep: folder of the sweep that this is a trial of; the run's folder lies in
            it, and its MLflow run under that of the sweep.
        told: fingerprint of a dataset whose notes were said already.
    """

    def __init__(
        self,
        experiment: Experiment,
        seed: int,
        runs_dir: Path,
        overwrite: bool = False,
        sweep: Path | None = None,
        told: str | None = None,
    ) -> None:
        self.experiment = experiment
        self.seed = seed
        self.runs_dir = runs_dir
        self.folder = RunFolder((sweep or runs_dir) / experiment.name / str(seed))
        self._overwrite = overwrite
        self._sweep = sweep
        self._told = told
        self._training = experiment.training.continued()
        self._claim = TrainingClaim(self.folder, experiment, seed)
        self._stages = Stages(self.folder, seed)
        if not current.is_first():
            return
        if not overwrite:
            self._claim.check()
        if overwrite or not self.folder.retriever.is_file():
            check_earlier(experiment, seed)

    @property
    def fitted_part(self) -> Part:
        """The last part of the log that the final model is fitted on."""
        return fitted_part(self.experiment)

    def run(self) -> RunFolder:
        """Everything; steps that are done are not done again."""
        check_signing(self.experiment.export)
        dataset = self.prepare()
        with self.at_work(dataset) as tracker:
            self.train(dataset, tracker)
            folder = self.folder
            if not (folder.files.hold(*self._results) and folder.has_metrics()):
                self.evaluate(dataset)
            self.measure_rerank(dataset)
            self.publish(tracker)
            self.export(dataset, tracker)
        return self.folder

    @property
    def _results(self) -> tuple[Path, ...]:
        """What an evaluation makes."""
        folder = self.folder
        return folder.ranks, folder.examples, folder.item_map, folder.metrics

    def prepare(self) -> Dataset:
        """Log in, dataset out, reused when nothing changed.

        What could not be trained, compared or exported is refused now.
        """
        brief = self.seed != self.experiment.training.seeds[0]
        with self._stages.measured("prepare"):
            dataset = prepare_dataset(self.experiment.data, self.runs_dir, brief, self._told)
        check_experiment(self.experiment, dataset)
        check_baselines(self.experiment.evaluation.baselines, dataset, "validation")
        current.from_first(DATASET, lambda: os.path.relpath(dataset.path, self.runs_dir))
        current.agree("dataset", {"dataset": dataset.fingerprint})
        return dataset

    def train_along(self) -> None:
        """What each of several processes does that is not the first: trains with it.

        The first one prepares, validates, writes, evaluates and exports.
        """
        path = self.runs_dir / current.from_first(DATASET, str)
        if not path.is_dir():
            raise InputError(
                f"{path} is not here: processes that train together need one runs folder, on a "
                "file system that their machines share"
            )
        dataset = Dataset(path)
        current.agree("dataset", {"dataset": dataset.fingerprint})
        if current.from_first(TRAINS, bool):
            self._fit_along(dataset)

    def train(
        self, dataset: Dataset, tracker: tracking.Tracker, callbacks: Sequence[Callback] = ()
    ) -> None:
        """Fits the retriever, validating after every epoch; keeps the best epoch's weights.

        Args:
            dataset: what to fit on.
            tracker: is sent every epoch.
            callbacks: told of training in place of the progress bar.
        """
        folder = self.folder
        made = (folder.history, folder.timing, folder.retriever)
        if current.from_first(TRAINS, lambda: not folder.files.hold(*made)):
            self._train(dataset, tracker, callbacks)
        tracker.set_tags(provenance.tags(folder))
        sends_changes = self.experiment.tracking.uncommitted_changes
        if sends_changes and folder.files.hold(folder.uncommitted):
            tracker.log_artifact(folder.uncommitted)
        best = folder.files.read(folder.timing)["best_epoch"]
        # The weights of a second fit are not those that were validated.
        tracker.log_checkpoint(folder.retriever, best, not self.experiment.training.refit)

    def _train(
        self, dataset: Dataset, tracker: tracking.Tracker, callbacks: Sequence[Callback]
    ) -> None:
        folder = self.folder
        made = (folder.history, folder.timing, folder.retriever)
        if reason := unused_card(keras.backend.backend(), on_accelerator()):
            warn(f"  {reason}")
        smaller = "lower training.batch_size, model.max_events or model.dim"
        with (
            self._stages.measured("train"),
            folder.files.making(*made),
            naming_full_memory(smaller),
        ):
            self._fit(dataset, tracker, callbacks)
        self._stages.write()

    def _fit(
        self, dataset: Dataset, tracker: tracking.Tracker, callbacks: Sequence[Callback]
    ) -> None:
        experiment, folder = self.experiment, self.folder
        metric = experiment.evaluation.metric
        before = programs()
        retriever = self._build(dataset, "train")
        earlier = open_earlier(experiment, self.seed)
        validation = Validation(retriever, dataset, experiment.seen, experiment.evaluation)
        for note in validation.notes if self._sweep is None else ():
            warn(f"  {note}")
        with TrainingProgress(self._training.epochs, metric) as shown:
            progress = fit(
                retriever,
                dataset,
                self._training,
                self.seed,
                folder.checkpoints / "train",
                validate=validation,
                metric=metric,
                callbacks=[Recording(folder), Tracking(tracker), *(callbacks or [shown])],
                earlier=earlier,
            )
        folder.write_json(folder.history, progress.history)
        if experiment.training.refit:
            retriever, progress = self._refit(dataset, progress, earlier)
        folder.write_json(
            folder.timing,
            {
                "best_epoch": progress.best_epoch,
                "train_seconds": progress.seconds,
                "events_per_second": progress.events / max(progress.seconds, 1e-9),
                "input_wait_share": progress.waited / max(progress.seconds, 1e-9),
                "memory_forecast_gib": progress.memory_bytes / 2**30,
                "peak_memory_gib": progress.peak_bytes / 2**30,
                **_of_device(progress.peak_device_bytes),
                "backend": keras.backend.backend(),
                **({"processes": current.count()} if current.count() > 1 else {}),
                "precision": self._precision(),
                "programs": (programs() - before).as_dict(),
                **({"privacy": progress.privacy} if progress.privacy else {}),
                **({"continued": progress.continued} if progress.continued else {}),
            },
        )
        save_retriever(retriever, folder.retriever)
        folder.remove_results(experiment.export.version)

    def _fit_along(self, dataset: Dataset) -> None:
        """The same trainings as those of :meth:`_fit`, whose weights the first process keeps."""
        experiment, checkpoints = self.experiment, self.folder.checkpoints
        earlier = open_earlier(experiment, self.seed)
        progress = fit(
            self._build(dataset, "train"),
            dataset,
            self._training,
            self.seed,
            checkpoints / "train",
            validate=lambda _: {},
            metric=experiment.evaluation.metric,
            earlier=earlier,
        )
        if experiment.training.refit:
            fit(
                self._build(dataset, "validation"),
                dataset,
                self._training,
                self.seed,
                checkpoints / "refit",
                last_part="validation",
                epochs=progress.best_epoch,
                rate_drops=progress.rate_drops,
                earlier=earlier,
            )

    def _refit(
        self, dataset: Dataset, chosen: TrainingState, earlier: Earlier | None
    ) -> tuple[Retriever, TrainingState]:
        """The chosen number of epochs again, on train and validation."""
        say(f"fitting again on train and validation, {chosen.best_epoch} epochs")
        retriever = self._build(dataset, "validation")
        with TrainingProgress(chosen.best_epoch) as shown:
            progress = fit(
                retriever,
                dataset,
                self._training,
                self.seed,
                self.folder.checkpoints / "refit",
                last_part="validation",
                epochs=chosen.best_epoch,
                rate_drops=chosen.rate_drops,
                callbacks=[Recording(self.folder), shown],
                earlier=earlier,
            )
        progress.seconds += chosen.seconds
        progress.events += chosen.events
        return retriever, progress

    def _build(self, dataset: Dataset, last_part: Part) -> Retriever:
        return build_retriever(
            self.experiment.model,
            dataset,
            last_part,
            self.seed,
            current.from_first("precision", self._precision),
        )

    def _precision(self) -> str:
        """What layers compute in: decided once, and kept where the run continues elsewhere."""
        folder, asked = self.folder, self.experiment.training.precision
        if asked == "float32":
            return asked
        if folder.precision.is_file():
            decided = folder.files.read(
                folder.precision, ["asked", "policy"], f"Start afresh with {switch('overwrite')}"
            )
            if decided["asked"] == asked:
                return decided["policy"]
        policy = dtype_policy(asked)
        folder.write_json(folder.precision, {"asked": asked, "policy": policy})
        return policy

    def evaluate(self, dataset: Dataset) -> None:
        """Ranks the test part once, beside the baselines; writes ranks, examples and metrics."""
        with (
            self._stages.measured("evaluate"),
            self.folder.files.making(*self._results),
            naming_full_memory("lower evaluation.block_size"),
        ):
            self._evaluate(dataset)

    def _evaluate(self, dataset: Dataset) -> None:
        experiment, folder = self.experiment, self.folder
        scorer = RetrieverEmbedder(self._load(), dataset)
        # Before the ranking, which takes long.
        timing, chosen_epoch = folder.files.read(folder.timing), self._chosen_epoch()
        privacy, continued = timing.pop("privacy", None), timing.pop("continued", None)
        with working("ranking the test part, baselines too"):
            ranked, sections = evaluate_finally(
                experiment.name,
                scorer,
                dataset,
                experiment.seen,
                experiment.evaluation,
                self.fitted_part,
            )
        # A model that was fitted on validation too cannot be evaluated on it.
        sections.setdefault("validation", chosen_epoch)
        sections["notes"] = {"data": findings(dataset.manifest), **sections["notes"]}
        write_ranks(ranked, dataset, folder.ranks)
        folder.write_json(folder.examples, examples(ranked, dataset), private=True)
        vectors = scorer.item_vectors[: dataset.manifest.known_items[self.fitted_part]]
        folder.write_json(folder.item_map, item_map(vectors, dataset))
        folder.write_metrics(
            {
                **sections,
                "timing": timing,
                **({"privacy": privacy} if privacy else {}),
                **({"continued": continued} if continued else {}),
                "split": dataset.manifest.split,
                "quality": dataset.manifest.quality,
                "provenance": provenance.recorded(folder),
                "versions": provenance.versions(),
            }
        )

    def measure_rerank(self, dataset: Dataset) -> None:
        """Writes what ``export.rerank`` changes on the test part, if there is one."""
        experiment, folder = self.experiment, self.folder
        if experiment.export.rerank is None or folder.files.hold(folder.rerank):
            return
        with (
            folder.files.making(folder.rerank),
            naming_full_memory("lower evaluation.block_size"),
            working("measuring what export.rerank changes"),
        ):
            effect = rerank_effect(
                experiment.export.rerank,
                RetrieverEmbedder(self._load(), dataset),
                dataset,
                experiment.seen,
                experiment.evaluation,
                self.fitted_part,
                experiment.export.k,
            )
            folder.write_json(folder.rerank, effect)

    def _chosen_epoch(self) -> dict[str, Any]:
        """The validation metrics of the epoch whose weights were kept."""
        epochs = self.folder.files.read(self.folder.history)
        best = max(epochs, key=lambda epoch: epoch[self.experiment.evaluation.metric])
        if self.experiment.training.privacy is not None:
            best = epochs[-1]
        return {
            name: {"value": value, "low": None, "high": None}
            for name, value in best.items()
            if "@" in name
        }

    def publish(self, tracker: tracking.Tracker) -> None:
        """Writes the pages of an evaluated run, and sends them and the metrics to MLflow."""
        metrics = self.folder.read_metrics(["test", "validation", "timing"])
        self._stages.write()
        pages = [write_report(self.folder.path), write_model_card(self.folder.path)]
        for note in metrics.get("notes", {}).get("test", ()):
            warn(f"  {note}")
        tracker.log_metrics({name: metrics[name] for name in ("test", "validation", "timing")})
        baselines = {
            f"baseline_{name}": {metric: found["value"] for metric, found in values.items()}
            for name, values in metrics["baselines"].items()
        }
        tracker.log_metrics(baselines)
        for section in ("privacy", "continued"):
            if found := metrics.get(section):
                tracker.log_metrics({section: found})
        for artefact in (self.folder.metrics, *pages):
            tracker.log_artifact(artefact)

    def export(self, dataset: Dataset, tracker: tracking.Tracker) -> Path:
        """Writes the SavedModel in a process of its own, behind the gate, and says what that found.

        One that stands already is only logged: a run may have been stopped in between. One that
        is damaged is written again.
        """
        experiment = self.experiment
        check_signing(experiment.export)
        destination = self.folder.model / experiment.export.version
        if not _is_whole(destination):
            with self._stages.measured("export"):
                self._write_model(dataset)
            self._stages.write()
            if self.folder.has_metrics():
                # The page tells of the model, too. One that the gate refuses has the page before.
                tracker.log_artifact(write_report(self.folder.path))
        gate = read_manifest(destination)["gate"]
        for sentence in sentences(gate):
            say(sentence)
        tracker.log_metrics({"gate": gate})
        if experiment.tracking.enabled:
            with working("logging the model to MLflow"):
                example = Recommender(destination).input_example(dataset)
                tracker.log_model(destination, example)
        return destination

    def _write_model(self, dataset: Dataset) -> None:
        experiment = self.experiment
        probes = self.folder.checkpoints / "probes.npz"
        self.measure_rerank(dataset)
        with working("exporting the SavedModel"):
            write_probes(self._load(), dataset, probes, experiment.export.probes)
            export_in_subprocess(export_request(self.folder, experiment, dataset, probes))

    def measure(self, dataset: Dataset) -> dict[str, Any]:
        """What the SavedModel of a trained run takes, as the gate measures it; it is not kept.

        Neither the test part nor the budget is asked, and nothing is signed.
        """
        config = self.experiment.export.model_copy(
            update={"budget": BudgetConfig(), "signing_key": None}
        )
        scratch, probes = self.folder.path / "measured", self.folder.checkpoints / "probes.npz"
        try:
            write_probes(self._load(), dataset, probes, config.probes)
            request = export_request(self.folder, self.experiment, dataset, probes)
            asked = request.model_copy(update={"config": config, "model_folder": scratch})
            return export_in_subprocess(asked)["gate"]["footprint"]
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            probes.unlink(missing_ok=True)

    def _load(self) -> Retriever:
        if not self.folder.retriever.is_file():
            train = "recsys train" if in_shell() else "recsys.run(…, only='train')"
            raise InputError(f"{self.folder.path} is not trained yet: `{train}` comes first")
        return load_retriever(self.folder.files.checked(self.folder.retriever))

    def at_work(self, dataset: Dataset) -> contextlib.AbstractContextManager[tracking.Tracker]:
        """The run's folder, locked and claimed, and its run in MLflow, for as long as it lasts."""
        return at_work(
            self._claim,
            dataset,
            self.experiment.tracking,
            self.runs_dir,
            self.seed,
            params={"seed": self.seed},
            tags={"backend": keras.backend.backend()},
            parent=self._sweep,
            overwrite=self._overwrite,
        )


def _of_device(peak_bytes: int) -> dict[str, float]:
    """The most memory of the accelerator that was in use, if one trained."""
    return {"peak_device_memory_gib": peak_bytes / 2**30} if peak_bytes else {}


def fitted_part(experiment: Experiment) -> Part:
    """The last part of the log that the final model is fitted on."""
    return "validation" if experiment.training.refit else "train"


def export_request(
    folder: RunFolder, experiment: Experiment, dataset: Dataset, probes: Path
) -> ExportRequest:
    """What the export of a trained model is asked for.

    Args:
        folder: of the run.
        experiment: as resolved.
        dataset: which it was trained on.
        probes: the file of its own answers.
    """
    metrics, ranks = {}, None
    if folder.metrics.is_file():
        metrics = folder.read_metrics(["test"])["test"]
        ranks = folder.files.checked(folder.ranks)
    return ExportRequest(
        retriever=folder.retriever,
        dataset=dataset.path,
        probes=probes,
        model_folder=folder.model,
        config=experiment.export,
        seen=experiment.seen,
        fitted_part=fitted_part(experiment),
        experiment=experiment.dump(),
        own_parts=own_parts(experiment),
        ranks=ranks,
        cutoffs=experiment.evaluation.k,
        seed=int(folder.path.name),
        metrics=metrics,
        rerank=folder.files.read(folder.rerank) if folder.rerank.is_file() else None,
        privacy=folder.files.read(folder.timing).get("privacy"),
    )


def check_experiment(experiment: Experiment, dataset: Dataset) -> None:
    """Refuses what could not be trained on a dataset, or not be exported then.

    Raises:
        InputError: why.
    """
    model = experiment.model
    require_retrieval_layers()
    check_model(model, dataset)
    if experiment.training.privacy is not None:
        check_privacy(model, keras.backend.backend())
    query = model.query
    features = InputFeatures.of(query.user_features, query.event_features, dataset.manifest)
    check_names(experiment.export.filters, features)
    check_rerank(experiment.export.rerank, dataset)


def check_signing(config: ExportConfig) -> None:
    """Refuses, before any work, an export that could not be signed or would then be refused.

    Raises:
        InputError: the key is not here or is not a signing key; or this machine loads signed
            models alone, and none would be.
    """
    if config.signing_key is not None:
        signing_key(config.signing_key)
    elif (required := required_key()) is not None:
        raise InputError(
            f"{VARIABLE} ({required}) asks for signed models, and the experiment signs none: name "
            f"the key in export.signing_key, or unset {VARIABLE} where models are made"
        )


def _is_whole(model: Path) -> bool:
    """Whether a SavedModel is there, and as it was exported; says if it is damaged."""
    if not model.is_dir():
        return False
    try:
        verified_manifest(model)
    except Damaged as error:
        warn(f"{error.what}: it is exported again")
        return False
    return True
