"""The moments at which predictions are asked for, and what users did in the period after each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd
from pydantic import Field, PositiveInt

from recsys.config import StrictConfig
from recsys.errors import InputError
from recsys.marketing.behaviour import BehaviourConfig, behaviour
from recsys.marketing.events import DAY, Events

Target = Literal["buys", "leaves", "value"]


class PeriodConfig(StrictConfig):
    """What is predicted of a user, and when it is asked."""

    target: Target = Field(
        "buys",
        description="buys: something happens in the period; leaves: nothing does, of those who "
        "were active; value: how much they spend in it",
    )
    days: PositiveInt = Field(90, description="length of the period that is predicted")
    training_moments: PositiveInt = Field(
        3, description="moments that are learned from, each a period earlier than the next"
    )
    active_days: PositiveInt | None = Field(
        None,
        description="only users who did something so long before the moment are asked about; "
        "everybody by default, but the length of the period for `leaves`",
    )

    @property
    def active_within(self) -> int | None:
        if self.active_days is None and self.target == "leaves":
            return self.days
        return self.active_days


@dataclass(frozen=True)
class Moments:
    """When it is asked, in microseconds since 1970 UTC, oldest first.

    No period that is learned from reaches into the one that is validated on, nor that one
    into the one that is tested on.

    Attributes:
        train: moments that are learned from.
        validation: the moment that estimators are chosen at.
        test: the moment that the choice is judged at; its period ends with the log.
    """

    train: tuple[int, ...]
    validation: int
    test: int


def place_moments(events: Events, config: PeriodConfig) -> Moments:
    """The last period of the log is tested, the one before validated, earlier ones learned from.

    Raises:
        InputError: the log is too short for one moment that is learned from.
    """
    first, last = events.con.to_pandas(
        events.table.aggregate(first=events.table.time.min(), last=events.table.time.max())
    ).iloc[0]
    # The last event is within the period.
    end, period = int(last) + 1, config.days * DAY
    earliest = [end - (3 + index) * period for index in range(config.training_moments)]
    train = [moment for moment in reversed(earliest) if moment > first]
    if not train:
        raise InputError(
            f"the log spans {(last - first) / DAY:.0f} days, and a period of {config.days} is "
            f"predicted: {3 * config.days} days and something before them are needed to learn, "
            "to choose and to test. Shorten propensity.period.days."
        )
    return Moments(tuple(train), end - 2 * period, end - period)


@dataclass(frozen=True)
class Table:
    """Users as they were at some moments, and what they did next.

    Attributes:
        features: a row per user and moment; see :func:`recsys.marketing.behaviour.behaviour`.
        target: of each row: bool, or a number for ``value``.
        users: int, index of the dataset.
    """

    features: pd.DataFrame
    target: pd.Series
    users: pd.Series


def observe(
    events: Events, moments: Sequence[int], config: PeriodConfig, describing: BehaviourConfig
) -> Table:
    """What is known of the users at some moments, and what they did in the periods after.

    Args:
        events: what happened.
        moments: microseconds since 1970 UTC.
        config: what is predicted, of whom.
        describing: which features.

    Raises:
        InputError: money is asked for, and the log has none; nobody is left to ask about.
    """
    if config.target == "value" and "value" not in events.table.columns:
        raise InputError(
            "how much users spend is predicted (propensity.period.target: value), but the log has "
            "no values: map data.log.columns.value"
        )
    parts = []
    for moment in moments:
        known = behaviour(events, moment, describing)
        if config.active_within is not None:
            known = known[known["recency_days"] <= config.active_within]
        next_period = _next_period(events, moment, config).reindex(known.index)
        parts.append(known.assign(target=_target(next_period, config)))
    table = pd.concat(parts).reset_index()
    if table.empty:
        raise InputError(
            "nobody did anything before the moments that are learned from; "
            "propensity.period.active_days leaves nobody, or the period is too long"
        )
    return Table(table.drop(columns=["user", "target"]), table["target"], table["user"])


def _next_period(events: Events, moment: int, config: PeriodConfig) -> pd.DataFrame:
    """Events and money of each user in the period after a moment."""
    table = events.table
    within = table.filter((table.time >= moment) & (table.time < moment + config.days * DAY))
    measures = {"events": within.count()}
    if "value" in table.columns:
        measures["value"] = within.value.sum().fill_null(0)
    return events.con.to_pandas(within.group_by("user").aggregate(**measures)).set_index("user")


def _target(next_period: pd.DataFrame, config: PeriodConfig) -> pd.Series:
    if config.target == "value":
        return next_period["value"].fillna(0.0)
    happened = next_period["events"].fillna(0) > 0
    return happened if config.target == "buys" else ~happened
