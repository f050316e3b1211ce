"""Whether users who were to get nothing got something all the same."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from recsys.errors import InputError
from recsys.marketing.campaigns.built import (
    ASSIGNMENTS,
    COUNTS,
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
    together,
)
from recsys.marketing.campaigns.reached import reached
from recsys.marketing.contacts.contacts import ContactsConfig, read_contacts
from recsys.marketing.contacts.shared_details import SharedDetails
from recsys.marketing.versions import MEND, checked, read_version
from recsys.protection.encryption import read_frame
from recsys.protection.pseudonyms import StoredId, stored_id
from recsys.system.reading import read_yaml, reading

ELSEWHERE = "other tools"


@dataclass(frozen=True)
class OtherMessages:
    """What others sent, that could move the outcome, while it counted.

    Attributes:
        newest: by campaign (its file and day, or :data:`ELSEWHERE`) the users whom it reached, as
            it was sent to them or to an address that they share; of each file the version that
            was built last.
        any_version: the same of all versions: which one was sent is not known.
        notes: what could not be looked at.
    """

    newest: Mapping[str, frozenset[str]]
    any_version: Mapping[str, frozenset[str]]
    notes: list[str]

    def among(self, users: Collection[str]) -> dict[str, Any]:
        """How many of some users something reached.

        Returns:
            ``users`` and ``share`` of them, ``by`` campaign, and ``any_version``: how many it
            would be if earlier versions of these campaigns were sent.
        """
        asked = set(users)
        by = {name: len(asked & users) for name, users in self.newest.items()}
        newest = asked & frozenset().union(*self.newest.values())
        perhaps = asked & frozenset().union(*self.any_version.values())
        return {
            "users": len(newest),
            "share": len(newest) / len(asked) if asked else 0.0,
            "by": {name: count for name, count in by.items() if count},
            "any_version": len(perhaps),
        }


def other_messages(folder: Path, name: str, at: date, days: int, outcome: str) -> OtherMessages:
    """What was sent besides a campaign file, from its day of sending on.

    Looked at are the campaigns beside it (``<runs-dir>/campaigns``) with the same outcome, and
    the table under ``sent`` of its file, which has no outcomes, so that all of it counts. What
    was sent before that day does not contaminate: it met both sides alike.

    Which users share an address, and so were reached by what the other was sent, is read from the
    contacts of the campaign's file as they are today. Without contacts, ids are all there is.

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
    config, stored = _sent(folder), _stored(folder)
    pseudonyms = read_version(folder, COUNTS, []).get("pseudonyms")
    strange = [each for each in others if each.pseudonyms != pseudonyms]
    others = [each for each in others if each.pseudonyms == pseudonyms]
    complete = config is not None and config.complete
    if complete:
        built = others = []
    found, notes = _elsewhere(config, built, name, at, last, stored)
    notes += [
        f"{each.folder} knows users by other pseudonyms, so that what it sent to these is not known"
        for each in strange
    ]
    shared = SharedDetails()
    if others or len(found):
        shared = _shared(folder, notes, stored)
    with reading(checked(folder, ASSIGNMENTS), MEND):
        assigned = set(read_frame(folder / ASSIGNMENTS, ["user"])["user"])
    written_to = set(found["user"])
    if written_to and not written_to & assigned:
        notes.append(
            f"sent: the campaign has none of the {len(written_to):,} users who were sent "
            f"something meanwhile (such as {min(written_to)}): check that their ids (`sent.user`) "
            "are the log's"
        )
    if root.name != FOLDER:
        notes.append(
            f"{folder} is not in the {FOLDER} of a runs folder, so that what other campaigns sent "
            "is not known"
        )
    elsewhere = {ELSEWHERE: reached(found, shared)} if len(found) else {}
    return OtherMessages(
        _by_campaign(newest(others), shared) | elsewhere,
        _by_campaign(others, shared) | elsewhere,
        notes,
    )


def _sent(folder: Path) -> SentConfig | None:
    given = read_yaml(checked(folder, DEFINITION), MEND, ["sent"])["sent"]
    return None if given is None else SentConfig.model_validate(given)


def _stored(folder: Path) -> StoredId:
    """What becomes of the ids of tables, among users of a campaign."""
    document = read_version(folder, COUNTS, []).get("pseudonyms")
    users = read_frame(checked(folder, ASSIGNMENTS), ["user"])["user"]
    return stored_id(document, set(users), f"the campaign {folder}")


def _shared(folder: Path, notes: list[str], stored: StoredId) -> SharedDetails:
    """Which users share an address; adds to the notes why that is not known."""
    given = read_yaml(checked(folder, DEFINITION), MEND, ["contacts"])["contacts"]
    if given is None:
        return SharedDetails()
    try:
        return SharedDetails(read_contacts(ContactsConfig.model_validate(given), stored))
    except InputError as error:
        notes.append(
            "who shares an address with whom is not known, so that what others sent counts for "
            f"the ids it was sent to, and may have reached more: {error}"
        )
        return SharedDetails()


def _by_campaign(built: list[Built], shared: SharedDetails) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for each in built:
        title = f"{each.name} of {each.at}"
        users = reached(messages_of([each]), shared)
        found[title] = found.get(title, frozenset()) | users
    return found


def _elsewhere(
    config: SentConfig | None,
    built: list[Built],
    name: str,
    at: date,
    last: date,
    stored: StoredId,
) -> tuple[pd.DataFrame, list[str]]:
    """What other tools sent, and why that is not known."""
    try:
        messages, notes = messages_elsewhere(config, built, stored=stored)
    except InputError as error:
        return together([]), [f"what other tools sent is not known, and may be more: {error}"]
    first, end = pd.Timestamp(at, tz="UTC"), pd.Timestamp(last, tz="UTC") + pd.Timedelta(days=1)
    named = messages["campaign"].eq(name) & (messages["time"].dt.normalize() == first)
    own = named | is_of(messages, name, at)
    within = (messages["time"] >= first) & (messages["time"] < end) & ~own
    return messages[within & messages["user"].notnull()], notes
