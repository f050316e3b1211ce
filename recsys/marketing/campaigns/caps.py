"""How often a user may be addressed, and how often that has happened lately."""

from collections.abc import Hashable
from datetime import date
from typing import Literal

import pandas as pd
from pydantic import Field, NonNegativeInt, PositiveInt

from recsys.config import StrictConfig
from recsys.marketing.campaigns.messages import files_of, is_of
from recsys.marketing.campaigns.reached import DETAILS
from recsys.marketing.contacts.shared_details import SharedDetails

ALL = "all"


class CapConfig(StrictConfig):
    """At most so many messages in so many days."""

    messages: NonNegativeInt = Field(description="at most, the new one included")
    days: PositiveInt = Field(7, description="of the stretch of time that ends with the new one")


# By channel, and of all channels together.
Caps = dict[Literal["push", "email", "social", "all"], CapConfig]


class Frequency:
    """Counts what reached users lately: what was sent to them, or to an address that they share.

    Of the messages that one campaign file has for a user at one time, one counts: versions of it
    that were built again and again are in the runs folder, and one of them was sent. So it is with
    those of an address, which gets one message of a file.

    Args:
        caps: by channel.
        messages: what was sent before, as of
            :func:`recsys.marketing.campaigns.messages.messages_of`.
        name: of the campaign file. Its own messages of the same day do not count, so that a
            campaign that is built again is the same.
        at: the day of sending.
        shared: which users share an address; without contacts, messages count for the id they
            were sent to, which is all there is.
    """

    def __init__(
        self, caps: Caps, messages: pd.DataFrame, name: str, at: date, shared: SharedDetails
    ) -> None:
        self._caps = caps
        self._shared = shared
        # By cap, channel and user, the numbers of the messages; those that count once have one.
        self._lately: dict[str, dict[str, dict[str, list[int]]]] = {}
        self._found: dict[tuple[str, str, Hashable], frozenset[int]] = {}
        day = pd.Timestamp(at, tz="UTC")
        messages = messages[~is_of(messages, name, at)]
        for channel, cap in caps.items():
            # The new message is on the last day of the stretch.
            within = messages["time"] >= day - pd.Timedelta(days=cap.days - 1)
            within &= messages["time"] < day + pd.Timedelta(days=1)
            if channel != ALL:
                within &= messages["channel"] == channel
            found = messages[within].assign(file=files_of(messages))
            # Of no file, each counts.
            files = found["file"].where(found["file"].notnull(), "/" + found.index.astype(str))
            numbers = found.groupby([found["time"], files]).ngroup()
            lately = self._lately[channel] = {}
            for sent, user, number in zip(found["channel"], found["user"], numbers, strict=True):
                lately.setdefault(sent, {}).setdefault(user, []).append(number)

    def is_reached(self, user: str, channel: str) -> bool:
        """Whether one more message in the channel would be too many."""
        return any(
            self._messages(user, each) >= cap.messages
            for each, cap in self._caps.items()
            if each in (channel, ALL)
        )

    def _messages(self, user: str, cap: str) -> int:
        """How many messages reached a user within the days of a cap."""
        found = [self._in_channel(user, cap, channel) for channel in self._lately[cap]]
        return len(frozenset().union(*found))

    def _in_channel(self, user: str, cap: str, channel: str) -> frozenset[int]:
        """The numbers of these messages in one channel, found once for all who share an address."""
        details = DETAILS.get(channel, ())
        place = cap, channel, self._shared.place(user, details)
        if place not in self._found:
            sent = self._lately[cap][channel]
            users = self._shared.of([user], details)
            self._found[place] = frozenset(each for one in users for each in sent.get(one, ()))
        return self._found[place]
