"""The whole line on one page: prepare → train → evaluate → export."""

import contextlib
import json
import logging
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np

from recsys import tracking
from recsys.atomic import atomic_path
from recsys.data.dataset import Dataset, Part
from recsys.data.prepare import prepare
from recsys.errors import InputError
from recsys.evaluation.comparison import Contender, compare
from recsys.evaluation.evaluate import (
    choose_settings,
    evaluate_baselines,
    thinned,
    write_ranks,
)
from recsys.evaluation.evaluate import evaluate as judge
from recsys.evaluation.metrics import ranking_metrics
from recsys.evaluation.ranking import RankedQueries, RetrieverScorer, rank
from recsys.experiment import Experiment
from recsys.export.export import ExportRequest, export_in_subprocess
from recsys.export.inputs import user_features_of
from recsys.export.probes import write_probes
from recsys.models.retriever import Retriever
from recsys.progress import TrainingProgress, say, working
from recsys.reports.report import write_report
from recsys.run_folder import RunFolder
from recsys.training.build import build_retriever
from recsys.training.fit import Callback, Progress, fit

logger = logging.getLogger(__name__)
VERSIONS = ("recsys", "keras", "tensorflow", "numpy", "duckdb")
EXAMPLES = 6
EXAMPLE_ITEMS = 10


