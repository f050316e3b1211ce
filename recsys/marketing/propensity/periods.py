"""A task on a log: its cutoffs, and what users did in the period after each.

A cutoff is the time as of which users are described: only what happened before it is known, and
what happens after it is predicted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field, PositiveInt

from recsys.config import StrictConfig
from recsys.errors import InputError
from recsys.marketing.propensity.baselines import (
    LastPeriod,
    LastPeriodLine,
    Prior,
    Recency,
    Transitions,
    Zero,
)
from recsys.marketing.propensity.objectives import (
    Binary,
    Multiclass,
    Objective,
    Regression,
    Statistic,
)
from recsys.marketing.propensity.task import Baseline, Known, Table, Task, together
from recsys.marketing.users.description import SEGMENT, Description, FeaturesConfig
from recsys.marketing.users.embedding import UserEmbedding
from recsys.marketing.users.events import DAY, Events
from recsys.marketing.users.reviewed_users import ReviewedUsers
from recsys.marketing.users.segments import SEGMENTS, Thresholds, learn_thresholds

Target = Literal["buys", "leaves", "value", "segment"]


class PeriodConfig(StrictConfig):
    """What is predicted of a user, and as of when."""

    target: Target = Field(
        "buys",
        description="buys: something happens in the period; leaves: nothing does, of those who "
        "were active; value: how much they spend in it; segment: which one they are in at its end",
    )
    days: PositiveInt = Field(90, description="length of the period that is predicted")
    training_cutoffs: PositiveInt = Field(
        3, description="cutoffs that models learn from, each a period before the next"
    )
    active_days: PositiveInt | None = Field(
        None,
        description="only users who did something within so many days before the cutoff are "
        "predicted; by default all users, and the length of the period for `leaves`",
    )

    @property
    def active_within(self) -> int | None:
        if self.active_days is None and self.target == "leaves":
            return self.days
        return self.active_days


@dataclass(frozen=True)
class Cutoffs:
    """As of when users are described, in microseconds since 1970 UTC, oldest first.

    No period that is learned from reaches into the one that is validated on, nor that one
    into the one that is tested on.

    Attributes:
        train: the cutoffs that estimators learn from.
        validation: the cutoff at which one is selected.
        test: the cutoff at which it is tested; its period ends with the log.
        now: the end of the log, when nobody knows yet what comes.
    """

    train: tuple[int, ...]
    validation: int
    test: int
    now: int

    @property
    def all(self) -> tuple[int, ...]:
        return (*self.train, self.validation, self.test, self.now)


def place_cutoffs(events: Events, config: PeriodConfig) -> Cutoffs:
    """The last period of the log is tested, the one before validated, earlier ones learned from.

    Raises:
        InputError: the log is too short for a single cutoff to learn from.
    """
    first, last = events.con.to_pandas(
        events.table.aggregate(first=events.table.time.min(), last=events.table.time.max())
    ).iloc[0]
    # The last event is within the period.
    end, period = int(last) + 1, config.days * DAY
    earliest = [end - (3 + index) * period for index in range(config.training_cutoffs)]
    train = [cutoff for cutoff in reversed(earliest) if cutoff > first]
    if not train:
        raise InputError(
            f"the log spans {(last - first) / DAY:.0f} days, and a period of {config.days} is "
            f"predicted: {3 * config.days} days and something before them are needed to learn, "
            "to choose and to test. Shorten propensity.period.days."
        )
    return Cutoffs(tuple(train), end - 2 * period, end - period, end)


@dataclass(frozen=True)
class LogTask:
    """A task on a log.

    Attributes:
        task: what is predicted.
        cutoffs: as of when users are described.
        thresholds: of the segments; None where the log's rhythm is unknown.
        description: of the users at the cutoffs.
    """

    task: Task
    cutoffs: Cutoffs
    thresholds: Thresholds | None
    description: Description


def task_of_log(
    events: Events,
    config: PeriodConfig,
    features: FeaturesConfig,
    statistic: Statistic = "mean",
) -> LogTask:
    """What is known of users at each cutoff, and what they did in the period after it.

    Args:
        events: what happened.
        config: what is predicted, of whom.
        features: from what.
        statistic: of how much they spend.

    Raises:
        InputError: the log is too short; money is asked for, and it has none; segments are, and
            hardly anybody came back; or nobody is left to ask about.
    """
    if config.target == "value" and "value" not in events.table.columns:
        raise InputError(
            "how much users spend is predicted (propensity.period.target: value), but the log has "
            "no values: map data.log.columns.value"
        )
    cutoffs = place_cutoffs(events, config)
    thresholds = _thresholds(events, cutoffs.train[0], config)
    sources: list[Callable[[int], pd.DataFrame]] = []
    if features.embedding is not None:
        sources.append(UserEmbedding(features.embedding, events.dataset, cutoffs.train[0]).at)
    if features.sentiment is not None:
        sources.append(ReviewedUsers(Path(features.sentiment), events).at)
    described = _with_baseline_window(features, config)
    description = Description(events, described, thresholds, sources)
    train = [observe(description, cutoff, config) for cutoff in cutoffs.train]
    validation = observe(description, cutoffs.validation, config)
    test = observe(description, cutoffs.test, config)
    known = _known(description, cutoffs.now, config)
    now = Known(known.reset_index(drop=True), _ids(events, known))
    least = min(0.0, *(_least(table) for table in (*train, validation, test)))
    objective = _objective(config, least, statistic)
    baselines = _baselines(config, objective)
    task = Task(
        objective,
        together(*train),
        validation,
        test,
        baselines,
        now,
        _notes(config, least, statistic),
    )
    return LogTask(task, cutoffs, thresholds, description)


def observe(description: Description, cutoff: int, config: PeriodConfig) -> Table:
    """What is known of the users at a cutoff, and what they did in the period after.

    Args:
        description: of users.
        cutoff: microseconds since 1970 UTC.
        config: what is predicted, of whom.

    Raises:
        InputError: nobody is left to ask about.
    """
    known = _known(description, cutoff, config)
    if known.empty:
        raise InputError(
            f"no user did anything in time before one of the cutoffs "
            f"({pd.Timestamp(cutoff, unit='us'):%Y-%m-%d}): propensity.period.active_days leaves "
            "no user, or the period is too long"
        )
    target = _target(description, known.index, cutoff, config)
    ids = _ids(description.events, known)
    cutoffs = pd.Series(np.full(len(known), cutoff))
    return Table(known.reset_index(drop=True), ids, target.reset_index(drop=True), cutoffs)


def _known(description: Description, cutoff: int, config: PeriodConfig) -> pd.DataFrame:
    known = description.at(cutoff)
    if config.active_within is None:
        return known
    return known[known["recency_days"] <= config.active_within]


def _ids(events: Events, known: pd.DataFrame) -> pd.Series:
    return pd.Series(events.user_ids[known.index], name="user")


def _thresholds(events: Events, cutoff: int, config: PeriodConfig) -> Thresholds | None:
    try:
        return learn_thresholds(events, cutoff)
    except InputError:
        if config.target == "segment":
            raise
        return None


def _with_baseline_window(features: FeaturesConfig, config: PeriodConfig) -> FeaturesConfig:
    """With what users spent in the period before, which the baseline reads."""
    windows = features.behaviour.windows_days
    if config.days in windows:
        return features
    behaviour = features.behaviour.model_copy(update={"windows_days": [*windows, config.days]})
    return features.model_copy(update={"behaviour": behaviour})


def _least(table: Table) -> float:
    """The smallest amount; 0 of other targets."""
    return float(table.target.min()) if pd.api.types.is_float_dtype(table.target) else 0.0


def _objective(config: PeriodConfig, least: float, statistic: Statistic) -> Objective:
    asked = f"propensity.period.target: {config.target}, days: {config.days}"
    match config.target:
        case "value":
            return Regression(asked, least, statistic)
        case "segment":
            return Multiclass(asked, SEGMENTS)
        case _:
            return Binary(asked)


def _baselines(config: PeriodConfig, objective: Objective) -> tuple[Baseline, ...]:
    match config.target:
        case "value":
            assert isinstance(objective, Regression)
            before = f"value_{config.days}d"
            # A line through it is the mean that the last period tells, not a median.
            line = (
                (LastPeriodLine(before, objective.least),) if objective.statistic == "mean" else ()
            )
            return (Zero(), LastPeriod(before), *line, Prior(objective))
        case "segment":
            return (Transitions(SEGMENT, SEGMENTS),)
        case _:
            return (Recency(rises=config.target == "leaves"),)


def _notes(config: PeriodConfig, least: float, statistic: Statistic) -> tuple[str, ...]:
    if config.target != "value" or least == 0 or statistic != "mean":
        return ()
    return (
        f"users' sums fall below 0 (to {least:,.2f}), as returns do: estimators that only know "
        "amounts from 0 on were not tried, and squared errors selected. data.log.minimum_value: "
        "0.01 sets returns aside.",
    )


def _target(
    description: Description, users: pd.Index, cutoff: int, config: PeriodConfig
) -> pd.Series:
    """What came true of the users in the period after a cutoff."""
    if config.target == "segment":
        return description.at(cutoff + config.days * DAY)[SEGMENT].reindex(users)
    events = description.events
    table = events.table
    within = table.filter((table.time >= cutoff) & (table.time < cutoff + config.days * DAY))
    measures = {"events": within.count()}
    if "value" in table.columns:
        measures["value"] = within.value.sum().fill_null(0)
    period = events.con.to_pandas(within.group_by("user").aggregate(**measures))
    period = period.set_index("user").reindex(users)
    if config.target == "value":
        return period["value"].fillna(0.0)
    happened = period["events"].fillna(0) > 0
    return happened if config.target == "buys" else ~happened
