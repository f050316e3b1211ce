"""Audiences for social networks: files of hashed identifiers that a platform matches.

An unsalted hash of an e-mail address or a telephone number is found again by anyone who tries
enough of them. Platforms need it so, in order to compare it with those of their own users; the file
remains personal data. By default it holds e-mail addresses and telephone numbers only: names,
countries and postal codes, which narrow down who somebody is and of which Google takes the last two
in clear, are there when asked for.
"""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from recsys.errors import InputError
from recsys.marketing.campaigns.addresses import NO_DETAILS
from recsys.marketing.campaigns.platforms import PLATFORMS, Platform, PlatformName
from recsys.marketing.campaigns.sharers import SHARED, Sharers
from recsys.marketing.contacts.contacts import Contacts
from recsys.marketing.contacts.identifiers import Unusable
from recsys.system.files import atomic_path

DEFAULT_FIELDS = ("email", "phone")
IDENTIFYING = ("email", "phone", "advertising_id")
# Reasons of a message, the most frequent first.
SHOWN = 5


@dataclass(frozen=True)
class Hashed:
    """Users as a platform is told of them.

    Attributes:
        header: of the platform's file.
        cells: by user, one per column, those of hashed columns hashed.
        left_out: ``user`` and ``reason`` of those who are not among them: without contact
            details, without a usable identifier, or with one of somebody who opted out.
        unusable: ``user``, ``field`` and ``reason`` of every detail that was given and cannot
            be used; never the value.
    """

    header: list[str]
    cells: dict[str, list[str]]
    left_out: pd.DataFrame
    unusable: pd.DataFrame


def identifying_fields(
    contacts: Contacts, platform: PlatformName, fields: Sequence[str] | None = None
) -> list[str]:
    """Of the contact details that a platform is told, those by which it finds a user.

    Raises:
        InputError: see :func:`hash_contacts`.
    """
    chosen = _chosen(platform, PLATFORMS[platform], contacts, fields)
    return [name for name in chosen if name in IDENTIFYING]


def hash_contacts(
    users: Sequence[str],
    contacts: Contacts,
    platform: PlatformName,
    fields: Sequence[str] | None = None,
    sharers: Sharers | None = None,
) -> Hashed:
    """Contact details in the spelling and the hashes of a platform's customer list.

    A cell is empty where a detail is missing or cannot be used. A user who has neither e-mail
    address nor phone number nor advertising id among the fields that can be used is left out.

    Args:
        users: ids as in the dataset; a user given twice is there once.
        contacts: of :func:`recsys.marketing.contacts.contacts.read_contacts`.
        platform: whose list it is.
        fields: contact details to give away; by default e-mail and phone, as far as there are
            any.
        sharers: who shares an identifier with somebody who opted out, in whatever spelling. They
            are not told of: the platform would find the one who said no.

    Raises:
        InputError: a field that the platform does not take or the contacts do not have, no
            field that identifies anybody, or nobody who can be identified by them.
    """
    form = PLATFORMS[platform]
    chosen = _chosen(platform, form, contacts, fields)
    identifying = identifying_fields(contacts, platform, fields)
    shared: set[str] = set()
    if sharers is not None:
        shared.update(*(sharers.of("social", name) for name in identifying))
    found: dict[str, list[str]] = {}
    left_out, unusable = [], []
    for user in dict.fromkeys(users):
        if user not in contacts.rows:
            left_out.append((user, NO_DETAILS))
            continue
        cells, reasons = _cells(form, chosen, contacts, user)
        unusable += [(user, name, reason) for name, reason in reasons.items()]
        if user in shared:
            left_out.append((user, SHARED))
        elif any(cells[name] for name in identifying):
            found[user] = [cells[name] for name in chosen]
        else:
            why = [f"{name}: {reasons.get(name, 'none given')}" for name in identifying]
            left_out.append((user, "; ".join(why)))
    if not found:
        raise InputError(_nobody(platform, left_out))
    return Hashed(
        [form.columns[name].header for name in chosen],
        found,
        pd.DataFrame(left_out, columns=["user", "reason"]),
        pd.DataFrame(unusable, columns=["user", "field", "reason"]),
    )


