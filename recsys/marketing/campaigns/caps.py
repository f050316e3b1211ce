"""How often a user may be addressed, and how often that has happened lately."""

from collections import Counter
from datetime import date
from typing import Literal

import pandas as pd
from pydantic import Field, NonNegativeInt, PositiveInt

from recsys.config import StrictConfig
from recsys.marketing.campaigns.messages import files_of, is_of

ALL = "all"


class CapConfig(StrictConfig):
    """At most so many messages in so many days."""

    messages: NonNegativeInt = Field(description="at most, the new one included")
    days: PositiveInt = Field(7, description="of the stretch of time that ends with the new one")


# By channel, and of all channels together.
Caps = dict[Literal["push", "email", "social", "all"], CapConfig]


class Frequency:
    """Counts what was sent lately.

    Of the messages that one campaign file has for a user at one time, one counts: versions of it
    that were built again and again are in the runs folder, and one of them was sent.

    Args:
        caps: by channel.
        messages: what was sent before, as of
            :func:`recsys.marketing.campaigns.messages.messages_of`.
        name: of the campaign file. Its own messages of the same day do not count, so that a
            campaign that is built again is the same.
        at: the day of sending.
    """

    def __init__(self, caps: Caps, messages: pd.DataFrame, name: str, at: date) -> None:
        self._caps = caps
        self._lately: dict[str, Counter[str]] = {}
        day = pd.Timestamp(at, tz="UTC")
        messages = messages[~is_of(messages, name, at)]
        for channel, cap in caps.items():
            # The new message is on the last day of the stretch.
            within = messages["time"] >= day - pd.Timedelta(days=cap.days - 1)
            within &= messages["time"] < day + pd.Timedelta(days=1)
            if channel != ALL:
                within &= messages["channel"] == channel
            found = messages[within].assign(file=files_of(messages))
            again = found.duplicated(["user", "time", "file"]) & found["file"].notnull()
            self._lately[channel] = Counter(found.loc[~again, "user"])

    def is_reached(self, user: str, channel: str) -> bool:
        """Whether one more message in the channel would be too many."""
        return any(
            self._lately.get(each, Counter())[user] >= cap.messages
            for each, cap in self._caps.items()
            if each in (channel, ALL)
        )
