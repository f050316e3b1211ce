"""What a campaign changed: those it was sent to against those held out."""

import logging
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from recsys.data.sources.config import FileConfig
from recsys.data.sources.shared_columns import refuse_shared
from recsys.data.sources.times import TimeConfig
from recsys.errors import InputError
from recsys.marketing.audiences.users_table import SEGMENT
from recsys.marketing.campaigns.built import ASSIGNMENTS, COUNTS, KEYS
from recsys.marketing.campaigns.contamination import OtherMessages, other_messages
from recsys.marketing.formats import with_format
from recsys.marketing.measurement.enough import beside_control
from recsys.marketing.measurement.uplift import SegmentedUplift, uplift, uplift_by_segment
from recsys.marketing.tables.columns import as_numbers, read_columns
from recsys.marketing.versions import MEND, checked, read_version
from recsys.protection.encryption import read_frame
from recsys.protection.pseudonyms import StoredId, stored_id
from recsys.runs.folder import RunFolder
from recsys.system.reading import reading

UPLIFT = "uplift.json"
BEFORE = "before"
# What may be thousands, if all amounts are written so.
THOUSANDS = re.compile(r"[0-9]{1,3}\.[0-9]{3}")

logger = logging.getLogger(__name__)


class OutcomesConfig(TimeConfig, FileConfig):
    """What users did: a row per event, such as the log of orders."""

    user: str = Field("user", description="column with the user's id as in the log")
    time: str = Field("time", description="column with the time")
    value: str | None = Field(None, description="column with the money, if it is compared, too")
    days: PositiveInt | None = Field(
        None,
        le=3660,
        description="from the day of sending on, that count; the campaign's by default",
    )
    before_days: NonNegativeInt = Field(
        90,
        le=3660,
        description="up to the day of sending, whose money the money afterwards is adjusted for, "
        "as far as the table has them; 0: not at all",
    )

    @model_validator(mode="after")
    def _columns_of_their_own(self) -> "OutcomesConfig":
        columns = {"user": self.user, "time": self.time, "value": self.value}
        refuse_shared({role: name for role, name in columns.items() if name is not None})
        return self


def measure_campaign(folder: Path, config: OutcomesConfig) -> Path:
    """Compares, in each campaign of a built folder, those sent it with those held out.

    Held out are those of the campaign's own holdout, who got what others got until then. With a
    global control group, which got nothing for longer, everybody assigned outside it (sent or
    held out) is compared with it apart: what all campaigns changed together since it began.

    All users assigned count as assigned, whether a message arrived or not; a user who is not among
    the outcomes did nothing. Also those held out who were sent something else all the same stay
    where they were assigned (intention to treat): how many they are is said, as the uplift is
    smaller by them.

    Money is adjusted for that of the days before, if the outcomes go back so far
    (:func:`~recsys.marketing.measurement.permutation.permutation_difference`).

    Written beside the assignments as ``uplift.json``: of each campaign the share of users who did
    something, and the money per user, overall and by segment; or why one of them cannot be
    measured (nobody held out, say); and how many of either side were sent other campaigns while the
    outcome counted.

    Args:
        folder: ``<runs-dir>/campaigns/<name>/<version>``.
        config: what users did.

    Raises:
        InputError: the folder is none of a campaign, the outcomes or a campaign beside it cannot
            be read, or no outcome is of the campaign's users and days.
    """
    if not (folder / ASSIGNMENTS).is_file():
        raise InputError(
            f"{folder} is not a campaign: give the folder that `recsys campaign build` printed, "
            "such as runs/campaigns/spring/1"
        )
    document = read_version(folder, COUNTS, KEYS)
    with reading(checked(folder, ASSIGNMENTS), MEND):
        assigned = read_frame(folder / ASSIGNMENTS)
    at, days = date.fromisoformat(document["at"]), config.days or document["days"]
    done, notes = _read(
        config,
        stored_id(document.get("pseudonyms"), set(assigned["user"]), f"the campaign {folder}"),
    )
    users, within = _users(assigned, done, config, at, days)
    notes.append(within)
    last = done["time"].max().tz_convert(config.timezone).date()
    if last < (last_day := at + timedelta(days=days - 1)):
        notes.append(
            f"the last outcome is of {last}, and the days are over after {last_day}: what comes "
            "until then is not in it"
        )
    others = other_messages(folder, document["name"], at, days, document["outcome"])
    outcomes = ["responded"] if config.value is None else ["responded", "value"]
    own = users[~assigned["control"]]
    controls = assigned.loc[assigned["control"], "campaign"].value_counts().to_dict()
    found = [
        {"name": name, **_measured(rows, outcomes, others, controls.get(name, 0))}
        for name, rows in own.groupby(assigned["campaign"], sort=False)
    ]
    control = None
    if document["control"] and document["control"]["share"]:
        outside = users.assign(treated=~assigned["control"])
        control = _measured(outside, outcomes, others)
    result = {
        "days": days,
        "before_days": config.before_days if BEFORE in users else 0,
        "outcome": document["outcome"],
        "currency": document["currency"],
        "campaigns": found,
        "control": control,
        "notes": [*notes, *others.notes],
    }
    path = folder / UPLIFT
    if path.exists():
        logger.warning("%s: what was measured before is replaced", path)
    RunFolder.write_json(path, with_format(result))
    return path


