"""What was sent: by campaigns that were built here, and by other tools."""

from collections.abc import Sequence, Set
from datetime import date

import pandas as pd
from pydantic import Field

from recsys.data.sources.config import FileConfig
from recsys.data.sources.readers.columns import holds
from recsys.data.sources.times import Day, TimeConfig
from recsys.marketing.campaigns.built import Built
from recsys.marketing.contacts.channel_names import CHANNELS, channel_name
from recsys.marketing.tables.columns import column_names, read_columns, with_files
from recsys.marketing.tables.strangers import stranger_notes
from recsys.protection.pseudonyms import StoredId, as_given

CAMPAIGN = "campaign"
SHOWN = 5  # channels, the most frequent first


class SentConfig(TimeConfig, FileConfig):
    """What was sent before by other tools; ``messages.parquet`` of campaigns has these columns."""

    user: str = Field("user", description="column with the user's id as in the log")
    channel: str = Field(
        "channel",
        description="column with push, email or social; what other channels sent counts for the "
        "cap `all` only",
    )
    time: str = Field("time", description="column with the time of sending")
    campaign: str | None = Field(
        None,
        description="column with the campaign, by default `campaign` if there is one; what is "
        "`<file>/<campaign>` of a file in the runs folder and its day counts once. Without one, "
        "what the table has of such a file counts twice",
    )
    complete: bool = Field(
        False,
        description="the table holds all that was sent: what was built in the runs folder, and "
        "may never have been sent, does not count by itself",
    )
    latest_time: Day | None = Field(
        date(2100, 1, 1), description="last day (in UTC) that can be: messages may be planned"
    )


def messages_of(built: Sequence[Built], control: tuple[float, int] | None = None) -> pd.DataFrame:
    """What campaigns in the runs folder send.

    Args:
        built: the campaigns.
        control: share and seed of a control group whose users count as if they were sent what
            they would be sent outside it: then whom a cap spares does not depend on its draw.

    Returns:
        ``user``, ``channel``, ``time`` (UTC) and ``campaign``, as ``<file>/<campaign>``.
    """
    parts = []
    for each in built:
        rows = each.assignments
        silent = rows["own_holdout" if control and each.control == control else "held_out"]
        found = rows.loc[~silent, ["user", "channel", "time", "campaign"]]
        parts.append(found.assign(campaign=each.name + "/" + found["campaign"]))
    return together(parts)


def messages_elsewhere(
    config: SentConfig | None,
    built: Sequence[Built],
    known: Set[str] | None = None,
    stored: StoredId = as_given,
) -> tuple[pd.DataFrame, list[str]]:
    """What other tools sent, without what is known from the runs folder.

    Args:
        config: the table; None: nothing.
        built: the campaigns in the runs folder; none of them if the table is complete.
        known: ids of all users of the log, if the table's are to be compared with them.
        stored: what the ids of the table are in the log's dataset.

    Returns:
        The messages, as of :func:`messages_of`, channels as settings name them; and what the user
        should know: paths whose wildcards no file matches, of which nothing was sent so far, and
        messages to nobody or to users whom the log does not have.

    Raises:
        InputError: the table cannot be read, or a time cannot; or none of its users is known.
    """
    there, missing = (None, []) if config is None else with_files(config)
    notes = [f"sent: no file matched {path}: nothing counts from there" for path in missing]
    if there is None:
        return together([]), notes
    columns: dict[str, str | None] = {
        "user": there.user,
        "channel": there.channel,
        "time": there.time,
        "campaign": there.campaign or (CAMPAIGN if holds(CAMPAIGN, column_names(there)) else None),
    }
    rows = read_columns(there, columns, ids=["user"], times=there, stored=stored)
    rows = rows.reindex(columns=list(columns))
    if nobodys := int(rows["user"].isnull().sum()):
        notes.append(f"sent: messages without {there.user!r}, which count for no user: {nobodys:,}")
    if known is not None:
        so = "so that what they were sent counts for no user"
        notes += stranger_notes(rows["user"], known, "`sent`", so, "sent.user")
    rows["channel"] = rows["channel"].fillna("").map(channel_name)
    rows["campaign"] = rows["campaign"].fillna("")
    built_here = pd.Series(False, index=rows.index)
    for each in built:
        built_here |= is_of(rows, each.name, each.at)
    return together([rows[~built_here]]), notes


def channel_notes(messages: pd.DataFrame) -> list[str]:
    """A note on the messages whose channel no cap of a channel counts, if there are any."""
    channels = messages["channel"].replace("", "no channel")
    counts = channels[~channels.isin(CHANNELS)].value_counts()
    if counts.empty:
        return []
    listed = ", ".join(f"{name} {count:,}" for name, count in counts.head(SHOWN).items())
    listed += f" and {len(counts) - SHOWN} others" if len(counts) > SHOWN else ""
    return [
        f"sent: {counts.sum():,} messages are of other channels than push, email and social "
        f"({listed}), and count for the cap `all` only"
    ]


def files_of(messages: pd.DataFrame) -> pd.Series:
    """The campaign file of each message, as in `<file>/<campaign>`; missing where none is named."""
    names = messages["campaign"]
    return names.str.split("/", n=1).str[0].where(names.str.contains("/", regex=False))


def is_of(messages: pd.DataFrame, name: str, at: date) -> pd.Series:
    """bool: which messages are of a campaign file and its day."""
    days = messages["time"].dt.normalize()
    return (files_of(messages) == name) & (days == pd.Timestamp(at, tz="UTC"))


def together(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Messages of several places in one table."""
    if there := [part for part in parts if len(part)]:
        found = pd.concat(there, ignore_index=True)
        return found.assign(time=pd.to_datetime(found["time"], utc=True))
    columns = {name: pd.Series(dtype=str) for name in ("user", "channel", "campaign")}
    return pd.DataFrame(columns).assign(time=pd.to_datetime([], utc=True))
