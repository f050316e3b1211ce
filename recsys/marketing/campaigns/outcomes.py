"""What a campaign changed: those it was sent to against those held out."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field, PositiveInt

from recsys.data.sources import FileConfig
from recsys.data.times import TimeConfig
from recsys.errors import InputError
from recsys.marketing.audiences.users_table import SEGMENT
from recsys.marketing.campaigns.built import ASSIGNMENTS, COUNTS, KEYS
from recsys.marketing.campaigns.contamination import OtherMessages, other_messages
from recsys.marketing.measurement.uplift import SegmentedUplift, uplift, uplift_by_segment
from recsys.marketing.tables import as_numbers, read_columns
from recsys.marketing.versions import MEND, checked, read_version
from recsys.reading import reading
from recsys.run_folder import RunFolder

UPLIFT = "uplift.json"


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


def measure_campaign(folder: Path, config: OutcomesConfig) -> Path:
    """Compares, in each campaign of a built folder, those sent it with those held out.

    Held out are those of the campaign's own holdout and those of the global control group. With
    a control group, everybody assigned outside it (sent or held out) is compared with it, too:
    what all campaigns changed together since it began.

    Everybody assigned counts as assigned, whether a message arrived or not; who is not among the
    outcomes did nothing. Also those held out who were sent something else all the same stay
    where they were assigned (intention to treat): how many they are is said, as the uplift is
    smaller by them.

    Written beside the assignments as ``uplift.json``: of each campaign the share of users who did
    something, and the money per user, overall and by segment; or why it cannot be measured
    (nobody held out, say); and how many of either side were sent other campaigns while the
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
            f"{folder} is no campaign: give the folder that `recsys campaign build` printed, such "
            "as runs/campaigns/spring/1"
        )
    document = read_version(folder, COUNTS, KEYS)
    with reading(checked(folder, ASSIGNMENTS), MEND):
        assigned = pd.read_parquet(folder / ASSIGNMENTS)
    at, days = date.fromisoformat(document["at"]), config.days or document["days"]
    did, last = _within(config, at, days, set(assigned["user"]))
    others = other_messages(folder, document["name"], at, days, document["outcome"])
    done = did.groupby("user")["value"].agg(["size", "sum"])
    done = done.reindex(assigned["user"]).fillna(0).reset_index(drop=True)
    users = assigned[["user"]].assign(
        treated=~assigned["held_out"], responded=done["size"] > 0, value=done["sum"]
    )
    if SEGMENT in assigned:
        users[SEGMENT] = assigned[SEGMENT].fillna("none")
    outcomes = ["responded"] if config.value is None else ["responded", "value"]
    found = [
        {"name": name, **_measured(users.loc[rows.index], outcomes, others)}
        for name, rows in assigned.groupby("campaign", sort=False)
    ]
    control = None
    if document["control"] and document["control"]["share"]:
        outside = users.assign(treated=~assigned["control"])
        control = _measured(outside, outcomes, others)
    RunFolder.write_json(
        folder / UPLIFT,
        {
            "days": days,
            "outcome": document["outcome"],
            "last_outcome": last,
            "campaigns": found,
            "control": control,
            "notes": others.notes,
        },
    )
    return folder / UPLIFT


def _measured(
    users: pd.DataFrame, outcomes: Sequence[str], others: OtherMessages
) -> dict[str, Any]:
    """Uplift by outcome, or why there is none; and who was sent other campaigns."""
    try:
        measured: dict[str, Any] = {each: _compared(users, each) for each in outcomes}
    except InputError as error:
        measured = {"not_measured": str(error)}
    treated = users["treated"]
    return {
        **measured,
        "sent_others": {
            "held_out": others.among(users.loc[~treated, "user"]),
            "treated": others.among(users.loc[treated, "user"]),
        },
    }


def _within(
    config: OutcomesConfig, at: date, days: int, users: set[str]
) -> tuple[pd.DataFrame, str]:
    """``user`` and ``value`` (0 without one) of what assigned users did in the days.

    And the day of the last outcome of anybody: if it is before the days are over, they may not be.
    """
    columns = {"user": config.user, "time": config.time, "value": config.value}
    rows = read_columns(config, columns, ids=["user"], times=config)
    if rows.empty:
        raise InputError(f"{config.path} has no outcomes: give a row per thing that a user did")
    times = rows["time"]
    value = pd.Series(0.0, index=rows.index)
    if config.value is not None:
        value = as_numbers(
            rows["value"], f"{config.path}, {config.value!r} of the outcomes", config.number_format
        )
    first = pd.Timestamp(at, tz="UTC")
    within = (times >= first) & (times < first + pd.Timedelta(days=days))
    kept = rows[["user"]].assign(value=value.fillna(0))[within & rows["user"].isin(users)]
    if kept.empty:
        raise InputError(
            f"{config.path}: none of {len(rows)} outcomes is of the campaign's users and of the "
            f"{days} days from {at} on (the outcomes are from {times.min():%Y-%m-%d} to "
            f"{times.max():%Y-%m-%d}): check the ids, and wait until the days are over"
        )
    return kept, times.max().date().isoformat()


def _compared(users: pd.DataFrame, outcome: str) -> dict[str, Any]:
    found = (
        uplift_by_segment(users, outcome)
        if SEGMENT in users
        else SegmentedUplift(uplift(users, outcome), {}, {})
    )
    return asdict(found)
