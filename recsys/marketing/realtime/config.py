"""What is replayed, and what acts on it: the file of a replay, typed."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from recsys.config import NAME, Distinct, StrictConfig
from recsys.data.sources.config import LogConfig
from recsys.data.sources.shared_columns import refuse_shared
from recsys.data.sources.times import DateOrTime, since_epoch
from recsys.marketing.audiences.suppression import SuppressionConfig, check_suppression
from recsys.marketing.contacts.contacts import ContactsConfig
from recsys.marketing.users.segments import Segment


def _as_list(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


EventTypes = Annotated[
    Distinct[list[str]],
    BeforeValidator(_as_list, json_schema_input_type=str | list[str]),
    Field(min_length=1),
]


class _TriggerConfig(StrictConfig):
    name: str = Field(pattern=NAME, description="names its actions")
    at_most_every_days: float = Field(
        7.0, ge=0, description="a user is not triggered again sooner; 0: every time"
    )

    @property
    def event_types(self) -> list[str]:
        """Types of events that it looks for."""
        return []


class SegmentTrigger(_TriggerConfig):
    """A user moves to another segment, by an event or because time has passed."""

    kind: Literal["segment"]
    origin: Distinct[list[Segment]] | None = Field(
        None,
        alias="from",
        min_length=1,
        description="segments that are left; by default any, and none before the first event",
    )
    to: Distinct[list[Segment]] | None = Field(
        None, min_length=1, description="segments that are entered; by default any"
    )

    def fires(self, before: Segment | None, after: Segment | None) -> bool:
        """Whether a move is one that it waits for."""
        return (
            before != after
            and (self.origin is None or before in self.origin)
            and (self.to is None or after in self.to)
        )


class AbandonedTrigger(_TriggerConfig):
    """An item is put in the cart and left there."""

    kind: Literal["abandoned"]
    event: str = Field(description="type of the events that put an item in the cart")
    completed_by: EventTypes = Field(
        description="type of the events of the same user and item that settle it, or a list of "
        "types: a purchase, a removal"
    )
    after_minutes: float = Field(
        60.0,
        gt=0,
        description="it is settled by what happens sooner, counted from the last time that the "
        "item was put there",
    )

    @property
    def event_types(self) -> list[str]:
        return [self.event, *self.completed_by]


class EventTrigger(_TriggerConfig):
    """An event happens, such as the view of a page that shows recommendations."""

    kind: Literal["event"]
    event: EventTypes | None = Field(
        None, description="type of the events, or a list of types; by default any"
    )

    @property
    def event_types(self) -> list[str]:
        return self.event or []


TriggerConfig = Annotated[
    SegmentTrigger | AbandonedTrigger | EventTrigger, Field(discriminator="kind")
]


class ReplayConfig(StrictConfig):
    """A log that is replayed as a stream of events, and the triggers that act on them."""

    name: str = Field(pattern=NAME, description="names the folder of the replay")
    stream: LogConfig = Field(description="the log; it has times and items")
    sorted: bool = Field(
        False,
        description="replay a log by its times (and `order`); otherwise its rows are events in "
        "the order of their arrival, and a time that falls is refused",
    )
    duplicates: Literal["refuse", "drop"] = Field(
        "refuse",
        description="rows that are equal to an earlier one in every column read: refuse the "
        "stream, or leave them out and keep them in left_out.parquet",
    )
    since: DateOrTime | None = Field(
        None,
        alias="from",
        description="start of the replay, a time with its zone or a date (in UTC); what happened "
        "before is known of users, but triggers nothing",
    )
    until: DateOrTime | None = Field(
        None,
        description="time before which the replay ends, likewise; by default after the last event",
    )
    users: Path | None = Field(
        None,
        description="run folder of `task: propensity` on a log of the same kind, which says where "
        "segments end; only triggers of `kind: segment` cannot do without",
    )
    recommender: Path = Field(description="run folder with an exported model, which answers")
    items: PositiveInt = Field(5, description="recommended at each trigger")
    channel: Literal["push", "email"] = Field(
        "push", description="where the messages go, for those who opted out of one channel only"
    )
    suppress: SuppressionConfig | None = Field(
        None, description="users who opted out: nothing that they do triggers anything"
    )
    contacts: ContactsConfig | None = Field(
        None,
        description="contacts in which the addresses of the opt-out list are found; a list of "
        "ids needs none",
    )
    triggers: list[TriggerConfig] = Field(min_length=1, description="what sets off an answer")

    @property
    def begins(self) -> int | None:
        """``from`` in microseconds since 1970 UTC."""
        return None if self.since is None else since_epoch(self.since)

    @property
    def ends(self) -> int | None:
        """``until`` in microseconds since 1970 UTC."""
        return None if self.until is None else since_epoch(self.until)

    @model_validator(mode="after")
    def _fits_together(self) -> "ReplayConfig":
        check_suppression(self.suppress, self.contacts)
        names = [each.name for each in self.triggers]
        if len(set(names)) < len(names):
            raise ValueError(f"two triggers have one name: {', '.join(names)}")
        if self.since and self.until and self.since >= self.until:
            raise ValueError("`from` must be before `until`")
        columns = self.stream.columns
        refuse_shared(columns.named)
        for role, why in (("time", "by its times"), ("item", "for recommendations of items")):
            if getattr(columns, role) is None:
                raise ValueError(f"a stream is replayed {why}: map stream.columns.{role}")
        for trigger in self.triggers:
            if trigger.event_types and columns.event is None:
                raise ValueError(
                    f"the trigger {trigger.name!r} looks for events of a type: map their column, "
                    "stream.columns.event"
                )
            if isinstance(trigger, SegmentTrigger) and self.users is None:
                raise ValueError(
                    f"the trigger {trigger.name!r} asks for segments: name in `users` the run "
                    "folder of a `task: propensity` on a log of the same kind"
                )
        return self
