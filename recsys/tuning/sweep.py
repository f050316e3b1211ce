"""Many experiments, one search space: which values do best on validation.

``<runs-dir>/sweeps/<name>/`` holds::

    experiment.yaml     as resolved, with the space
    study.log           the Optuna study, from which a killed sweep continues
    trial-<n>/<seed>/   the run folder of a trial; only the best keep their checkpoints
    trials.csv          what was tried, and what came of it
    sweep.html          the same as plots on a page
    best.yaml           the winner, an experiment that `recsys run` takes as it is
    front/trial-<n>.yaml    with ``sweep.minimize``, likewise each trial of the Pareto front

The test part is never looked at: trials are trained and validated, not evaluated.

Any number of processes that reach the folder may work off one sweep. A trial is of one of them,
by a lock that is given up by a process that is killed; then the trial is the next one's.
"""

import contextlib
import itertools
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from recsys import tracking
from recsys.data.dataset import Dataset
from recsys.errors import InputError, TrainingDiverged
from recsys.experiment.differences import is_within
from recsys.experiment.file import value_at
from recsys.experiment.schema import Experiment
from recsys.pipeline import Pipeline, check_experiment
from recsys.runs.at_work import at_work, turn
from recsys.runs.claim import Claim
from recsys.runs.console import say, working
from recsys.runs.events import TrialEnded, emit
from recsys.runs.folder import RunFolder
from recsys.runs.preparation import prepare_dataset
from recsys.system import display
from recsys.system.display import LONGEST_LINE, printable, spreadsheet_cell
from recsys.system.files import atomic_path
from recsys.system.stopping import Stopped
from recsys.system.yaml_text import dump_yaml
from recsys.training.fit import Callback, TrainingState
from recsys.tuning.page import write_sweep_page
from recsys.tuning.search_space import SweepConfig
from recsys.tuning.study import StopTrial, Study, Trial, Tried, best_of, counted, front_of
from recsys.tuning.sweep_file import as_document
from recsys.tuning.trials import PAGE

# May change when a sweep continues: what a trial is worth does not depend on them.
FREE = ("tracking", "sweep.trials", "sweep.hours")

# Gives what the exported model takes, where `sweep.minimize` asks for it.
TrainTrial = Callable[[Experiment, Dataset, Sequence[Callback]], Mapping[str, float]]


