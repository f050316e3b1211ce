"""Many experiments, one search space: which values do best on validation.

``<runs-dir>/sweeps/<name>/`` holds::

    experiment.yaml     as resolved, with the space
    study.db            the Optuna study, from which a killed sweep continues
    trial-<n>/<seed>/   the run folder of a trial; only the best keeps its checkpoints
    trials.csv          what was tried, and what came of it
    best.yaml           the winner, an experiment that `recsys run` takes as it is

The test part is never looked at: trials are trained and validated, not evaluated.
"""

import contextlib
import itertools
import json
import shutil
from collections.abc import Callable, Sequence
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
from recsys.runs.at_work import at_work
from recsys.runs.claim import Claim
from recsys.runs.console import say, working
from recsys.runs.events import TrialEnded, emit
from recsys.runs.folder import RunFolder
from recsys.runs.preparation import prepare_dataset
from recsys.system.display import LONGEST_LINE, printable, spreadsheet_cell
from recsys.system.files import atomic_path
from recsys.system.stopping import Stopped
from recsys.system.yaml_text import dump_yaml
from recsys.training.fit import Callback, TrainingState
from recsys.tuning.search_space import SweepConfig
from recsys.tuning.study import StopTrial, Study, Trial, Tried, best_of, counted
from recsys.tuning.sweep_file import as_document

# May change when a sweep continues: what a trial is worth does not depend on them.
FREE = ("export", "tracking", "sweep.trials", "sweep.hours")

TrainTrial = Callable[[Experiment, Dataset, Sequence[Callback]], None]