class Pipeline:
    """One seed of one experiment.

    Each step stands on what the earlier ones left in the run folder, so a run
    that was stopped anywhere continues there.

    Args:
        experiment: as resolved.
        seed: one of its seeds.
        runs_dir: where runs, datasets and the MLflow store lie.
        overwrite: remove what another experiment left under the same name.
    """

    def __init__(
        self, experiment: Experiment, seed: int, runs_dir: Path, overwrite: bool = False
    ) -> None:
        self.experiment = experiment
        self.seed = seed
        self.runs_dir = runs_dir
        self.folder = RunFolder(runs_dir / experiment.name / str(seed))
        self._overwrite = overwrite
        if not overwrite:
            self.folder.check(experiment, seed)

    @property
    def fitted_part(self) -> Part:
        """The last part of the log that the final model is fitted on."""
        return "validation" if self.experiment.training.refit else "train"

    def run(self) -> RunFolder:
        """Everything; steps that are done are not done again."""
        dataset = self.prepare()
        with self.at_work(dataset) as tracker:
            self.train(dataset, tracker)
            if not self.folder.metrics.is_file():
                self.evaluate(dataset)
            self.publish(tracker)
            self.export(dataset, tracker)
        return self.folder

    def prepare(self) -> Dataset:
        """Log in, dataset out, reused when nothing changed; then the run folder is made.

        Nothing of a run that is there is touched before the log proved usable.
        """
        dataset = prepare_dataset(self.experiment, self.runs_dir)
        retriever = self._build(dataset, "train")
        # What cannot be exported is refused before it is trained.
        user_features_of(retriever, dataset)
        self.folder.claim(self.experiment, self.seed, dataset, self._overwrite)
        return dataset

    def train(self, dataset: Dataset, tracker: tracking.Tracker) -> None:
        """Fits the retriever, validating after every epoch; keeps the best epoch's weights."""
        if self.folder.retriever.is_file():
            return
        experiment = self.experiment
        metric = experiment.evaluation.metric
        retriever = self._build(dataset, "train")
        validation = _Validation(retriever, dataset, experiment)
        with TrainingProgress(experiment.training.epochs, metric) as shown:
            progress = fit(
                retriever,
                dataset,
                experiment.training,
                self.seed,
                self.folder.checkpoints / "train",
                validate=validation,
                metric=metric,
                callbacks=[shown, _Tracking(tracker)],
            )
        self.folder.write_json(self.folder.history, progress.history)
        if experiment.training.refit:
            retriever, progress = self._refit(dataset, progress)
        self.folder.write_json(
            self.folder.checkpoints / "training.json",
            {
                "best_epoch": progress.best_epoch,
                "train_seconds": progress.seconds,
                "events_per_second": progress.events / max(progress.seconds, 1e-9),
                "backend": keras.backend.backend(),
            },
        )
        with atomic_path(self.folder.retriever) as temporary:
            retriever.in_float32().save(temporary)

    def _refit(self, dataset: Dataset, chosen: Progress) -> tuple[Retriever, Progress]:
        """The chosen number of epochs again, on train and validation."""
        say(f"fitting again on train and validation, {chosen.best_epoch} epochs")
        retriever = self._build(dataset, "validation")
        with TrainingProgress(chosen.best_epoch) as shown:
            progress = fit(
                retriever,
                dataset,
                self.experiment.training,
                self.seed,
                self.folder.checkpoints / "refit",
                last_part="validation",
                epochs=chosen.best_epoch,
                callbacks=[shown],
            )
        progress.seconds += chosen.seconds
        progress.events += chosen.events
        return retriever, progress

    def _build(self, dataset: Dataset, last_part: Part) -> Retriever:
        training = self.experiment.training
        return build_retriever(
            self.experiment.model, dataset, last_part, self.seed, training.precision
        )

    def evaluate(self, dataset: Dataset) -> None:
        """Ranks the test part once, beside the baselines; writes ranks and metrics."""
        experiment, config = self.experiment, self.experiment.evaluation
        scorer = RetrieverScorer(self._load(), dataset)
        found: dict[Part, dict[str, Any]] = {}
        ranked: dict[Part, RankedQueries] = {}
        # A model that was fitted on validation too is not judged on it.
        parts: tuple[Part, ...] = ("test",) if experiment.training.refit else ("validation", "test")
        for part in parts:
            queries = dataset.queries(part, config.last_only)
            with working(f"ranking {len(queries)} {part} queries"):
                ranked[part] = rank(
                    scorer, dataset, queries, experiment.seen, max(config.k), config.block_size
                )
                found[part] = judge(ranked[part], dataset, config, self.fitted_part)
        with working("baselines"):
            settings = choose_settings(dataset, experiment.seen, config)
            fitted: set[Part] = {self.fitted_part, "validation"}
            beside = {
                part: evaluate_baselines(dataset, "test", experiment.seen, config, part, settings)
                for part in fitted
            }
        baselines, refitted = beside[self.fitted_part], beside["validation"]
        model = Contender(experiment.name, ranked["test"])
        comparisons = compare(
            [(model, Contender(name, theirs)) for name, (_, theirs) in baselines.items()],
            [config.metric],
        )
        metrics = {
            "test": found["test"]["metrics"],
            "validation": found["validation"]["metrics"]
            if "validation" in found
            else self._chosen_epoch(),
            "baselines": {name: metrics for name, (metrics, _) in baselines.items()},
            "baselines_refitted": {name: metrics for name, (metrics, _) in refitted.items()},
            "baseline_settings": settings,
            "comparisons": [comparison.as_dict() for comparison in comparisons],
            "slices": found["test"]["slices"],
            "counts": found["test"]["counts"],
            "popularity": found["test"]["popularity"],
            "timing": json.loads((self.folder.checkpoints / "training.json").read_text()),
            "split": dataset.manifest.split,
            "quality": dataset.manifest.quality,
            "fitted_part": self.fitted_part,
            "versions": {name: version(name) for name in VERSIONS},
        }
        write_ranks(ranked["test"], dataset, self.folder.ranks)
        self.folder.write_json(self.folder.examples, _examples(ranked["test"], dataset))
        self.folder.write_json(self.folder.metrics, metrics)

    def _chosen_epoch(self) -> dict[str, Any]:
        """The validation metrics by which the number of epochs was chosen."""
        best = max(
            json.loads(self.folder.history.read_text()),
            key=lambda epoch: epoch[self.experiment.evaluation.metric],
        )
        return {
            name: {"value": value, "low": None, "high": None}
            for name, value in best.items()
            if "@" in name
        }

    def publish(self, tracker: tracking.Tracker) -> None:
        """Writes the report of an evaluated run and sends it and the metrics to MLflow."""
        metrics = json.loads(self.folder.metrics.read_text())
        report = write_report(self.folder.path)
        tracker.log_metrics({name: metrics[name] for name in ("test", "validation", "timing")})
        baselines = {
            f"baseline_{name}": {metric: found["value"] for metric, found in values.items()}
            for name, values in metrics["baselines"].items()
        }
        tracker.log_metrics(baselines)
        for artefact in (self.folder.metrics, report):
            tracker.log_artifact(artefact)

    def export(self, dataset: Dataset, tracker: tracking.Tracker) -> Path:
        """Writes the SavedModel in a process of its own, behind the parity gate.

        One that stands already is only logged: a run may have been stopped in between.
        """
        experiment = self.experiment
        destination = self.folder.model / experiment.export.version
        if not destination.is_dir():
            self._write_model(dataset)
        if experiment.tracking.enabled:
            with working("logging the model to MLflow"):
                tracker.log_model(destination, _input_example(destination, dataset))
        return destination

    def _write_model(self, dataset: Dataset) -> None:
        experiment = self.experiment
        probes = self.folder.checkpoints / "probes.npz"
        with working("exporting the SavedModel"):
            write_probes(self._load(), dataset, probes, experiment.export.probes)
            metrics = {}
            if self.folder.metrics.is_file():
                metrics = json.loads(self.folder.metrics.read_text())["test"]
            request = ExportRequest(
                retriever=self.folder.retriever,
                dataset=dataset.path,
                probes=probes,
                model_folder=self.folder.model,
                config=experiment.export,
                seen=experiment.seen,
                fitted_part=self.fitted_part,
                experiment=experiment.dump(),
                metrics=metrics,
            )
            export_in_subprocess(request)

    def _load(self) -> Retriever:
        if not self.folder.retriever.is_file():
            raise InputError(f"{self.folder.path} is not trained yet: run `recsys train` first")
        return keras.saving.load_model(self.folder.retriever)

    def _tracker(self, dataset: Dataset) -> tracking.Tracker:
        name, config = self.experiment.name, self.experiment.tracking
        tracker = tracking.start(
            # Every seed of an experiment is a version of one registered model.
            config.model_copy(update={"model_name": config.model_name or name}),
            self.folder.path,
            self.runs_dir,
            f"{name}-{self.seed}",
            {**self.experiment.dump(), "seed": self.seed},
            {"data_fingerprint": dataset.fingerprint, "backend": keras.backend.backend()},
        )
        tracker.log_dataset(name, dataset.fingerprint, dataset.path)
        return tracker

    @contextlib.contextmanager
    def at_work(self, dataset: Dataset) -> Iterator[tracking.Tracker]:
        """Locks the run folder and opens the run in MLflow."""
        with self.folder.locked(), self._tracker(dataset) as tracker:
            yield tracker


