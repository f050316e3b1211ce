"""Users held out of other campaigns, who stay out of this one while their outcome counts.

They are known by their ids. Whom else a message must not go to, as it would reach them at an
address that they share, is known where a campaign file has contacts (``reach.py``).
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd
from pydantic import Field

from recsys.data.sources.config import FileConfig
from recsys.data.sources.times import Day, TimeConfig
from recsys.errors import InputError
from recsys.marketing.campaigns.built import Built, newest
from recsys.marketing.campaigns.reached import reached
from recsys.marketing.contacts.shared_details import SharedDetails
from recsys.marketing.tables.columns import read_columns, with_files
from recsys.marketing.tables.strangers import stranger_notes
from recsys.protection.pseudonyms import StoredId, as_given

YES, NO = ("yes", "true", "1"), ("no", "false", "0")


class HoldoutsConfig(TimeConfig, FileConfig):
    """Assignments that are kept elsewhere: by another tool, or in another runs folder.

    ``assignments.parquet`` of campaigns has these columns, and ``held_out`` and ``outcome``.
    """

    user: str = Field("user", description="column with the user's id as in the log")
    time: str = Field("time", description="column with the day of sending")
    until: str = Field("until", description="column with the last day on which the outcome counts")
    held_out: str | None = Field(
        None, description="column with yes or no; without it, every row is of a user held out"
    )
    outcome: str | None = Field(
        None,
        description="column with what the campaign was to move; without it, every row is of this "
        "file's `outcome`",
    )
    latest_time: Day | None = Field(
        date(2100, 1, 1), description="last day (in UTC) that can be: a window may end later"
    )


@dataclass(frozen=True)
class HeldOut:
    """Users held out elsewhere.

    Attributes:
        users: their ids.
        campaigns: of those in the runs folder, by name and day.
        until: the last day on which the outcome of each of these counts.
        notes: what the user should know about it.
    """

    users: frozenset[str]
    campaigns: dict[tuple[str, date], set[str]]
    until: dict[tuple[str, date], date]
    notes: list[str]

    def of(self, left_out: set[str]) -> list[dict[str, Any]]:
        """``name``, ``at``, ``until`` and ``left_out`` of each campaign in the runs folder.

        Args:
            left_out: users left out, as some campaign holds them out.
        """
        return [
            {
                "name": name,
                "at": at.isoformat(),
                "until": self.until[name, at].isoformat(),
                "left_out": len(users & left_out),
            }
            for (name, at), users in sorted(self.campaigns.items())
        ]


def held_out_elsewhere(
    heeded: Sequence[Built],
    window: tuple[date, date],
    outcome: str,
    control: tuple[float, int] | None = None,
    config: HoldoutsConfig | None = None,
    known: Set[str] = frozenset(),
    stored: StoredId = as_given,
) -> HeldOut:
    """Users who must get nothing now, as another campaign is measured by their getting nothing.

    That is a campaign that is to move the same outcome, and whose outcome counts on some of the
    same days, be it of an earlier or of a later day.

    Users of a control group that both campaigns have are kept out by it alone: they go through
    the assignment like everybody. Of them, those whom the other campaign's own draw holds out
    too are left out like everybody, so that the control stays like the rest.

    Args:
        heeded: campaigns of the runs folder, of
            :func:`recsys.marketing.campaigns.built.heeded`.
        window: first and last day on which this file's outcome counts.
        outcome: what this file is to move.
        control: share and seed of this file's control.
        config: further assignments.
        known: ids of all users of the log, with which those of ``config`` are compared.
        stored: what the ids of ``config`` are in the log's dataset.

    Raises:
        InputError: a table cannot be read, or is not what it should be, or the log has none of
            its users.
    """
    campaigns: dict[tuple[str, date], set[str]] = {}
    until: dict[tuple[str, date], date] = {}
    for each in heeded:
        if each.outcome != outcome or not each.overlaps(*window):
            continue
        rows = each.assignments
        silent = rows["own_holdout"] if each.control == control else rows["held_out"]
        key = each.name, each.at
        campaigns.setdefault(key, set()).update(rows.loc[silent, "user"])
        until[key] = max(until.get(key, each.until), each.until)
    users = set().union(*campaigns.values())
    notes: list[str] = []
    if config is not None:
        there, missing = with_files(config)
        notes = [f"holdouts: no file matched {path}: no user is held out there" for path in missing]
        if there is not None:
            rows = _rows(there, stored)
            so = "so that no user is held out for them"
            notes += stranger_notes(rows["user"], known, "`holdouts`", so, "holdouts.user")
            found = _held_out_in(rows, there, window, outcome)
            if not found:
                notes.append(
                    f"holdouts: no user of the table is held out between {window[0]} and "
                    f"{window[1]} for {outcome!r}"
                )
            users |= found
    return HeldOut(frozenset(users), campaigns, until, notes)


def _rows(config: HoldoutsConfig, stored: StoredId) -> pd.DataFrame:
    """A table of holdouts, its last days as ``until``."""
    columns = {
        "user": config.user,
        "time": config.time,
        "held_out": config.held_out,
        "outcome": config.outcome,
    }
    rows = read_columns(config, columns, ["user"], config, stored=stored)
    ends = read_columns(config, {"time": config.until}, [], config)["time"]
    if (early := ends < rows["time"].dt.normalize()).any():
        row = int(early.to_numpy().argmax())
        raise InputError(
            f"{config.path}: row {row + 1} of the holdouts ends ({ends[row]:%Y-%m-%d}, column "
            f"{config.until!r}) before it begins ({rows['time'][row]:%Y-%m-%d}, column "
            f"{config.time!r})"
        )
    if rows["user"].isnull().any():
        row = int(rows["user"].isnull().to_numpy().argmax())
        raise InputError(f"{config.path}: row {row + 1} of the holdouts has no {config.user!r}")
    return rows.assign(until=ends)


def _held_out_in(
    rows: pd.DataFrame, config: HoldoutsConfig, window: tuple[date, date], outcome: str
) -> set[str]:
    """Users held out in a table, on some day of the window."""
    first, last = (pd.Timestamp(day, tz="UTC") for day in window)
    kept = (rows["time"] < last + timedelta(days=1)) & (rows["until"] >= first)
    if config.held_out is not None:
        kept &= _yes(rows["held_out"], f"{config.path}, {config.held_out!r} of the holdouts")
    if config.outcome is not None:
        kept &= rows["outcome"].fillna(outcome) == outcome
    return set(rows.loc[kept, "user"])


def _yes(values: pd.Series, where: str) -> pd.Series:
    given = values.fillna("").astype(str).str.casefold()
    odd = ~given.isin([*YES, *NO])
    if odd.any():
        row = int(odd.to_numpy().argmax())
        raise InputError(
            f"{where}: {values[row]!r} in row {row + 1} is neither yes nor no: write "
            f"{', '.join(YES)} or {', '.join(NO)}"
        )
    return given.isin(YES)


def to_be_built_again(
    heeded: Sequence[Built],
    window: tuple[date, date],
    outcome: str,
    held_out: set[str],
    shared: SharedDetails,
) -> list[str]:
    """Which campaigns of later days address users whom this one holds out.

    Args:
        heeded, window, outcome: see :func:`held_out_elsewhere`.
        held_out: users whom this one holds out.
        shared: which users share an address: what goes there addresses both.
    """
    notes = []
    for each in newest(heeded):
        if each.outcome != outcome or not window[0] < each.at <= window[1]:
            continue
        rows = each.assignments
        if users := len(held_out & reached(rows[~rows["held_out"]], shared)):
            notes.append(
                f"{each.name} of {each.at}, which was built before, addresses {users:,} of those "
                "held out here: if it is not sent yet, build it again, and it leaves them out"
            )
    return notes