class Sweep:
    """A search around an experiment.

    Args:
        experiment: as resolved.
        config: what is searched, and for how long.
        runs_dir: where sweeps, datasets and the MLflow store lie.
        overwrite: remove what another sweep left under the same name.
        command: what the user typed, for the winner's header.
        train: trains a trial, telling the callbacks; :meth:`train_trial` by default.
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
        self._overwrite = overwrite
        self._command = command
        self._train = train or self.train_trial
        self._metric = experiment.evaluation.metric

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
        # The experiment itself is the first trial, if it lies within the space.
        document, first = self.experiment.dump(), {}
        for key in self.config.space:
            with contextlib.suppress(KeyError):
                first[key] = value_at(document, key)
        study = Study(self.folder.path / "study.db", self.config, self._metric, first)
        # A process that was killed after a trial may not have written what came of it.
        if before := study.tried():
            say(f"so far: {counted(before)}")
            self._conclude(before, tracker)
        while (trial := study.next()) is not None and self._try(trial, study, dataset):
            tried = study.tried()
            self._conclude(tried, tracker)
            last, is_best = tried[-1], tried[-1] is best_of(tried)
            say(_line(last, self._metric, is_best))
            emit(_event(last, self._metric, is_best))
        return study.tried()

    def train_trial(
        self, experiment: Experiment, dataset: Dataset, callbacks: Sequence[Callback]
    ) -> None:
        """Trains a trial in its run folder, or continues one that was stopped there."""
        keras.utils.clear_session()  # else the earlier trials' models stay in memory
        (seed,) = experiment.training.seeds
        pipeline = Pipeline(experiment, seed, self.runs_dir, sweep=self.folder.path)
        # Caught within, as for MLflow a trial that was stopped has not failed.
        with pipeline.at_work(dataset) as tracker, contextlib.suppress(StopTrial):
            pipeline.train(dataset, tracker, callbacks)

    def corners(self) -> list[Experiment]:
        """Experiments that are refused if some trial would be.

        Every end of every dimension meets every end of every other one, so that
        rules between two fields are seen too.

        Raises:
            InputError: one of them is refused.
        """
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

    def _at_work(self, dataset: Dataset) -> contextlib.AbstractContextManager[tracking.Tracker]:
        """The folder, claimed, and the MLflow run that those of the trials lie under."""
        claim = Claim(
            self.folder,
            as_document(self.experiment, self.config),
            decides=lambda key: not is_within(key, FREE),
            begun=self.folder.experiment,
            what="another sweep",
        )
        # Each trial samples the system itself.
        config = self.experiment.tracking.model_copy(update={"system_metrics_interval": 0.0})
        return at_work(claim, dataset, config, self.runs_dir, "sweep", overwrite=self._overwrite)

    def _try(self, trial: Trial, study: Study, dataset: Dataset) -> bool:
        """Trains a trial; False if the time was up before its end."""
        seed = self.experiment.training.seeds[0]
        alone = {"training.seeds": [seed], "training.refit": False}
        try:
            candidate = self._with(trial.values | alone, f"trial-{trial.number}")
            check_experiment(candidate, dataset)
        except InputError as error:
            study.end(trial, "refused", str(error))
            return True
        try:
            with working(f"trial {trial.number}") as tell, contextlib.suppress(StopTrial):
                self._train(candidate, dataset, [_Shown(candidate.training.epochs, tell), trial])
        except TrainingDiverged as error:
            study.end(trial, "diverged", str(error))
            return True
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
        if trial.stopped == "interrupted":
            trial.account()
            say(f"time is up; raise sweep.hours to go on with trial {trial.number}")
            return False
        study.end(trial, trial.stopped or "complete")
        return True

    def _with(self, values: dict[str, Any], name: str) -> Experiment:
        return self.experiment.with_values({**values, "name": name})

    def _conclude(self, tried: list[Tried], tracker: tracking.Tracker) -> None:
        """Writes what is known so far, tells MLflow, and frees the room of trials that lost."""
        best = best_of(tried)
        rows = [_row(trial, self._metric) for trial in tried]
        with atomic_path(self.trials) as temporary:
            pd.DataFrame(rows).to_csv(temporary, index=False)
        tracker.log_artifact(self.trials)
        if best is not None:
            self._write_best(best, tried)
            tracker.log_artifact(self.best)
        for trial in tried:
            if trial is not best:
                for checkpoints in self.folder.path.glob(f"trial-{trial.number}/*/checkpoints"):
                    shutil.rmtree(checkpoints)
            so_far = {"trial": trial, "best": best_of(tried[: trial.number + 1])}
            curves = {name: {self._metric: t.value} for name, t in so_far.items() if t is not None}
            tracker.log_metrics(curves, step=trial.number)
        tracker.flush()

    def _write_best(self, best: Tried, tried: list[Tried]) -> None:
        header = (
            f"{self._metric} {best.value:.4f} on validation, after epoch {best.best_epoch} of "
            f"trial {best.number},\nthe best of {len(tried)} trials ({counted(tried)}) on "
            f"{date.today().isoformat()}:\n\n  {self._command}\n"
        )
        winner = self._with(best.values, f"{self.experiment.name}-best")
        _write_yaml(self.best, winner.dump(), header)


def _row(trial: Tried, metric: str) -> dict[str, Any]:
    return {
        "trial": trial.number,
        "outcome": trial.outcome,
        metric: trial.value,
        "best_epoch": trial.best_epoch,
        "epochs": trial.epochs,
        "seconds": round(trial.seconds, 1),
        **{key: spreadsheet_cell(_text(value)) for key, value in trial.values.items()},
        "reason": spreadsheet_cell(printable(trial.reason, LONGEST_LINE)),
    }


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
    )


def _line(trial: Tried, metric: str, is_best: bool) -> str:
    value = "" if trial.value is None else f"  {metric} {trial.value:.4f}{' *' * is_best}"
    values = " ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={_text(value)}"
        for key, value in trial.values.items()
    )
    reason = f"  ({' '.join(trial.reason.split())})" if trial.reason else ""
    return (
        f"trial {trial.number}{value}  {trial.outcome}, {trial.epochs} epochs, "
        f"{trial.seconds:.0f} s  {values}{reason}"
    )


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
