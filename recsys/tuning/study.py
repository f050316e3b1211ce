"""What a sweep tries and has tried: an Optuna study that workers share, and that outlives them."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from recsys.errors import Damaged
from recsys.runs.at_work import turn
from recsys.system.extras import require
from recsys.system.files import Busy, is_locked, locked, remove_lock
from recsys.tuning.search_space import SweepConfig
from recsys.tuning.storage import lost, open_storage
from recsys.tuning.sweep_file import STUDY

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial, TrialState

    from recsys.training.fit import TrainingState
else:
    optuna = require("optuna", extra="sweep", what="recsys sweep")
    FrozenTrial, TrialState = optuna.trial.FrozenTrial, optuna.trial.TrialState

NAME = "sweep"
# Between two looks at what other workers are at.
WAIT_SECONDS = 2.0
# A worker writes down what it has spent after such a share of the budget, within these bounds.
ACCOUNT_SHARE, ACCOUNT_SECONDS = 0.01, (1.0, 15.0)

# Complete trials.
FEWEST_FOR_IMPORTANCE = 5

# cut: the budget ended within it, and it goes on if that is raised. refused: the values do not go
# together; diverged: the loss was not a number; failed: an error of ours. A trial that a worker
# was at when it was killed or stopped has no outcome yet: it goes on with the next worker.
Outcome = Literal["complete", "pruned", "cut", "refused", "diverged", "failed"]


class StopTrial(Exception):
    """Raised by a trial that hears of its own training, to end it early."""


@dataclass(frozen=True)
class Tried:
    """A trial that has ended.

    Attributes:
        number: from 0.
        values: by dotted key.
        outcome: how it ended.
        reason: why, unless it is complete, pruned or cut.
        value: the best epoch's validation metric; None without any epoch.
        best_epoch: that epoch, from 1; 0 without any.
        epochs: epochs trained.
        seconds: spent, in all continuations.
        taken: what the exported model takes, by the names of ``sweep.minimize``; empty unless the
            trial is complete.
    """

    number: int
    values: dict[str, Any]
    outcome: Outcome
    reason: str
    value: float | None
    best_epoch: int
    epochs: int
    seconds: float
    taken: dict[str, float]


class Trial:
    """One set of values while it is tried; a callback of its own training.

    No other worker takes it up until it is closed.

    Args:
        drawn: the trial as Optuna knows it.
        values: by dotted key.
        metric: the validation metric that decides.
        reported: that metric by epoch, before the trial was stopped.
        began: on the clock, in seconds.
        seconds_left: of the budget that all workers share, once each has written down what it
            spent; and what of it is this worker's, if all go on.
        account_seconds: between two times that it writes down what it spent.
        held: what keeps other workers out.

    Attributes:
        stopped: why it raised :class:`StopTrial`, if it did: there was no hope, or no time.
    """

    def __init__(
        self,
        drawn: optuna.Trial,
        values: dict[str, Any],
        metric: str,
        reported: dict[int, float],
        began: float,
        seconds_left: Callable[[], tuple[float, float]],
        account_seconds: float,
        held: contextlib.ExitStack,
    ) -> None:
        self.drawn = drawn
        self.number = drawn.number
        self.values = values
        self.stopped: Literal["pruned", "cut"] | None = None
        self._metric = metric
        self._reported = reported
        self._began = began
        self._seconds_before = drawn.user_attrs.get("seconds", 0.0)
        self._seconds_left = seconds_left
        self._account_seconds = account_seconds
        self._next_account = began
        self._held = held

    def account(self) -> None:
        """Writes down the seconds spent so far."""
        self.drawn.set_user_attr("seconds", self._seconds_before + monotonic() - self._began)

    def close(self) -> None:
        """Lets another worker take it up, if it has not ended."""
        self._held.close()

    def step_ended(self, progress: "TrainingState", steps_per_epoch: int) -> None:
        """Stops when the time of all workers is up."""
        if monotonic() < self._next_account:
            return
        self.account()
        left, own = self._seconds_left()
        if left <= 0:
            self.stopped = "cut"
            raise StopTrial
        self._next_account = monotonic() + min(own, self._account_seconds)

    def epoch_ended(self, epoch: int, metrics: dict[str, float]) -> None:
        """Writes the metric down, and stops when it compares badly."""
        self.account()
        # A continued run repeats the epochs since its last checkpoint.
        is_new = epoch not in self._reported
        self._reported.setdefault(epoch, metrics[self._metric])
        if len(self.drawn.study.directions) > 1:  # of which Optuna neither keeps epochs nor prunes
            self.drawn.set_user_attr("reported", self._reported)
            return
        if is_new:
            self.drawn.report(metrics[self._metric], epoch)
        if self.drawn.should_prune():
            self.stopped = "pruned"
            raise StopTrial


class Study:
    """Draws trials within a budget that all workers share, and keeps what came of them.

    Args:
        folder: of the sweep, which holds the journal; made if it is not there.
        config: what to draw, and for how long.
        metric: the validation metric that decides, higher is better.
        first: values of the first trial, by dotted key; drawn where they do not all
            lie within the space.

    Raises:
        Damaged: the journal is, or trials that were begun are not in it.
    """

    def __init__(
        self, folder: Path, config: SweepConfig, metric: str, first: Mapping[str, Any]
    ) -> None:
        self._folder = folder
        self._config = config
        self._space = config.space
        self._metric = metric
        self._since = monotonic()
        directions: list[optuna.study.StudyDirection] = [optuna.study.StudyDirection.MAXIMIZE]
        directions += [optuna.study.StudyDirection.MINIMIZE] * len(config.minimize)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with turn(folder):
            self._storage = open_storage(folder / STUDY)
            self._study = optuna.create_study(
                storage=self._storage,
                study_name=NAME,
                directions=directions,
                load_if_exists=True,
                pruner=_pruner(config),
            )
            trials = self._trials()
            begun = (path.name.removeprefix("trial-") for path in folder.glob("trial-*"))
            if any(int(number) >= len(trials) for number in begun if number.isdigit()):
                raise Damaged(folder / STUDY, lost(), "does not hold every trial that was begun")
            held = [key in first and self._space[key].holds(first[key]) for key in self._space]
            if all(held) and not trials:
                self._study.enqueue_trial(
                    {key: self._space[key].parameter(first[key]) for key in self._space}
                )

    def next(self, waiting: Callable[[int], None] = lambda trials: None) -> Trial | None:
        """The trial of a worker that was lost, or a new one; None when the budget is spent.

        It is not before the others have ended theirs, as one of them may be lost yet.

        Args:
            waiting: called once with how many trials it waits for.
        """
        told = False
        while True:
            with turn(self._folder):
                trial, others = self._draw(), len(self.at_work())
            if trial is not None or not others:
                return trial
            if not told:
                waiting(others)
                told = True
            time.sleep(WAIT_SECONDS)
            self._since = monotonic()

    def _draw(self) -> Trial | None:
        trials = self._trials()
        if self._seconds_left()[0] <= 0:
            return None
        drawn, held = None, contextlib.ExitStack()
        for number in (trial.number for trial in trials if trial.state == TrialState.RUNNING):
            with contextlib.suppress(Busy):
                held.enter_context(locked(self._lock(number), busy="a worker is at it"))
                self._seed(number)
                known_as = self._storage.get_trial_id_from_study_id_trial_number(
                    self._storage.get_study_id_from_name(NAME), number
                )
                drawn = optuna.Trial(self._study, known_as)
                break
        if drawn is None:
            waiting = [trial.number for trial in trials if trial.state == TrialState.WAITING]
            number = min(waiting, default=len(trials))
            if self._config.trials is not None and number >= self._config.trials:
                return None
            self._seed(number)
            drawn = self._study.ask()
            held.enter_context(locked(self._lock(drawn.number)))
        for key, dimension in self._space.items():
            dimension.draw(drawn, key)
        drawn.set_user_attr("outcome", None)
        return Trial(
            drawn,
            self._values(drawn.params),
            self._metric,
            _reported(self._trials()[drawn.number]),
            self._since,
            self._seconds_left,
            self._account_seconds(),
            held,
        )

    def _seed(self, number: int) -> None:
        # What is drawn follows from the trials so far and the number alone: it does not
        # matter whether the sweep was stopped in between.
        sequence = np.random.SeedSequence([self._config.seed, number])
        self._study.sampler = optuna.samplers.TPESampler(
            n_startup_trials=self._config.sampler.startup_trials,
            seed=int(sequence.generate_state(1)[0]),
        )

    def _lock(self, number: int) -> Path:
        return self._folder / f"trial-{number}"

    def at_work(self) -> list[int]:
        """Numbers of the trials that workers are at."""
        running = (trial.number for trial in self._trials() if trial.state == TrialState.RUNNING)
        return [number for number in running if is_locked(self._lock(number))]

    def _seconds_left(self) -> tuple[float, float]:
        """Of the budget of all workers; and an equal part of it for each."""
        if self._config.hours is None:
            return float("inf"), float("inf")
        trials = self._trials()
        spent = sum(trial.user_attrs.get("seconds", 0.0) for trial in trials)
        left = self._config.hours * 3600 - spent
        return left, left / max(1, sum(trial.state == TrialState.RUNNING for trial in trials))

    def _account_seconds(self) -> float:
        shortest, longest = ACCOUNT_SECONDS
        if self._config.hours is None:
            return longest
        return min(max(self._config.hours * 3600 * ACCOUNT_SHARE, shortest), longest)

    def end(
        self,
        trial: Trial,
        outcome: Outcome,
        reason: str = "",
        taken: Mapping[str, float] | None = None,
    ) -> None:
        """Writes down how a trial ended.

        Args:
            trial: which.
            outcome: how.
            reason: why, unless it is complete, pruned or cut.
            taken: of a complete one, what ``sweep.minimize`` names.
        """
        trial.account()
        trial.drawn.set_user_attr("outcome", outcome)
        trial.drawn.set_user_attr("reason", reason)
        if outcome == "complete":
            trial.drawn.set_user_attr("taken", dict(taken or {}))
            reported = _reported(self._trials()[trial.number])
            others = [float((taken or {})[name]) for name in self._config.minimize]
            self._study.tell(trial.drawn, [max(reported.values()), *others])
        elif outcome != "cut":
            # The sampler keeps away from what was pruned; it forgets what failed, and, with
            # several objectives, what was refused.
            is_known = outcome != "failed" and not self._config.minimize
            self._study.tell(trial.drawn, state=TrialState.PRUNED if is_known else TrialState.FAIL)
        if outcome != "cut":
            remove_lock(self._lock(trial.number))
        trial.close()
        self._since = monotonic()

    def tried(self) -> list[Tried]:
        """Every trial that has ended."""
        return [
            self._tried(trial)
            for trial in self._trials()
            if trial.state.is_finished() or trial.user_attrs.get("outcome") == "cut"
        ]

    def _tried(self, trial: FrozenTrial) -> Tried:
        reported = _reported(trial)
        return Tried(
            number=trial.number,
            values=self._values(trial.params),
            outcome=trial.user_attrs["outcome"],
            reason=trial.user_attrs["reason"],
            value=max(reported.values(), default=None),
            best_epoch=max(reported, key=lambda epoch: reported[epoch], default=0),
            epochs=max(reported, default=0),
            seconds=trial.user_attrs["seconds"],
            taken=trial.user_attrs.get("taken", {}),
        )

    def importances(self) -> dict[str, float]:
        """What share each key has in how well the complete trials did; empty of too few.

        By fANOVA (Hutter, Hoos and Leyton-Brown, "An Efficient Approach for Assessing
        Hyperparameter Importance", ICML 2014) of the validation metric.
        """
        complete = [t for t in self._trials() if t.state == TrialState.COMPLETE]
        if len(complete) < FEWEST_FOR_IMPORTANCE or len({t.values[0] for t in complete}) < 2:
            return {}
        return optuna.importance.get_param_importances(
            self._study,
            evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0),
            target=lambda trial: trial.values[0],
        )

    def _trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _values(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return {key: self._space[key].value(parameters[key]) for key in self._space}


def _reported(trial: FrozenTrial) -> dict[int, float]:
    """The metric by epoch."""
    kept = trial.user_attrs.get("reported", {})  # where Optuna keeps none itself; JSON has texts
    return dict(trial.intermediate_values) or {int(epoch): kept[epoch] for epoch in kept}


def best_of(tried: list[Tried]) -> Tried | None:
    """The complete trial with the highest value, the first of equals."""
    complete = [trial for trial in tried if trial.outcome == "complete"]
    return max(complete, key=lambda trial: trial.value or 0.0, default=None)


def front_of(tried: list[Tried], minimize: Sequence[str]) -> list[Tried]:
    """The complete trials that no other one beats in all respects (the Pareto front), best first.

    Args:
        tried: by several objectives, or by one alone.
        minimize: what is kept low besides the metric; without any, the front is :func:`best_of`.
    """
    front: list[Tried] = []
    complete = [trial for trial in tried if trial.outcome == "complete"]
    # Who comes later is not better in the metric, so it must be better in something else.
    for trial in sorted(complete, key=lambda trial: _cost(trial, minimize)):
        if not any(
            all(other.taken[name] <= trial.taken[name] for name in minimize) for other in front
        ):
            front.append(trial)
    return front


def _cost(trial: Tried, minimize: Sequence[str]) -> tuple[float, ...]:
    return (-(trial.value or 0.0), *(trial.taken[name] for name in minimize), trial.number)


def counted(tried: list[Tried]) -> str:
    """``8 complete, 3 pruned``."""
    counts = Counter(trial.outcome for trial in tried)
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items()) or "none"


def _pruner(config: SweepConfig) -> optuna.pruners.BasePruner:
    if config.pruner is None or config.minimize:
        return optuna.pruners.NopPruner()
    return optuna.pruners.PercentilePruner(
        config.pruner.percentile, config.pruner.startup_trials, config.pruner.warmup_epochs
    )
