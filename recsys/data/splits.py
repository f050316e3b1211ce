"""Who is tested on what, and what training may see.

A split gives every event a part: 0 training, 1 validation, 2 test. The leakage
audit that goes with it is computed from the events as they were written.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import ibis
import ibis.expr.types as ir
import numpy as np
from pydantic import AwareDatetime, BeforeValidator, Field, model_validator

from recsys.config import StrictConfig
from recsys.data.dataset import PARTS
from recsys.data.filters import in_order
from recsys.data.sources import Columns
from recsys.errors import InputError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TRAIN, VALIDATION, TEST = range(3)


def _moment(given: Any) -> Any:
    """ISO 8601 text as a moment; a date without a time is its first one, in UTC."""
    if not isinstance(given, str):
        return given
    try:
        moment = datetime.fromisoformat(given.strip())
    except ValueError as error:
        raise ValueError("no date, and no moment in ISO 8601") from error
    is_date = len(given.strip()) <= len("2025-01-25")
    return moment.replace(tzinfo=UTC) if is_date else moment


Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]


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
    validation_from: Moment | None = Field(
        None,
        description="first moment of validation, with zone, or a date (in UTC); instead of the "
        "quantile",
    )
    test_from: Moment | None = Field(
        None, description="first moment of test, likewise; instead of the quantile"
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

    For comparison with published figures only: training holds events of other
    users that are later than the test event. Users with fewer than three events
    only train.
    """

    kind: Literal["leave_one_out"]


class FixedSplit(StrictConfig):
    """A column of the log (role ``split``) says train, validation or test."""

    kind: Literal["fixed"]
    validation_share: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="of a user's training events, made validation where the column names none: "
        "the last ones, or a seeded random choice in a log without order",
    )
    seed: int = Field(0, description="of the random choice")
    allow_future_training: bool = Field(
        False, description="accept training events later than held-out events of the same user"
    )


SplitConfig = Annotated[TimeSplit | LeaveOneOutSplit | FixedSplit, Field(discriminator="kind")]


@dataclass(frozen=True)
class Cuts:
    """The last microseconds of training and of validation."""

    train_until: int
    validation_until: int


def check_columns(config: TimeSplit | LeaveOneOutSplit | FixedSplit, columns: Columns) -> None:
    """Refuses a split by what the log does not have.

    Raises:
        InputError: the split needs a column that is not mapped.
    """
    if isinstance(config, TimeSplit) and columns.time is None:
        raise InputError(
            "a split by time needs a time column: name it in `data.log.columns.time`, or set "
            "`split: {kind: leave_one_out}` for a log with an order only"
        )
    if isinstance(config, FixedSplit) and columns.split is None:
        raise InputError(
            "a fixed split needs a column that says it: name it in `data.log.columns.split`"
        )


def assign_parts(
    events: ir.Table, config: TimeSplit | LeaveOneOutSplit | FixedSplit
) -> tuple[ir.Table, Cuts | None]:
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
        return _leave_one_out(events), None
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


def _leave_one_out(events: ir.Table) -> ir.Table:
    """Parts by the number of targets from an event to the end of its user.

    Events of weight 0 are context: they stand in the part of the target that
    they precede.
    """
    is_target = (events.weight > 0).cast("int64")
    backwards = ibis.window(
        group_by="user",
        order_by=[ibis.desc(events[key]) for key in in_order(events)],
        preceding=(None, 0),
    )
    counted = events.mutate(
        targets_left=is_target.sum().over(backwards),
        targets=is_target.sum().over(ibis.window(group_by="user")),
    )
    part = ibis.cases(
        (counted.targets < 3, TRAIN),
        (counted.targets_left <= 1, TEST),
        (counted.targets_left == 2, VALIDATION),
        else_=TRAIN,
    )
    return counted.mutate(part=part.cast("int8")).drop("targets_left", "targets")


