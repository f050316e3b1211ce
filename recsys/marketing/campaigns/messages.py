"""What was sent: by campaigns that were built here, and by other tools."""

from collections.abc import Sequence
from datetime import date

import pandas as pd
from pydantic import Field

from recsys.data.sources import FileConfig
from recsys.data.times import Day, TimeConfig
from recsys.marketing.campaigns.built import Built
from recsys.marketing.tables import read_columns, with_files


class SentConfig(TimeConfig, FileConfig):
    """What was sent before by other tools; ``messages.parquet`` of campaigns has these columns."""

    user: str = Field("user", description="column with the user's id as in the log")
    channel: str = Field("channel", description="column with push, email or social")
    time: str = Field("time", description="column with the time of sending")
    campaign: str = Field(
        "campaign",
        description="column with the campaign; what is `<file>/<campaign>` of a file in the runs "
        "folder and its day counts once",
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
    config: SentConfig | None, built: Sequence[Built]
) -> tuple[pd.DataFrame, list[str]]:
    """What other tools sent, without what is known from the runs folder.

    Args:
        config: the table; None: nothing.
        built: the campaigns in the runs folder; none of them if the table is complete.

    Returns:
        The messages, as of :func:`messages_of`, channels in small letters; and the paths whose
        wildcards no file matches, of which nothing was sent so far.

    Raises:
        InputError: the table cannot be read, or a time cannot.
    """
    there, missing = (None, []) if config is None else with_files(config)
    if there is None:
        return together([]), missing
    columns = {each: getattr(there, each) for each in ("user", "channel", "time", "campaign")}
    rows = read_columns(there, columns, ids=["user"], times=there)
    rows["channel"] = rows["channel"].fillna("").str.casefold()
    rows["campaign"] = rows["campaign"].fillna("")
    known = pd.Series(False, index=rows.index)
    for each in built:
        known |= is_of(rows, each.name, each.at)
    return together([rows[~known]]), missing


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