def prepare_dataset(experiment: Experiment, runs_dir: Path) -> Dataset:
    """Prepares an experiment's dataset under ``<runs-dir>/datasets``."""
    began = time.monotonic()
    with working("preparing the log") as tell:
        dataset = prepare(experiment.data, runs_dir / "datasets", progress=tell)
    manifest = dataset.manifest
    parts = ", ".join(f"{count:,} {part}" for part, count in manifest.part_events.items())
    say(
        f"dataset {dataset.fingerprint[:12]}: {manifest.events:,} events ({parts}), "
        f"{manifest.users:,} users, {manifest.items:,} items in {time.monotonic() - began:.1f} s"
    )
    return dataset


class _Validation:
    """Ranks the validation part after an epoch."""

    def __init__(self, retriever: Retriever, dataset: Dataset, experiment: Experiment) -> None:
        self._config = experiment.evaluation
        self._seen = experiment.seen
        self._dataset = dataset
        queries = dataset.queries("validation", self._config.last_only)
        self._queries = thinned(queries, self._config.validation_queries)
        if not len(self._queries):
            raise InputError(
                "the validation part has no events, so no epoch can be chosen: "
                "widen it in data.split"
            )
        self._scorer = RetrieverScorer(retriever, dataset)

    def __call__(self, retriever: Retriever) -> dict[str, float]:
        self._scorer.refresh()
        ranked = rank(
            self._scorer,
            self._dataset,
            self._queries,
            self._seen,
            max(self._config.k),
            self._config.block_size,
        )
        values = ranking_metrics(ranked, self._config.k)
        return {name: float(np.mean(value)) for name, value in values.items()}


class _Tracking(Callback):
    """Sends every epoch to the tracker."""

    def __init__(self, tracker: tracking.Tracker) -> None:
        self._tracker = tracker

    def step_ended(self, progress: Progress, steps_per_epoch: int) -> None:
        """Steps are too many to send."""

    def epoch_ended(self, epoch: int, metrics: dict[str, float]) -> None:
        self._tracker.log_metrics({"epoch": metrics}, step=epoch)
        self._tracker.flush()


def _examples(ranked: RankedQueries, dataset: Dataset) -> list[dict[str, Any]]:
    """A few users' histories and what they would have been shown, as titles."""
    queries, titles = ranked.queries, dataset.item_titles
    lengths = queries.history_ends - dataset.user_offsets[queries.users]
    asked = np.flatnonzero(lengths >= min(3, lengths.max()))
    chosen = asked[np.linspace(0, len(asked) - 1, min(EXAMPLES, len(asked))).astype(int)]
    examples = []
    for query in dict.fromkeys(chosen.tolist()):
        end = queries.history_ends[query]
        begin = max(dataset.user_offsets[queries.users[query]], end - EXAMPLE_ITEMS)
        best = ranked.top_items[query, :EXAMPLE_ITEMS]
        examples.append(
            {
                "user": dataset.user_ids[queries.users[query]],
                "history": [titles[item] for item in dataset.event_items[begin:end]],
                "recommendations": [titles[item] for item in best if item >= 0],
            }
        )
    return examples


def _input_example(model: Path, dataset: Dataset) -> dict[str, list]:
    """A request of the exported model, for MLflow's model page."""
    from recsys.export.recommend import Recommender

    recommender = Recommender(model)
    query = recommender.user_query(dataset, dataset.user_ids[0])
    history = [list(query.history)[-5:]]
    return {"history": history, **{name: value.tolist() for name, value in query.further.items()}}
