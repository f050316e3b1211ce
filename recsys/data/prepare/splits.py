"""Which users are tested on which events, and what training may see.

A split gives every event a part: 0 training, 1 validation, 2 test. The leakage
audit that goes with it is computed from the events as they were written.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal

import ibis
import ibis.expr.types as ir
import numpy as np
from pydantic import Field, model_validator

from recsys.config import StrictConfig
from recsys.data.manifest import PARTS
from recsys.data.prepare import holdout
from recsys.data.prepare.filters import group_keys
from recsys.data.prepare.holdout import TEST, TRAIN, VALIDATION
from recsys.data.sources.config import Columns
from recsys.data.sources.times import EPOCH, DateOrTime, since_epoch
from recsys.errors import InputError


class TimeSplit(StrictConfig):
    """One cut in time for everybody: nothing of the future is in training.

    Training holds the events up to the first cut, validation those after it and
    up to the second, test the rest.
    """

    kind: Literal["time"] = "time"
    validation_quantile: float = Field(
        0.81, gt=0, lt=1, description="share of events up to the first cut"
    )
    test_quantile: float = Field(
        0.9, gt=0, lt=1, description="share of events up to the second cut"
    )
    validation_from: DateOrTime | None = Field(
        None,
        description="beginning of validation, a time with its zone or a date (in UTC); instead "
        "of the quantile",
    )
    test_from: DateOrTime | None = Field(
        None, description="beginning of test, likewise; instead of the quantile"
    )

    @model_validator(mode="after")
    def _in_order(self) -> "TimeSplit":
        if self.validation_quantile >= self.test_quantile:
            raise ValueError("`validation_quantile` must be below `test_quantile`")
        if (self.validation_from is None) != (self.test_from is None):
            raise ValueError("give both `validation_from` and `test_from`, or none")
        if self.validation_from and self.test_from and self.validation_from >= self.test_from:
            raise ValueError("`validation_from` must be before `test_from`")
        return self


class LeaveOneOutSplit(StrictConfig):
    """The last event of a user is test, the last but one validation.

    What a user did at one time (or order number), such as a basket, is held out
    together: each of its events is a target. For comparison with published figures only:
    training holds events of other users that are later than the test event. Users
    with events at fewer than three times only train.
    """

    kind: Literal["leave_one_out"]


class FixedSplit(StrictConfig):
    """A column of the log (role ``split``) holds train, validation or test."""

    kind: Literal["fixed"]
    validation_share: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="share of a user's training events that become validation where the column "
        "names none: the last ones, or a seeded random choice in a log without order",
    )
    seed: int = Field(0, description="of the random choice")
    allow_future_training: bool = Field(
        False, description="accept training events later than held-out events of the same user"
    )


class RandomSplit(StrictConfig):
    """A seeded random draw of each user's items, for a log that has neither time nor order.

    All events of a user with an item are in one part, and of every user at least one
    item is left for training.
    """

    kind: Literal["random"]
    validation_share: float = Field(
        0.1, gt=0, lt=1, description="share of the pairs of a user and an item"
    )
    test_share: float = Field(0.1, gt=0, lt=1, description="likewise")
    seed: int = Field(0, description="of the draw")

    @model_validator(mode="after")
    def _leaves_training(self) -> "RandomSplit":
        if self.validation_share + self.test_share >= 1:
            raise ValueError("`validation_share` and `test_share` must add up to less than 1")
        return self


class Unsplit(StrictConfig):
    """Everything is training: a log that is looked at, and that nothing is tested on."""

    kind: Literal["none"] = "none"


SplitConfig = Annotated[
    TimeSplit | LeaveOneOutSplit | FixedSplit | RandomSplit, Field(discriminator="kind")
]
Split = TimeSplit | LeaveOneOutSplit | FixedSplit | RandomSplit | Unsplit


@dataclass(frozen=True)
class Cuts:
    """The last microseconds of training and of validation."""

    train_until: int
    validation_until: int


def check_columns(config: Split, columns: Columns) -> None:
    """Refuses a split by what the log does not have.

    Raises:
        InputError: the split needs a column that is not mapped.
    """
    has_order = columns.time is not None or columns.order is not None
    if isinstance(config, TimeSplit) and columns.time is None:
        instead = (
            "`split: {kind: leave_one_out}` for a log with an order only"
            if has_order
            else "`split: {kind: random}` for a log without order"
        )
        raise InputError(
            "a split by time needs a time column: name it in `data.log.columns.time`, or set "
            + instead
        )
    if isinstance(config, LeaveOneOutSplit) and not has_order:
        raise InputError(
            "leave-one-out needs an order of events: without one it would hold out what happens to "
            "stand last in the file. Name `data.log.columns.time` or `data.log.columns.order`, or "
            "set `split: {kind: random}`"
        )
    if isinstance(config, RandomSplit) and has_order:
        raise InputError(
            "a random split of a log with a time or an order trains on every user's own future. "
            "Set `split: {kind: time}` or `split: {kind: leave_one_out}`, or leave `columns.time` "
            "and `columns.order` out, so that histories are sets"
        )
    if isinstance(config, FixedSplit) and columns.split is None:
        raise InputError(
            "a fixed split needs a column with the part of each event: name it in "
            "`data.log.columns.split`"
        )


def assign_parts(events: ir.Table, config: Split) -> tuple[ir.Table, Cuts | None]:
    """Adds a column ``part`` (int8) to the events.

    Args:
        events: columns ``user``, ``item``, ``weight``, ``row`` and, by role
            mapped, ``time``, ``order``, ``split``.
        config: how to split.

    Returns:
        The events, and the cuts of a split by time.
    """
    if isinstance(config, TimeSplit):
        return _by_time(events, config)
    if isinstance(config, LeaveOneOutSplit):
        return holdout.leave_last_group_out(events), None
    if isinstance(config, RandomSplit):
        shares = config.validation_share, config.test_share
        return holdout.draw_parts(events, *shares, config.seed), None
    if isinstance(config, Unsplit):
        return events.mutate(part=ibis.literal(TRAIN, "int8")), None
    return _by_column(events, config), None


def _by_time(events: ir.Table, config: TimeSplit) -> tuple[ir.Table, Cuts]:
    if config.validation_from is not None and config.test_from is not None:
        cuts = Cuts(since_epoch(config.validation_from) - 1, since_epoch(config.test_from) - 1)
    else:
        quantiles = events.aggregate(
            train=events.time.quantile(config.validation_quantile),
            validation=events.time.quantile(config.test_quantile),
        )
        found = quantiles.to_pyarrow().to_pylist()[0]
        cuts = Cuts(int(found["train"]), int(found["validation"]))
    part = ibis.cases(
        (events.time <= cuts.train_until, TRAIN),
        (events.time <= cuts.validation_until, VALIDATION),
        else_=TEST,
    )
    return events.mutate(part=part.cast("int8")), cuts


def _by_column(events: ir.Table, config: FixedSplit) -> ir.Table:
    named = [(events.split == name, index) for index, name in enumerate(PARTS)]
    part = ibis.cases(*named, else_=TRAIN).cast("int8")
    events = events.mutate(part=part).drop("split")
    if (events.part == VALIDATION).any().execute():
        return events
    return holdout.cut_validation(events, config.validation_share, config.seed)


def audit(
    events: ir.Table,
    config: Split,
    cuts: Cuts | None,
    user_parts: np.ndarray,
    item_parts: np.ndarray,
    user_targets: np.ndarray | None = None,
) -> dict[str, Any]:
    """The leakage audit, as it stands in ``metrics.json``.

    Args:
        events: with ``user``, ``part`` and, if mapped, ``time`` and ``order``.
        config: the split.
        cuts: of a split by time.
        user_parts: int64 [users, 3], events of a user in each part.
        item_parts: int64 [items, 3], events of an item in each part.
        user_targets: int64 [users, 3], those whose weight is above 0; None: all.

    Raises:
        InputError: a part holds no target, or training holds what it must not see.
    """
    user_targets = user_parts if user_targets is None else user_targets
    report: dict[str, Any] = {
        "kind": config.kind,
        "events": _by_part(user_parts.sum(axis=0)),
        "users": _by_part((user_parts > 0).sum(axis=0)),
        "items": _by_part((item_parts > 0).sum(axis=0)),
        "share_of_test_users_unseen_in_training": _unseen(user_parts),
        "share_of_test_items_unseen_in_training": _unseen(item_parts),
        "latest_training_event": None,
        "earliest_test_event": None,
        "training_events_after_cut": None,
        "span": None,
    }
    if isinstance(config, Unsplit):
        return report
    _refuse_empty_parts(_by_part(user_targets.sum(axis=0)), config)
    if cuts is not None:
        report["cuts"] = {
            "train_until": iso(cuts.train_until),
            "validation_until": iso(cuts.validation_until),
        }
    if "time" in events.columns:
        report.update(_audit_times(events, cuts))
    if isinstance(config, FixedSplit) and group_keys(events):
        report.update(holdout.count_leaks(events))
        _refuse_leaks(report, config)
    if isinstance(config, LeaveOneOutSplit):
        report["test_users_with_several_targets"] = int((user_targets[:, TEST] > 1).sum())
    if isinstance(config, RandomSplit):
        report["drawn_at_random"] = (
            "events were held out at random, as the log has no order: training may hold "
            "what happened after them"
        )
    return report


def audit_notes(report: dict[str, Any]) -> list[str]:
    """What of a leakage audit a person should know."""
    notes = []
    if several := report.get("test_users_with_several_targets"):
        notes.append(
            f"{several} of {report['users']['test']} tested users end with several events of one "
            "time or order: all of them are targets"
        )
    if "drawn_at_random" in report:
        notes.append(report["drawn_at_random"])
    return notes


def _refuse_leaks(report: dict[str, Any], config: FixedSplit) -> None:
    """A column of the parts may divide events as no cut in time would."""
    training = report["training_events_after_cut"]
    validation = report["validation_events_after_test"]
    if (training or validation) and not config.allow_future_training:
        raise InputError(
            f"the split leaks: {training} training events are no earlier than held-out events of "
            f"the same user, and {validation} validation events no earlier than test events. "
            "Correct the split column (events of one time belong in one part), use "
            "`split: {kind: time}`, or accept it with "
            "`split: {kind: fixed, allow_future_training: true}`."
        )


def _audit_times(events: ir.Table, cuts: Cuts | None) -> dict[str, Any]:
    training = events.part == TRAIN
    seen = events.group_by("part").aggregate(first=events.time.min(), last=events.time.max())
    spans = {PARTS[row["part"]]: row for row in seen.order_by("part").to_pyarrow().to_pylist()}
    latest, earliest = spans["train"]["last"], spans["test"]["first"]
    spans["all"] = {
        "first": min(span["first"] for span in spans.values()),
        "last": max(span["last"] for span in spans.values()),
    }
    if cuts is not None:
        late = training & (events.time > cuts.train_until)
        after = events.filter(late).count().execute()
    else:
        # Without one cut for everybody, each user's first held-out event is the cut.
        held_out = events.filter(~training)
        first = held_out.group_by("user").aggregate(cut=held_out.time.min())
        joined = events.filter(training).inner_join(first, "user")
        after = joined.filter(joined.time > joined.cut).count().execute()
    leaked = events.filter(training & (events.time > earliest)).count().execute()
    return {
        "latest_training_event": iso(latest),
        "earliest_test_event": iso(earliest),
        "training_events_after_cut": int(after),
        "training_events_after_earliest_test_event": int(leaked),
        "span": {
            part: {"first": iso(span["first"]), "last": iso(span["last"])}
            for part, span in spans.items()
        },
    }


def _refuse_empty_parts(counts: dict[str, int], config: Split) -> None:
    empty = [part for part, events in counts.items() if events == 0]
    if not empty:
        return
    mend = {
        "time": "choose other cuts (`validation_quantile`, `test_quantile`, or `validation_from` "
        "and `test_from`), or give more of the log",
        "leave_one_out": "it needs users with events at three times or more",
        "fixed": "check the values of the split column",
        "random": "choose larger shares or another seed, or give more of the log",
    }[config.kind]
    raise InputError(
        f"the split {config.kind} leaves no events of a weight above 0 for {', '.join(empty)}: "
        f"{mend}"
    )


def _by_part(counts: np.ndarray) -> dict[str, int]:
    return {part: int(n) for part, n in zip(PARTS, counts, strict=True)}


def _unseen(parts: np.ndarray) -> float:
    tested = parts[:, TEST] > 0
    return float((parts[tested, TRAIN] == 0).mean()) if tested.any() else 0.0


def iso(microseconds: int) -> str:
    """A time as ISO 8601 in UTC."""
    return (EPOCH + timedelta(microseconds=microseconds)).isoformat().replace("+00:00", "Z")