class Sweep:
    """A search around an experiment.

    Args:
        experiment: as resolved.
        config: what is searched, and for how long.
        runs_dir: where sweeps, datasets and the MLflow store lie.
        overwrite: remove what another sweep left under the same name.
        command: what the user typed, for the winner's header.
        train: trains a trial, telling the callbacks; :meth:`train_trial` by default.

    Attributes:
        folder: of the sweep.
        best: the winner's experiment file.
        trials: the table of trials.
        page: their plots.
    """

    def __init__(
        self,
        experiment: Experiment,
        config: SweepConfig,
        runs_dir: Path,
        overwrite: bool = False,
        command: str = "recsys sweep",
        train: TrainTrial | None = None,
    ) -> None:
        self.experiment = experiment
        self.config = config
        self.runs_dir = runs_dir
        self.folder = RunFolder(runs_dir / "sweeps" / experiment.name)
        self.best = self.folder.path / "best.yaml"
        self.trials = self.folder.path / "trials.csv"
        self.page = self.folder.path / PAGE
        self._front = self.folder.path / "front"
        self._overwrite = overwrite
        self._command = command
        self._train = train or self.train_trial
        self._metric = experiment.evaluation.metric
        self._told: set[int] = set()

    def run(self) -> Path:
        """Tries what the budget allows and was not tried before.

        Returns:
            The winner's experiment file.

        Raises:
            InputError: the space does not fit the experiment or the dataset, another
                sweep has the name, or no trial came to its end.
        """
        corners = self.corners()  # before the log is read, which may take long
        dataset = prepare_dataset(self.experiment.data, self.runs_dir)
        for corner in corners:
            check_experiment(corner, dataset)
        with self._at_work(dataset) as tracker:
            tried = self._search(dataset, tracker)
        if best_of(tried) is None:
            raise InputError(
                f"no trial is complete ({counted(tried)}), so there is no winner. "
                f"Raise sweep.hours or sweep.trials to go on; what failed is in {self.trials}"
            )
        return self.best

    def _search(self, dataset: Dataset, tracker: tracking.Tracker) -> list[Tried]:
        if self.config.minimize and self.config.pruner is not None:
            say(
                "no trial is pruned: one that does badly so far in "
                f"{self._metric} may take little of {', '.join(self.config.minimize)}"
            )
        study = self.study()
        # A process that was killed after a trial may not have written what came of it.
        if before := study.tried():
            say(f"so far: {counted(before)}")
            self._conclude(study, tracker)
        while (trial := study.next(_say_waiting)) is not None:
            with contextlib.closing(trial):
                self._try(trial, study, dataset)
            tried = self._conclude(study, tracker)
            (ended,) = (each for each in tried if each.number == trial.number)
            is_best = ended is best_of(tried)
            say(_line(ended, self._metric, is_best))
            emit(_event(ended, self._metric, is_best))
        tried = self._conclude(study, tracker)  # what other workers have tried since, too
        with turn(self.folder.path):
            self.write_page(study)
            tracker.log_artifact(self.page)
        return tried

    def write_page(self, study: Study) -> Path:
        """Writes :attr:`page` of what was tried so far."""
        return write_sweep_page(self.page, self.experiment, self.config, study)

    def study(self) -> Study:
        """What was tried so far, and draws what is tried next."""
        # The experiment itself is the first trial, if it lies within the space.
        document, first = self.experiment.dump(), {}
        for key in self.config.space:
            with contextlib.suppress(KeyError):
                first[key] = value_at(document, key)
        return Study(self.folder.path, self.config, self._metric, first)

    def train_trial(
        self, experiment: Experiment, dataset: Dataset, callbacks: Sequence[Callback]
    ) -> Mapping[str, float]:
        """Trains a trial in its run folder, or continues one that was stopped there.

        Returns:
            With ``sweep.minimize``, what the exported model takes; nothing of a trial that was
            stopped.
        """
        keras.utils.clear_session()  # else the earlier trials' models stay in memory
        (seed,) = experiment.training.seeds
        pipeline = Pipeline(experiment, seed, self.runs_dir, sweep=self.folder.path)
        # Caught within, as for MLflow a trial that was stopped has not failed.
        with pipeline.at_work(dataset) as tracker, contextlib.suppress(StopTrial):
            pipeline.train(dataset, tracker, callbacks)
            if self.config.minimize:
                footprint = pipeline.measure(dataset)
                tracker.log_metrics({"footprint": footprint})
                return footprint
        return {}

    def corners(self) -> list[Experiment]:
        """Experiments that are refused if some trial would be.

        Every end of every dimension meets every end of every other one, so that
        rules between two fields are seen too.

        Raises:
            InputError: one of them is refused, or nothing is measured of what is minimised.
        """
        if self._unmeasured():
            raise InputError(
                f"sweep.minimize: {', '.join(self._unmeasured())} would not be measured: set "
                "export.timed_queries to 300, say"
            )
        space = self.config.space
        first = {key: dimension.ends[0] for key, dimension in space.items()}
        pairs = [
            dict(zip(keys, ends, strict=True))
            for keys in itertools.combinations_with_replacement(space, 2)
            for ends in itertools.product(*(space[key].ends for key in keys))
        ]
        try:
            return [self._with(first | pair, "sweep.space") for pair in pairs]
        except InputError as error:
            mend = ". A range of whole numbers needs `int: true`"
            raise InputError(f"{error}{mend if 'integer' in str(error) else ''}") from error

    def _unmeasured(self) -> list[str]:
        is_timed = self.experiment.export.timed_queries > 0
        return [name for name in self.config.minimize if name != "size_bytes" and not is_timed]

    def _at_work(self, dataset: Dataset) -> contextlib.AbstractContextManager[tracking.Tracker]:
        """The folder, claimed, and the MLflow run that those of the trials lie under."""
        claim = Claim(
            self.folder,
            as_document(self.experiment, self.config),
            # What an exported model takes depends on how it is exported.
            decides=lambda key: (
                not is_within(key, FREE if self.config.minimize else (*FREE, "export"))
            ),
            begun=self.folder.experiment,
            what="another sweep",
        )
        # Each trial samples the system itself.
        config = self.experiment.tracking.model_copy(update={"system_metrics_interval": 0.0})
        return at_work(
            claim,
            dataset,
            config,
            self.runs_dir,
            "sweep",
            overwrite=self._overwrite,
            joinable=True,
        )

    def _try(self, trial: Trial, study: Study, dataset: Dataset) -> None:
        """Trains a trial, and writes down how it ended."""
        seed = self.experiment.training.seeds[0]
        alone = {"training.seeds": [seed], "training.refit": False}
        try:
            candidate = self._with(trial.values | alone, f"trial-{trial.number}")
            check_experiment(candidate, dataset)
        except InputError as error:
            study.end(trial, "refused", str(error))
            return
        taken: Mapping[str, float] = {}
        try:
            with working(f"trial {trial.number}") as tell, contextlib.suppress(StopTrial):
                shown = _Shown(candidate.training.epochs, tell)
                taken = self._train(candidate, dataset, [shown, trial])
        except TrainingDiverged as error:
            study.end(trial, "diverged", str(error))
            return
        except Stopped:
            trial.account()
            raise
        except (InputError, OSError):
            # The user can mend it (the disk is full, say), and the trial goes on then.
            raise
        except Exception as error:
            # The sweep, run again, must not stumble over the same trial.
            study.end(trial, "failed", repr(error))
            raise
        if trial.stopped is not None:
            study.end(trial, trial.stopped)
            return
        try:
            if self.config.minimize:
                candidate.export.budget.check(taken)
        except InputError as error:
            study.end(trial, "refused", str(error))
            return
        study.end(trial, "complete", taken={name: taken[name] for name in self.config.minimize})

    def _with(self, values: dict[str, Any], name: str) -> Experiment:
        return self.experiment.with_values({**values, "name": name})

    def _conclude(self, study: Study, tracker: tracking.Tracker) -> list[Tried]:
        """Writes what is known so far, tells MLflow, and frees the room of trials that lost."""
        with turn(self.folder.path):
            tried = study.tried()
            front = front_of(tried, self.config.minimize)
            rows = [_row(trial, self._metric, self._objectives(trial, front)) for trial in tried]
            with atomic_path(self.trials) as temporary:
                pd.DataFrame(rows).to_csv(temporary, index=False)
            self._write_front(front, tried)
            for trial in tried:
                if trial not in front and trial.outcome != "cut":
                    for checkpoints in self.folder.path.glob(f"trial-{trial.number}/*/checkpoints"):
                        shutil.rmtree(checkpoints)
            made = (self.trials, self.best, self._front)
            for artefact in (path for path in made if path.exists()):
                tracker.log_artifact(artefact)
        for trial in tried:
            if trial.number not in self._told:
                so_far = {
                    "trial": trial,
                    "best": best_of([each for each in tried if each.number <= trial.number]),
                }
                curves = {
                    name: {self._metric: each.value, **each.taken}
                    for name, each in so_far.items()
                    if each is not None
                }
                tracker.log_metrics(curves, step=trial.number)
        self._told |= {trial.number for trial in tried if trial.outcome != "cut"}
        tracker.flush()
        return tried

    def _write_front(self, front: list[Tried], tried: list[Tried]) -> None:
        """The winner, and with several objectives every trial that may be chosen instead."""
        if front:
            self._write_experiment(self.best, front[0], tried, "best")
        if not self.config.minimize:
            return
        self._front.mkdir(exist_ok=True)
        names = {f"trial-{trial.number}.yaml": trial for trial in front}
        for name, trial in names.items():
            self._write_experiment(self._front / name, trial, tried, f"trial-{trial.number}")
        for path in self._front.glob("trial-*.yaml"):
            if path.name not in names:  # another trial beats it now
                path.unlink()

    def _write_experiment(self, path: Path, trial: Tried, tried: list[Tried], name: str) -> None:
        is_best = trial is best_of(tried)
        place = "the best" if is_best else "of the Pareto front"
        taken = "".join(f", {name} {_figure(value)}" for name, value in trial.taken.items())
        header = (
            f"{self._metric} {trial.value:.4f} on validation, after epoch {trial.best_epoch} of "
            f"trial {trial.number}{taken},\n{place} of {len(tried)} trials ({counted(tried)}) on "
            f"{date.today().isoformat()}:\n\n  {self._command}\n"
        )
        chosen = self._with(trial.values, f"{self.experiment.name}-{name}")
        _write_yaml(path, chosen.dump(), header)

    def _objectives(self, trial: Tried, front: list[Tried]) -> dict[str, Any]:
        """What the table says of further objectives."""
        if not self.config.minimize:
            return {}
        taken: dict[str, Any] = {name: trial.taken.get(name) for name in self.config.minimize}
        return {**taken, "front": trial in front}


