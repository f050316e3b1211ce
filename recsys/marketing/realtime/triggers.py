"""Which triggers fire: at an event, and when time has passed without one."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

from recsys.marketing.realtime.config import (
    AbandonedTrigger,
    EventTrigger,
    SegmentTrigger,
    TriggerConfig,
)
from recsys.marketing.realtime.state import Users
from recsys.marketing.realtime.stream import Event
from recsys.marketing.users.events import DAY
from recsys.marketing.users.segments import Segment

MINUTE = 60 * 10**6


@dataclass(frozen=True)
class Firing:
    """A trigger that fired.

    Attributes:
        trigger: its name.
        user: id.
        time: microseconds since 1970 UTC.
        event: that caused it; None: time did.
        item: that it is about, in the cart; None of other triggers.
        before: the user's segment; None where it is unknown.
        after: the segment from then on.
    """

    trigger: str
    user: str
    time: int
    event: Event | None
    item: str | None
    before: Segment | None
    after: Segment | None


class Triggers:
    """Follows users event by event, and keeps what falls due without one.

    What it yields is to be acted on at once: the state is then as of that time.

    Args:
        triggers: what to look for.
        users: the state, which it keeps.
        begins: microseconds since 1970 UTC, before which nothing fires; None: from the first
            event on.

    Attributes:
        held_back: by trigger, how often it would have fired, but for ``at_most_every_days``.
    """

    def __init__(
        self, triggers: Sequence[TriggerConfig], users: Users, begins: int | None = None
    ) -> None:
        self.held_back: Counter[str] = Counter()
        self._triggers = triggers
        self._users = users
        self._begins = begins
        self._moves = [each for each in triggers if isinstance(each, SegmentTrigger)]
        # Due times, rising; what has become void since is passed over.
        self._due: list[tuple[int, int, Callable[[int], Iterator[Firing]]]] = []
        self._number = count()
        self._move_due: dict[str, int] = {}
        self._cart_due: dict[tuple[str, str, str], int] = {}
        self._fired: dict[tuple[str, str], int] = {}

    def passed(self, time: int) -> Iterator[Firing]:
        """What fires because time passes, until then inclusively."""
        while self._due and self._due[0][0] <= time:
            due, _, fall_due = heapq.heappop(self._due)
            yield from fall_due(due)

    def seen(self, event: Event) -> Iterator[Firing]:
        """Adds an event, up to which time has :meth:`passed`; what fires because of it."""
        user, time = event.user, event.time
        before = self._users.segment(user, time)
        self._users.add(event)
        after = self._users.segment(user, time)
        for trigger in self._triggers:
            match trigger:
                case SegmentTrigger():
                    fires = trigger.fires(before, after)
                case EventTrigger():
                    fires = trigger.event is None or event.type in trigger.event
                case AbandonedTrigger():
                    fires = False
                    self._mind_cart(trigger, event)
            if fires and self._may_fire(trigger, user, time):
                yield Firing(trigger.name, user, time, event, None, before, after)
        if self._moves:
            self._await_move(user, time)

    def _await_move(self, user: str, time: int) -> None:
        due = self._users.next_move(user, time)
        if due is None:
            self._move_due.pop(user, None)
        elif self._move_due.get(user) != due:
            self._move_due[user] = due
            self._push(due, partial(self._move, user))

    def _move(self, user: str, due: int) -> Iterator[Firing]:
        """Time alone has moved a user, who did nothing since it was foreseen."""
        if self._move_due.get(user) != due:
            return
        before, after = (self._users.segment(user, time) for time in (due - 1, due))
        for trigger in self._moves:
            if trigger.fires(before, after) and self._may_fire(trigger, user, due):
                yield Firing(trigger.name, user, due, None, None, before, after)
        self._await_move(user, due)

    def _mind_cart(self, trigger: AbandonedTrigger, event: Event) -> None:
        key = trigger.name, event.user, event.item
        if event.type in trigger.completed_by:
            self._cart_due.pop(key, None)
        elif event.type == trigger.event:
            due = event.time + round(trigger.after_minutes * MINUTE)
            self._cart_due[key] = due
            self._push(due, partial(self._leave, trigger, event.user, event.item))

    def _leave(self, trigger: AbandonedTrigger, user: str, item: str, due: int) -> Iterator[Firing]:
        """An item has been in the cart for too long, unless it was settled or put there again."""
        key = trigger.name, user, item
        if self._cart_due.get(key) != due:
            return
        del self._cart_due[key]
        if self._may_fire(trigger, user, due):
            segment = self._users.segment(user, due)
            yield Firing(trigger.name, user, due, None, item, segment, segment)

    def _push(self, due: int, fall_due: Callable[[int], Iterator[Firing]]) -> None:
        # The number keeps what is due at once in order, and functions from being compared.
        heapq.heappush(self._due, (due, next(self._number), fall_due))

    def _may_fire(self, trigger: TriggerConfig, user: str, time: int) -> bool:
        if self._begins is not None and time < self._begins:
            return False
        key = trigger.name, user
        fired = self._fired.get(key)
        if fired is not None and time - fired < trigger.at_most_every_days * DAY:
            self.held_back[trigger.name] += 1
            return False
        self._fired[key] = time
        return True
