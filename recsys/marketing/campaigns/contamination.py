"""Whether users who should have got nothing got something all the same."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from recsys.errors import InputError
from recsys.marketing.campaigns.built import (
    ASSIGNMENTS,
    DEFINITION,
    FOLDER,
    Built,
    built_campaigns,
    newest,
)
from recsys.marketing.campaigns.messages import (
    SentConfig,
    is_of,
    messages_elsewhere,
    messages_of,
)
from recsys.marketing.versions import MEND, checked
from recsys.reading import read_yaml, reading

ELSEWHERE = "other tools"


@dataclass(frozen=True)
class OtherMessages:
    """What others sent, that could move the outcome, while it counted.

    Attributes:
        newest: by campaign (its file and day, or :data:`ELSEWHERE`) the users who were sent it,
            of each file the version that was built last.
        any_version: the same of all versions: nobody knows which one was sent.
        notes: what could not be looked at.
    """

    newest: Mapping[str, frozenset[str]]
    any_version: Mapping[str, frozenset[str]]
    notes: list[str]

    def among(self, users: Collection[str]) -> dict[str, Any]:
        """How many of some users were sent something.

        Returns:
            ``users`` and ``share`` of them, ``by`` campaign, and ``any_version``: how many it
            would be if earlier versions of these campaigns were sent.
        """
        asked = set(users)
        by = {name: len(asked & sent) for name, sent in self.newest.items()}
        reached = asked & frozenset().union(*self.newest.values())
        perhaps = asked & frozenset().union(*self.any_version.values())
        return {
            "users": len(reached),
            "share": len(reached) / len(asked) if asked else 0.0,
            "by": {name: count for name, count in by.items() if count},
            "any_version": len(perhaps),
        }


def other_messages(folder: Path, name: str, at: date, days: int, outcome: str) -> OtherMessages:
    """What was sent besides a campaign file, from its day of sending on.

    Looked at are the campaigns beside it (``<runs-dir>/campaigns``) with the same outcome, and
    the table under ``sent`` of its file, which has no outcomes, so that all of it counts. What
    was sent before that day is no contamination: it met both sides alike.

    Args:
        folder: ``<runs-dir>/campaigns/<name>/<version>``.
        name: of its file.
        at: its day of sending.
        days: from that day on.
        outcome: what it was to move.

    Raises:
        InputError: a campaign beside it is damaged.
    """
    root = folder.resolve().parent.parent
    built = built_campaigns(root.parent, name) if root.name == FOLDER else []
    last = at + timedelta(days=days - 1)
    others = [
        each
        for each in built
        if at <= each.at <= last and each.outcome == outcome and (each.name, each.at) != (name, at)
    ]
    config = _sent(folder)
    complete = config is not None and config.complete
    if complete:
        built = others = []
    found, notes = _elsewhere(config, built, name, at, last)
    with reading(checked(folder, ASSIGNMENTS), MEND):
        assigned = set(pd.read_parquet(folder / ASSIGNMENTS, columns=["user"])["user"])
    if found and not found & assigned:
        notes.append(
            f"sent: the campaign has none of the {len(found):,} users who were sent something "
            f"meanwhile (such as {min(found)}): check that their ids (`sent.user`) are the log's"
        )
    if root.name != FOLDER:
        notes.append(
            f"{folder} is not in the {FOLDER} of a runs folder, so that what other campaigns sent "
            "is not known"
        )
    elsewhere = {ELSEWHERE: found} if found else {}
    return OtherMessages(
        _by_campaign(newest(others)) | elsewhere, _by_campaign(others) | elsewhere, notes
    )


def _sent(folder: Path) -> SentConfig | None:
    given = read_yaml(checked(folder, DEFINITION), MEND, ["sent"])["sent"]
    return None if given is None else SentConfig.model_validate(given)


def _by_campaign(built: list[Built]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for each in built:
        title = f"{each.name} of {each.at}"
        users = frozenset(messages_of([each])["user"])
        found[title] = found.get(title, frozenset()) | users
    return found


def _elsewhere(
    config: SentConfig | None, built: list[Built], name: str, at: date, last: date
) -> tuple[frozenset[str], list[str]]:
    """Users whom other tools sent something, and why that is not known."""
    try:
        messages, notes = messages_elsewhere(config, built)
    except InputError as error:
        return frozenset(), [f"what other tools sent is not known, and may be more: {error}"]
    first, end = pd.Timestamp(at, tz="UTC"), pd.Timestamp(last, tz="UTC") + pd.Timedelta(days=1)
    named = messages["campaign"].eq(name) & (messages["time"].dt.normalize() == first)
    own = named | is_of(messages, name, at)
    within = (messages["time"] >= first) & (messages["time"] < end) & ~own
    return frozenset(messages.loc[within, "user"].dropna()), notes
