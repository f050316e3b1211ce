"""What is known of users while events arrive, one after the other."""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from recsys.marketing.realtime.stream import Event
from recsys.marketing.users.events import DAY
from recsys.marketing.users.segments import Segment, Thresholds, segment


@dataclass(slots=True)
class _User:
    history: deque[tuple[str, int]]
    last: int = 0  # when the last occasion began
    occasions: set[int | str | None] = field(default_factory=set)


class Users:
    """Histories and segments of users, as of the last event that was added.

    At any time, a user's segment is what :func:`recsys.marketing.users.segments.segments`
    says of the events before it: the events of one session, or where the log has none of one
    time, are one occasion.

    Args:
        by_session: whether sessions tell occasions; else times do.
        thresholds: where segments end; None: no segments.
        window: events of a history that are kept, the last ones; None: all.
        known: items whose events are kept in histories; None: all.
    """

    def __init__(
        self,
        by_session: bool = False,
        thresholds: Thresholds | None = None,
        window: int | None = None,
        known: Collection[str] | None = None,
    ) -> None:
        self._by_session = by_session
        self._thresholds = thresholds
        self._ends = () if thresholds is None else thresholds.ends
        self._window = window
        self._known = known
        self._users: dict[str, _User] = {}

    def __len__(self) -> int:
        return len(self._users)

    def add(self, event: Event) -> None:
        """Adds an event, which is not earlier than those before it."""
        user = self._users.get(event.user)
        if user is None:
            user = self._users[event.user] = _User(deque(maxlen=self._window))
        if self._known is None or event.item in self._known:
            user.history.append((event.item, event.time))
        occasion = event.session if self._by_session else event.time
        if occasion not in user.occasions:
            user.occasions.add(occasion)
            user.last = event.time

    def history(self, user: str) -> tuple[list[str], list[int]]:
        """Items of a user and their times in microseconds, oldest first."""
        history = self._users[user].history
        return [item for item, _ in history], [time for _, time in history]

    def segment(self, user: str, time: int) -> Segment | None:
        """The segment of a user who does nothing more until then.

        None before the first event, and where no segments are known.
        """
        if self._thresholds is None or user not in self._users:
            return None
        known = self._users[user]
        return segment((time - known.last) / DAY, len(known.occasions), self._thresholds)

    def next_move(self, user: str, time: int) -> int | None:
        """When, after a time, its passing alone next moves a user; None: never more."""
        last = self._users[user].last
        return next((last + end for end in self._ends if last + end > time), None)
