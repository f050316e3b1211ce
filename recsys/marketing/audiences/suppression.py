"""Users who must not be addressed: the list that a company keeps of those who opted out.

A list names them by the user's id, by e-mail address or by telephone number, whatever column it
has of these. An address is that of every contact who has it, in whatever spelling
(:mod:`recsys.marketing.contacts.reverse_directory`).
"""

from collections.abc import Hashable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd
from pydantic import Field, model_validator

from recsys.data.prepare.wanted import HOLDS
from recsys.data.sources.config import FileConfig
from recsys.errors import InputError
from recsys.marketing.contacts.channel_names import CHANNELS, channel_name
from recsys.marketing.contacts.contacts import (
    Contacts,
    ContactsConfig,
    contact_notes,
    read_contacts,
    region_of,
)
from recsys.marketing.contacts.identifiers import Unusable
from recsys.marketing.contacts.reverse_directory import ReverseDirectory
from recsys.marketing.tables.columns import Condition, read_columns
from recsys.marketing.tables.strangers import told_of
from recsys.protection.pseudonyms import StoredId, as_given
from recsys.system.display import counted

EVERY_CHANNEL = "all"
EMPTY = "empty"


class SuppressionConfig(FileConfig):
    """The list of those who opted out: a row names them by one or more of its columns."""

    key: str | None = Field(None, description="column with the user's id as in the log")
    email: str | None = Field(
        None, description="column with the e-mail address: of all contacts that have it"
    )
    phone: str | None = Field(
        None, description="column with the telephone number: of all contacts that have it"
    )
    country: str | None = Field(
        None,
        description="column with the country of numbers without a country code, as that of the "
        "contacts; where it is not known, a number is that of every user whose number has "
        "the same last eight digits",
    )
    channel: str | None = Field(
        None,
        description="column with the channel that is opted out of (push, email, social; empty or "
        "`all`: every one); without it, every row is for every channel",
    )
    where: str | None = Field(
        None,
        description="condition on the list's own columns, in SQL, such as opt_out = 'yes': whoever "
        "has a row for which it holds opted out; where it is false or unknown, a row is not read "
        "further. Without it, every row is of a user who opted out. Columns of text files are "
        "text: TRY_CAST(consent AS INT) = 0",
    )
    empty: Literal["refuse", "allow"] = Field(
        "refuse",
        description="what to do where the condition holds for no row of the list: a condition "
        "that is not what was meant would address everybody who said no",
    )
    unknown: Literal["refuse", "allow"] = Field(
        "refuse",
        description="what to do about users whom the log does not have, whether an id or the "
        "address of a contact names them: `allow` if the list also holds people who never did "
        "anything. Addresses that no contact has are only counted: no user is reached there",
    )

    @property
    def addresses(self) -> dict[str, str]:
        """Its columns of addresses, by contact detail."""
        columns = {"email": self.email, "phone": self.phone}
        return {detail: name for detail, name in columns.items() if name is not None}

    @model_validator(mode="after")
    def _names_somebody(self) -> "SuppressionConfig":
        if self.key is None and not self.addresses:
            raise ValueError(
                "name the column of the opt-out list that identifies users: `key` (the user's id "
                "as in the log), `email` or `phone`"
            )
        if self.country is not None and self.phone is None:
            raise ValueError("`country` is that of telephone numbers: name their column, `phone`")
        return self


@dataclass(frozen=True)
class Suppressed:
    """Users who opted out.

    Attributes:
        everywhere: ids of those who are not addressed at all.
        channels: by channel, ids of those who are not addressed there.
        unknown: how many users of the list, by id or by address, the log does not have.
        nobodys: how many rows of the list have addresses only that no contact has.
        unreadable: how many addresses of the list cannot be read, in rows that also say otherwise
            which user is meant.
        file: the list, for messages.
        condition: of how many rows of the list its `where` ``holds``, is ``unknown``, and ``of``
            how many it has; None: every row counts.
    """

    everywhere: frozenset[str] = frozenset()
    channels: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unknown: int = 0
    nobodys: int = 0
    unreadable: int = 0
    file: str = ""
    condition: Mapping[str, int] | None = None

    def of(self, channel: str) -> frozenset[str]:
        """Users who are not addressed in a channel."""
        return self.everywhere | self.channels.get(channel, frozenset())

    @property
    def counts(self) -> dict[str, Any]:
        """What was taken of the list, and what of it concerns no known user, for documents."""
        return {
            "opt_outs_where": None if self.condition is None else dict(self.condition),
            "unknown_opt_outs": self.unknown,
            "opted_out_addresses_of_nobody": self.nobodys,
            "unreadable_opted_out_addresses": self.unreadable,
        }