def write_social(hashed: Hashed, users: Sequence[str], path: Path) -> None:
    """Writes users as a platform's customer list: CSV in UTF-8, a header and a row per person.

    Users with the same cells are one row. Nobody's id is in it, and rows are in
    the order of their hashes, which says nothing.

    Args:
        hashed: how they are told of.
        users: of these.
        path: of the file; its folder must be there. It is written in whole or not at all.
    """
    with (
        atomic_path(path, private=True) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(hashed.header)
        writer.writerows(people(hashed, users))


def people(hashed: Hashed, users: Sequence[str]) -> list[tuple[str, ...]]:
    """The rows of users in a file, each once: accounts of one person are one for a platform."""
    return sorted({tuple(hashed.cells[user]) for user in users})


def _chosen(
    platform: str, form: Platform, contacts: Contacts, fields: Sequence[str] | None
) -> list[str]:
    """The fields to write, in the order of the platform's file."""
    known = contacts.details
    there = f"the contacts have {', '.join(known) or 'no such column'}"
    wanted = [name for name in DEFAULT_FIELDS if name in known] if fields is None else fields
    if foreign := [name for name in wanted if name not in form.columns]:
        raise InputError(
            f"{platform} takes {', '.join(form.columns)}, and not {', '.join(foreign)}: "
            "take it out of `fields`"
        )
    if missing := [name for name in wanted if name not in known]:
        raise InputError(
            f"the social channel {platform} needs {', '.join(missing)}, and {there}: "
            "name the column under `contacts`, or leave it out of `fields`"
        )
    if not set(wanted) & set(IDENTIFYING):
        possible = [name for name in IDENTIFYING if name in form.columns]
        raise InputError(
            f"the social channel {platform} needs {' or '.join(possible)}, and {there}: "
            "name the column under `contacts`, and the detail in `fields` if you give them"
        )
    if 0 < len(set(wanted) & set(form.together)) < len(form.together):
        raise InputError(
            f"{platform} matches {', '.join(form.together)} together or not at all: "
            "give all of them in `fields`, or none"
        )
    return [name for name in form.columns if name in wanted]


def _cells(
    form: Platform, chosen: Sequence[str], contacts: Contacts, user: str
) -> tuple[dict[str, str], dict[str, str]]:
    """A user's cells by field, and why fields that were given are empty."""
    cells, reasons = dict.fromkeys(chosen, ""), {}
    for name in chosen:
        if contacts.given(user, name) is not None:
            try:
                cells[name] = form.columns[name].cell(_understood(name, contacts, user))
            except Unusable as error:
                reasons[name] = str(error)
    if not all(cells.get(name) for name in form.together):
        # What matches nobody is not told.
        cells |= dict.fromkeys(form.together, "")
    return cells, reasons


def _understood(name: str, contacts: Contacts, user: str) -> str:
    found = contacts.read(user, name)
    # The one detail that a platform may take in clear and that is not one of a known list.
    if name == "postcode" and _repeats(found, user, contacts.rows[user]):
        raise Unusable("the same as an identifier")
    return found


def _repeats(postcode: str, user: str, details: Mapping[str, str | None]) -> bool:
    """Whether it is the user's id or another detail that came into a wrong column."""
    others = [str(other) for name, other in details.items() if name not in ("country", "postcode")]
    others += [user, str(details.get("email")).partition("@")[0]]
    return _bare(postcode) in map(_bare, others)


def _bare(text: str) -> str:
    return "".join(each for each in text.casefold() if each.isalnum())


def _nobody(platform: str, left_out: Sequence[tuple[str, str]]) -> str:
    counts = Counter(reason for _, reason in left_out).most_common(SHOWN)
    why = ", ".join(f"{count:,} with {reason!r}" for reason, count in counts) or "none is given"
    return (
        f"none of {len(left_out):,} users can be found on {platform} ({why}): check that "
        "`contacts` names the right columns, `key` the ids of the log, and `country` or `region` "
        "the country of telephone numbers without a country code"
    )