def _row(trial: Tried, metric: str, objectives: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "trial": trial.number,
        "outcome": trial.outcome,
        metric: trial.value,
        **objectives,
        "best_epoch": trial.best_epoch,
        "epochs": trial.epochs,
        "seconds": round(trial.seconds, 1),
        **{key: spreadsheet_cell(_text(value)) for key, value in trial.values.items()},
        "reason": spreadsheet_cell(printable(trial.reason, LONGEST_LINE)),
    }


def _say_waiting(trials: int) -> None:
    say(f"waiting for {display.counted(trials, 'trial')} that other workers are at")


def _event(trial: Tried, metric: str, is_best: bool) -> TrialEnded:
    return TrialEnded(
        trial=trial.number,
        outcome=trial.outcome,
        metric=metric,
        value=trial.value,
        is_best=is_best,
        epochs=trial.epochs,
        seconds=trial.seconds,
        settings=trial.values,
        taken=trial.taken,
    )


def _line(trial: Tried, metric: str, is_best: bool) -> str:
    value = "" if trial.value is None else f"  {metric} {trial.value:.4f}{' *' * is_best}"
    value += "".join(f"  {name} {_figure(taken)}" for name, taken in trial.taken.items())
    values = " ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={_text(value)}"
        for key, value in trial.values.items()
    )
    reason = f"  ({' '.join(trial.reason.split())})" if trial.reason else ""
    if trial.outcome == "cut":
        reason = "  (sweep.hours are over; raise them to go on with it)"
    return (
        f"trial {trial.number}{value}  {trial.outcome}, {trial.epochs} epochs, "
        f"{trial.seconds:.0f} s  {values}{reason}"
    )


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _write_yaml(path: Path, document: dict[str, Any], header: str = "") -> None:
    comment = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
    text = dump_yaml(document)
    with atomic_path(path) as temporary:
        temporary.write_text(f"{comment}\n{text}" if header else text, encoding="utf-8")


class _Shown(Callback):
    """Moves the bar of a trial."""

    def __init__(self, epochs: int, tell: Callable[[str, float], None]) -> None:
        self._epochs = epochs
        self._tell = tell

    def step_ended(self, progress: TrainingState, steps_per_epoch: int) -> None:
        done = progress.epoch + progress.step / steps_per_epoch
        self._tell(f"epoch {progress.epoch + 1}/{self._epochs}", done / self._epochs)

    def epoch_ended(self, epoch: int, metrics: dict[str, float]) -> None:
        """Epochs pass unmentioned."""