def _measured(
    users: pd.DataFrame, outcomes: Sequence[str], others: OtherMessages, control: int = 0
) -> dict[str, Any]:
    """Uplift by outcome, or why there is none; and users who were sent other campaigns."""
    measured, not_measured = {}, {}
    for outcome in outcomes:
        try:
            measured[outcome] = _compared(users, outcome)
        except InputError as error:
            not_measured[outcome] = f"{error}{beside_control(control)}"
    treated = users["treated"]
    return {
        **measured,
        "not_measured": not_measured,
        "sent_others": {
            "held_out": others.among(users.loc[~treated, "user"]),
            "treated": others.among(users.loc[treated, "user"]),
        },
    }


def _read(config: OutcomesConfig, stored: StoredId) -> tuple[pd.DataFrame, list[str]]:
    """``user``, ``time`` (UTC) and ``value`` (0 without one) of all that anybody did; notes."""
    columns = {"user": config.user, "time": config.time, "value": config.value}
    rows = read_columns(config, columns, ids=["user"], times=config, stored=stored)
    if rows.empty:
        raise InputError(f"{config.path} has no outcomes: give a row per thing that a user did")
    value = pd.Series(0.0, index=rows.index)
    if config.value is not None:
        value = as_numbers(
            rows["value"], f"{config.path}, {config.value!r} of the outcomes", config.number_format
        )
    odd = {
        "have no money, which counts as 0": int(value.isna().sum()),
        "have no user, and count for none": int(rows["user"].isnull().sum()),
        "repeat another one in user, time and money, and count all the same": int(
            rows.astype(str).duplicated().sum()
        ),
    }
    notes = [f"{count:,} of {len(rows):,} outcomes {what}" for what, count in odd.items() if count]
    given = [] if config.value is None else rows["value"].dropna().tolist()
    if given and all(THOUSANDS.fullmatch(text) for text in given):
        notes.append(
            f"each {config.value!r} has three digits after a point, such as {given[0]!r}: if these "
            "are thousands, give 'thousands=\".\"' 'decimal=\",\"'"
        )
    return rows[["user", "time"]].assign(value=value.fillna(0)), notes


def _users(
    assigned: pd.DataFrame, done: pd.DataFrame, config: OutcomesConfig, at: date, days: int
) -> tuple[pd.DataFrame, str]:
    """Each assigned user with what came of it in the days, and the money before, if any is known.

    And how many outcomes of the days are theirs.

    Raises:
        InputError: none of what was done is of these users and days.
    """
    # Days begin at midnight of the zone that the times are of.
    theirs, zone = done["user"].isin(set(assigned["user"])), config.timezone
    within = _between(done["time"], at, at + timedelta(days=days), zone)
    after = done[theirs & within]
    if after.empty:
        raise InputError(
            f"{config.path}: none of {len(done):,} outcomes is of the campaign's users and of the "
            f"{days} days from {at} on (the outcomes are from {done['time'].min():%Y-%m-%d} to "
            f"{done['time'].max():%Y-%m-%d}): check the ids, and wait until the days are over"
        )
    found = after.groupby("user")["value"].agg(["size", "sum"])
    found = found.reindex(assigned["user"]).fillna(0).reset_index(drop=True)
    users = assigned[["user"]].assign(
        treated=~assigned["held_out"], responded=found["size"] > 0, value=found["sum"]
    )
    if SEGMENT in assigned:
        users[SEGMENT] = assigned[SEGMENT].fillna("none")
    early = _between(done["time"], at - timedelta(days=config.before_days), at, zone)
    before = done[theirs & early]
    if config.value is not None and not before.empty:
        spent = before.groupby("user")["value"].sum().reindex(assigned["user"]).fillna(0)
        users[BEFORE] = spent.to_numpy()
    told = f"{len(after):,} of {within.sum():,} outcomes in the days are of the campaign's users"
    if outside := len(done) - int(within.sum()):
        earlier = int((done["time"] < pd.Timestamp(at, tz=zone)).sum())
        told += (
            f"; {outside:,} of {len(done):,} lie outside the days, {earlier:,} before and "
            f"{outside - earlier:,} after: if that is too many, look at the format of the times"
        )
    return users, told


def _between(times: pd.Series, first: date, end: date, zone: str) -> pd.Series:
    return (times >= pd.Timestamp(first, tz=zone)) & (times < pd.Timestamp(end, tz=zone))


def _compared(users: pd.DataFrame, outcome: str) -> dict[str, Any]:
    before = BEFORE if outcome == "value" and BEFORE in users else None
    found = (
        uplift_by_segment(users, outcome, before=before)
        if SEGMENT in users
        else SegmentedUplift(uplift(users, outcome, before), {}, {})
    )
    return asdict(found)