def suppression_notes(document: Mapping[str, Any]) -> list[str]:
    """What was taken of a list by its condition, and what concerns no known user, a line each.

    Args:
        document: that has :attr:`Suppressed.counts`.
    """
    notes = {
        "unknown_opt_outs": "users of the opt-out list that the log does not have",
        "opted_out_addresses_of_nobody": "rows of the opt-out list with addresses that no contact "
        "has, so that no user is reached there",
        "unreadable_opted_out_addresses": "addresses of the opt-out list that cannot be read, in "
        "rows that also identify the user in another way",
    }
    lines = [f"{note}: {document[each]:,}" for each, note in notes.items() if document[each]]
    return [*_condition_notes(document["opt_outs_where"]), *lines]


def _condition_notes(found: Mapping[str, int] | None) -> list[str]:
    if found is None:
        return []
    told = (
        f"rows of the opt-out list for which `where` holds: {found['holds']:,} of {found['of']:,}"
    )
    if found["unknown"]:
        told += f"; for {found['unknown']:,} it is not known, and counts as no"
    if not found["holds"]:
        told += ": the list keeps no user out, so look at the condition"
    return [told]


def check_suppression(config: SuppressionConfig | None, contacts: ContactsConfig | None) -> None:
    """Checks that there are contacts among which a list's addresses can be found.

    Raises:
        ValueError: there are none, or they lack the column.
    """
    for detail, name in ({} if config is None else config.addresses).items():
        if getattr(contacts, detail, None) is None:
            raise ValueError(
                f"the opt-out list has addresses (suppress.{detail}: {name}), and nothing tells "
                "whose they are: name under `contacts` the table that has them, with its columns "
                f"`key` and `{detail}`"
            )


def suppression_contacts(
    config: SuppressionConfig | None,
    contacts: ContactsConfig | None,
    known: Set[str],
    stored: StoredId = as_given,
) -> Contacts | None:
    """The contacts, if they are needed to find whose the addresses of a list are.

    Args:
        config: the list.
        contacts: the table.
        known: ids of all users of the log.
        stored: what the ids of the table are in the log's dataset.

    Raises:
        InputError: see :func:`read_contacts` and :func:`contact_notes`.
    """
    if config is None or contacts is None or not config.addresses:
        return None
    found = read_contacts(contacts, stored)
    contact_notes(found, known)
    return found


def read_suppressed(
    config: SuppressionConfig | None,
    known: Set[str],
    contacts: Contacts | None = None,
    stored: StoredId = as_given,
) -> Suppressed:
    """Reads the list.

    Args:
        config: where it is; None: nobody opted out.
        known: ids of all users of the log.
        contacts: those among whom its addresses are looked for; a list of ids needs none.
        stored: what the ids of the list are in the log's dataset.

    Raises:
        InputError: the list cannot be read; its condition cannot be used, or holds for no row; a
            row names nobody or no channel; or users are unknown: their ids, or those of the
            contacts whose addresses they are, may be of another kind, and then somebody who said
            no would be addressed.
    """
    if config is None:
        return Suppressed()
    roles = {"user": config.key, **config.addresses}
    columns = {**roles, "country": config.country, "channel": config.channel}
    condition = None if config.where is None else Condition(config.where, "suppress.where")
    rows = read_columns(config, columns, ids=["user", "phone"], condition=condition, stored=stored)
    asked = None if condition is None else _answers(rows[HOLDS])
    if asked is not None:
        if not asked["holds"] and config.empty == "refuse":
            raise InputError(_holds_for_none(config, asked))
        rows = rows[rows[HOLDS].eq(True)]
    rows = rows.reindex(columns=["user", "email", "phone", "country", "channel"])
    rows = rows.astype(object).where(rows.notnull(), None)
    directories = {}
    for detail in config.addresses:
        assert contacts is not None  # `check_suppression` asks for them
        directories[detail] = ReverseDirectory(contacts, detail)
    everywhere: set[str] = set()
    channels: dict[str, set[str]] = {}
    named: set[str] = set()
    strangers: set[str] = set()
    by_address: set[str] = set()
    nobodys = unreadable = 0
    for number, row in zip(rows.index + 1, rows.to_dict("records"), strict=True):
        channel = _channel(config, row["channel"])
        owners, why = _owners(row, directories)
        users = frozenset().union(*owners)
        unreadable += sum(reason != EMPTY for reason in why.values())
        user = row["user"]
        if user is None and not owners:
            raise InputError(_of_nobody(config, number, why))
        if user is None and not users:
            nobodys += 1
        if not known & (meant := users if user is None else users | {user}):
            strangers |= meant
            by_address |= users
        named |= meant
        silent = everywhere if channel == EVERY_CHANNEL else channels.setdefault(channel, set())
        silent |= meant
    if strangers and config.unknown == "refuse":
        raise InputError(_unknown(config, strangers, by_address, len(named), known))
    rest = {channel: frozenset(users) for channel, users in channels.items()}
    return Suppressed(
        frozenset(everywhere),
        rest,
        len(strangers),
        nobodys,
        unreadable,
        str(config.path or config.public),
        asked,
    )


