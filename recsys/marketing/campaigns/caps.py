"""How often a user may be addressed, and how often that has happened lately."""

from collections import Counter
from datetime import date
from typing import Literal

import pandas as pd
from pydantic import Field, NonNegativeInt, PositiveInt

from recsys.config import StrictConfig
from recsys.data.sources import FileConfig
from recsys.data.times import Day, TimeConfig
from recsys.marketing.tables import read_columns

ALL = "all"


class CapConfig(StrictConfig):
    """At most so many messages in so many days."""

    messages: NonNegativeInt = Field(description="at most, the new one included")
    days: PositiveInt = Field(7, description="of the stretch of time that ends with the new one")


class SentConfig(TimeConfig, FileConfig):
    """What was sent before; ``messages.parquet`` of campaigns has these columns."""

    user: str = "user"
    channel: str = "channel"
    time: str = "time"
    campaign: str = "campaign"
    latest_time: Day | None = Field(
        date(2100, 1, 1), description="last day (in UTC) that can be: messages may be planned"
    )


# By channel, and of all channels together.
Caps = dict[Literal["push", "email", "social", "all"], CapConfig]


class Frequency:
    """Counts what was sent lately.

    Args:
        caps: by channel.
        sent: what was sent before; None: nothing.
        name: of the campaign file. Its own messages of the same day do not count, so that a
            campaign that is built again is the same.
        at: the day of sending.

    Of the messages that one campaign file has for a user at one time, one counts: versions of it
    that were built again and again are in the folder, and one of them was sent.

    Raises:
        InputError: a time cannot be read.
    """

    def __init__(self, caps: Caps, sent: SentConfig | None, name: str, at: date) -> None:
        self._caps = caps
        self._lately: dict[str, Counter[str]] = {}
        if sent is None:
            return
        columns = {each: getattr(sent, each) for each in ("user", "channel", "time", "campaign")}
        rows = read_columns(sent, columns, ids=["user"], times=sent)
        times = rows["time"]
        day = pd.Timestamp(at, tz="UTC")
        own = rows["campaign"].fillna("").str.startswith(f"{name}/") & (times == day)
        channels = rows["channel"].fillna("").str.casefold()
        for channel, cap in caps.items():
            # The new message is on the last day of the stretch.
            within = (times >= day - pd.Timedelta(days=cap.days - 1)) & ~own
            within &= times < day + pd.Timedelta(days=1)
            if channel != ALL:
                within &= channels == channel
            self._lately[channel] = Counter(
                rows.loc[within & ~_repeated(rows, times, within), "user"]
            )

    def is_reached(self, user: str, channel: str) -> bool:
        """Whether one more message in the channel would be too many."""
        return any(
            self._lately.get(each, Counter())[user] >= cap.messages
            for each, cap in self._caps.items()
            if each in (channel, ALL)
        )


def _repeated(rows: pd.DataFrame, times: pd.Series, within: pd.Series) -> pd.Series:
    """bool: the same user, time and campaign file as an earlier row within the stretch."""
    names = rows["campaign"].fillna("")
    files = names.str.partition("/")[0].where(names.str.contains("/", regex=False))
    messages = pd.DataFrame({"user": rows["user"], "time": times, "file": files})
    messages = messages[within & files.notnull()]
    return messages.duplicated().reindex(rows.index, fill_value=False)