def _by_column(events: ir.Table, config: FixedSplit) -> ir.Table:
    named = [(events.split == name, index) for index, name in enumerate(PARTS)]
    part = ibis.cases(*named, else_=TRAIN).cast("int8")
    events = events.mutate(part=part).drop("split")
    if (events.part == VALIDATION).any().execute():
        return events
    return _cut_validation(events, config)


def _cut_validation(events: ir.Table, config: FixedSplit) -> ir.Table:
    """Makes a share of every user's training events validation, and leaves at least one."""
    keys = in_order(events)
    if keys == ["row"]:
        # A digest, not the engine's hash: the choice is the same in every version.
        text = ibis.literal(f"{config.seed}:") + events.user.cast("string") + ":"
        drawn = (text + events.item.cast("string")).hexdigest("md5")
        order: list[ir.Value] = [drawn, events.row]
    else:
        order = [ibis.desc(events[key]) for key in keys]
    group = ["user", "part"]
    ranked = events.mutate(
        rank=ibis.row_number().over(ibis.window(group_by=group, order_by=order)),
        size=events.count().over(ibis.window(group_by=group)),
    )
    wanted = (ranked["size"] * config.validation_share + 0.5).floor()
    chosen = ranked["rank"] < ibis.least(wanted, ranked["size"] - 1)
    part = ibis.ifelse((ranked.part == TRAIN) & chosen, VALIDATION, ranked.part)
    return ranked.mutate(part=part.cast("int8")).drop("rank", "size")


def audit(
    events: ir.Table,
    config: TimeSplit | LeaveOneOutSplit | FixedSplit,
    cuts: Cuts | None,
    user_parts: np.ndarray,
    item_parts: np.ndarray,
) -> dict[str, Any]:
    """The leakage audit, as it stands in ``metrics.json``.

    Args:
        events: with ``user``, ``part`` and, if mapped, ``time``.
        config: the split.
        cuts: of a split by time.
        user_parts: int64 [users, 3], events of a user in each part.
        item_parts: int64 [items, 3], events of an item in each part.

    Raises:
        InputError: a part is empty, or training holds what it must not see.
    """
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
    _refuse_empty_parts(report["events"], config)
    if cuts is not None:
        report["cuts"] = {
            "train_until": iso(cuts.train_until),
            "validation_until": iso(cuts.validation_until),
        }
    if "time" in events.columns:
        report.update(_audit_times(events, cuts))
    after = report["training_events_after_cut"]
    if after and not (isinstance(config, FixedSplit) and config.allow_future_training):
        raise InputError(
            f"the split leaks: {after} training events are later than held-out events of the same "
            "user. Correct the split column, use `split: {kind: time}`, or accept it with "
            "`split: {kind: fixed, allow_future_training: true}`."
        )
    return report


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


def _refuse_empty_parts(
    counts: dict[str, int], config: TimeSplit | LeaveOneOutSplit | FixedSplit
) -> None:
    empty = [part for part, events in counts.items() if events == 0]
    if not empty:
        return
    mend = {
        "time": "choose other cuts (`validation_quantile`, `test_quantile`, or `validation_from` "
        "and `test_from`), or give more of the log",
        "leave_one_out": "it needs users with at least three events",
        "fixed": "check the values of the split column",
    }[config.kind]
    raise InputError(f"the split {config.kind} leaves no events for {', '.join(empty)}: {mend}")


def _by_part(counts: np.ndarray) -> dict[str, int]:
    return {part: int(n) for part, n in zip(PARTS, counts, strict=True)}


def _unseen(parts: np.ndarray) -> float:
    tested = parts[:, TEST] > 0
    return float((parts[tested, TRAIN] == 0).mean()) if tested.any() else 0.0


def since_epoch(moment: datetime) -> int:
    """A moment in microseconds since 1970 UTC."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def iso(microseconds: int) -> str:
    """A moment as ISO 8601 in UTC."""
    return (EPOCH + timedelta(microseconds=microseconds)).isoformat().replace("+00:00", "Z")