def _holds_for_none(config: SuppressionConfig, asked: Mapping[str, int]) -> str:
    unknown = f", and for {asked['unknown']:,} it is not known" if asked["unknown"] else ""
    return (
        f"suppress.where: {config.where} holds for none of {counted(asked['of'], 'row')} of "
        f"{config.path or config.public}{unknown}: everybody who opted out would be addressed. "
        "Look at how the column is spelled. If nobody opted out yet, say `empty: allow`"
    )


def _answers(holds: pd.Series) -> dict[str, int]:
    """Of how many rows a condition holds, of how many it is not known, and of how many in all."""
    held, unknown = int(holds.eq(True).sum()), int(holds.isnull().sum())
    return {"holds": held, "unknown": unknown, "of": len(holds)}


def _channel(config: SuppressionConfig, cell: str | None) -> str:
    channel = EVERY_CHANNEL if cell is None else channel_name(cell)
    if channel not in CHANNELS | {EVERY_CHANNEL}:
        raise InputError(
            f"{config.path}: {channel!r} in the opt-out list is not a channel; choose one of "
            f"{', '.join(sorted(CHANNELS))}, and {EVERY_CHANNEL!r}"
        )
    return channel


def _owners(
    row: Mapping[Hashable, str | None], directories: Mapping[str, ReverseDirectory]
) -> tuple[list[frozenset[str]], dict[str, str]]:
    """The owners of each readable address of a row, and why the others cannot be read."""
    owners, why = [], {}
    for detail, directory in directories.items():
        text = row[detail]
        try:
            if text is None:
                raise Unusable(EMPTY)
            owners.append(directory.users(text, region_of(row["country"])))
        except Unusable as error:
            why[detail] = str(error)
    return owners, why


def _of_nobody(config: SuppressionConfig, number: int, why: Mapping[str, str]) -> str:
    reasons = [f"no {config.key!r}"] if config.key is not None else []
    for detail, reason in why.items():
        name = config.addresses[detail]
        reasons.append(f"no {name!r}" if reason == EMPTY else f"in {name!r} {reason}")
    return (
        f"{config.path}: row {number} of the opt-out list has {' and '.join(reasons)}, so that "
        "it identifies no user: complete it or take it out"
    )


def _unknown(
    config: SuppressionConfig,
    strangers: Set[str],
    by_address: Set[str],
    size: int,
    known: Set[str],
) -> str:
    so = "so they may be addressed under another id"
    of_contacts = (
        f" Found by their addresses, with the ids of the contacts: {len(by_address):,} of these. "
        "The column of `contacts.key` must have the ids of the log."
        if by_address
        else ""
    )
    return (
        f"{config.path}: {told_of(strangers, size, known, 'the opt-out list', so)}.{of_contacts} "
        "Give the ids of the log, or set `unknown: allow` if the list also holds people who never "
        "did anything."
    )
