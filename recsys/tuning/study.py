"""What a sweep tries and has tried: an Optuna study in a file, which outlives a kill."""

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from recsys.errors import Damaged
from recsys.system.extras import require
from recsys.system.reading import reading
from recsys.system.wording import switch
from recsys.training.fit import TrainingState
from recsys.tuning.search_space import SweepConfig

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial, TrialState
else:
    optuna = require("optuna", extra="sweep", what="recsys sweep")
    FrozenTrial, TrialState = optuna.trial.FrozenTrial, optuna.trial.TrialState

NAME = "sweep"

# refused: the values do not go together; diverged: the loss was not a number; failed: an
# error of ours. A trial that was interrupted has no outcome yet: it goes on another time.
Outcome = Literal["complete", "pruned", "refused", "diverged", "failed"]


class StopTrial(Exception):
    """Raised by a trial that hears of its own training, to end it early."""


@dataclass(frozen=True)
class Tried:
    """A trial that has ended.

    Attributes:
        number: from 0.
        values: by dotted key.
        outcome: how it ended.
        reason: why, unless it is complete or pruned.
        value: the best epoch's validation metric; None without any epoch.
        best_epoch: that epoch, from 1; 0 without any.
        epochs: epochs trained.
        seconds: spent, in all continuations.
    """

    number: int
    values: dict[str, Any]
    outcome: Outcome
    reason: str
    value: float | None
    best_epoch: int
    epochs: int
    seconds: float


class Trial:
    """One set of values while it is tried; a callback of its own training.

    Args:
        drawn: the trial as Optuna knows it.
        values: by dotted key.
        metric: the validation metric that decides.
        epochs: already reported, before the trial was stopped.
        seconds_left: of the budget.

    Attributes:
        stopped: why it raised :class:`StopTrial`, if it did: there was no hope, or no time.
    """

    def __init__(
        self,
        drawn: optuna.Trial,
        values: dict[str, Any],
        metric: str,
        epochs: set[int],
        seconds_left: float,
    ) -> None:
        self.drawn = drawn
        self.number = drawn.number
        self.values = values
        self.stopped: Literal["pruned", "interrupted"] | None = None
        self._metric = metric
        self._epochs = epochs
        self._seconds_left = seconds_left
        self._seconds_before = drawn.user_attrs.get("seconds", 0.0)
        self._began = monotonic()

    def account(self) -> None:
        """Writes down the seconds spent so far."""
        self.drawn.set_user_attr("seconds", self._seconds_before + monotonic() - self._began)

    def step_ended(self, progress: TrainingState, steps_per_epoch: int) -> None:
        """Stops when the time is up."""
        if monotonic() - self._began >= self._seconds_left:
            self.stopped = "interrupted"
            raise StopTrial

    def epoch_ended(self, epoch: int, metrics: dict[str, float]) -> None:
        """Writes the metric down, and stops when it compares badly."""
        self.account()
        # A continued run repeats the epochs since its last checkpoint.
        if epoch not in self._epochs:
            self.drawn.report(metrics[self._metric], epoch)
            self._epochs.add(epoch)
        if self.drawn.should_prune():
            self.stopped = "pruned"
            raise StopTrial


class Study:
    """Draws trials within a budget, and keeps what came of them.

    Args:
        path: the SQLite file; made if it is not there.
        config: what to draw, and for how long.
        metric: the validation metric that decides, higher is better.
        first: values of the first trial, by dotted key; drawn where they do not all
            lie within the space.
    """

    def __init__(
        self, path: Path, config: SweepConfig, metric: str, first: Mapping[str, Any]
    ) -> None:
        self._config = config
        self._space = config.space
        self._metric = metric
        self._storage = open_storage(path)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(
            storage=self._storage,
            study_name=NAME,
            direction="maximize",
            load_if_exists=True,
            pruner=_pruner(config),
        )
        held = [key in first and self._space[key].holds(first[key]) for key in self._space]
        if all(held) and not self._trials():
            self._study.enqueue_trial(
                {key: self._space[key].parameter(first[key]) for key in self._space}
            )

    def next(self) -> Trial | None:
        """The trial that was interrupted, or a new one; None when the budget is spent."""
        trials = self._trials()
        number = sum(trial.state.is_finished() for trial in trials)
        trials_left = np.inf if self._config.trials is None else self._config.trials - number
        seconds_left = self._seconds_left(trials)
        if min(trials_left, seconds_left) <= 0:
            return None
        # What is drawn follows from the trials so far and the number alone: it does not
        # matter whether the sweep was stopped in between.
        sequence = np.random.SeedSequence([self._config.seed, number])
        self._study.sampler = optuna.samplers.TPESampler(
            n_startup_trials=self._config.sampler.startup_trials,
            seed=int(sequence.generate_state(1)[0]),
        )
        drawn = self._interrupted(trials) or self._study.ask()
        for key, dimension in self._space.items():
            dimension.draw(drawn, key)
        epochs = set(self._trials()[number].intermediate_values)
        return Trial(drawn, self._values(drawn.params), self._metric, epochs, seconds_left)

    def _interrupted(self, trials: list[FrozenTrial]) -> optuna.Trial | None:
        for trial in trials:
            if trial.state == TrialState.RUNNING:
                study = self._storage.get_study_id_from_name(NAME)
                known_as = self._storage.get_trial_id_from_study_id_trial_number(
                    study, trial.number
                )
                return optuna.Trial(self._study, known_as)
        return None

    def _seconds_left(self, trials: list[FrozenTrial]) -> float:
        if self._config.hours is None:
            return float("inf")
        spent = sum(trial.user_attrs.get("seconds", 0.0) for trial in trials)
        return self._config.hours * 3600 - spent

    def end(self, trial: Trial, outcome: Outcome, reason: str = "") -> None:
        """Writes down how a trial ended, and why, unless it is complete or pruned."""
        trial.account()
        trial.drawn.set_user_attr("outcome", outcome)
        trial.drawn.set_user_attr("reason", reason)
        if outcome == "complete":
            reported = self._trials()[trial.number].intermediate_values
            self._study.tell(trial.drawn, max(reported.values()))
        else:
            # The sampler keeps away from what was pruned; it forgets what failed.
            state = TrialState.FAIL if outcome == "failed" else TrialState.PRUNED
            self._study.tell(trial.drawn, state=state)

    def tried(self) -> list[Tried]:
        """Every trial that has ended."""
        return [self._tried(trial) for trial in self._trials() if trial.state.is_finished()]

    def _tried(self, trial: FrozenTrial) -> Tried:
        reported = trial.intermediate_values
        return Tried(
            number=trial.number,
            values=self._values(trial.params),
            outcome=trial.user_attrs["outcome"],
            reason=trial.user_attrs["reason"],
            value=max(reported.values(), default=None),
            best_epoch=max(reported, key=lambda epoch: reported[epoch], default=0),
            epochs=max(reported, default=0),
            seconds=trial.user_attrs["seconds"],
        )

    def _trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _values(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return {key: self._space[key].value(parameters[key]) for key in self._space}


def open_storage(path: Path) -> optuna.storages.BaseStorage:
    """SQLite, which is whole again after a kill at any time.

    Raises:
        Damaged: the file is there, but is not a whole database.
    """
    if path.is_file():
        _check(path)
    return optuna.storages.RDBStorage(f"sqlite:///{path.resolve()}")


def _check(path: Path) -> None:
    mend = f"What was tried is lost: start the sweep again with {switch('overwrite')}"
    if not path.stat().st_size:  # which SQLite takes for a new one
        raise Damaged(path, mend)
    with reading(path, mend), contextlib.closing(sqlite3.connect(path)) as database:
        if database.execute("PRAGMA quick_check").fetchall() != [("ok",)]:
            raise Damaged(path, mend)


def best_of(tried: list[Tried]) -> Tried | None:
    """The complete trial with the highest value, the first of equals."""
    complete = [trial for trial in tried if trial.outcome == "complete"]
    return max(complete, key=lambda trial: trial.value or 0.0, default=None)


def counted(tried: list[Tried]) -> str:
    """``8 complete, 3 pruned``."""
    counts = Counter(trial.outcome for trial in tried)
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items()) or "none"


def _pruner(config: SweepConfig) -> optuna.pruners.BasePruner:
    if config.pruner is None:
        return optuna.pruners.NopPruner()
    return optuna.pruners.PercentilePruner(
        config.pruner.percentile, config.pruner.startup_trials, config.pruner.warmup_epochs
    )
