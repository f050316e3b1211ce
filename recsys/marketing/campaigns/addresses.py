"""Where each user of an e-mail or push campaign is written to, and who has no such place.

No address, no message. An e-mail goes to the address as it stands among the contacts, without
blanks around it, as the tool that sends it knows it. A mailbox, whatever the spelling of its
address (:func:`recsys.marketing.contacts.reverse_directory.strictest_address`), gets one message of
a campaign file, and so does a device: of users who share one, the message is for the first to whom
there is something to offer, in the order of the campaigns and then of the predictions; whether that
one is held out is drawn as for everybody. A push notification finds users by id, unless the
contacts have a column of push tokens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from recsys.marketing.campaigns.sharers import SHARED, Sharers
from recsys.marketing.contacts.contacts import Contacts
from recsys.marketing.contacts.identifiers import Unusable
from recsys.marketing.contacts.reverse_directory import strictest_address

AddressDetail = Literal["email", "push_token"]
NO_DETAILS = "no contact details"
TAKEN = "shares an address with a user who has one of these campaigns"
# What a spreadsheet takes for a formula. An address with an apostrophe before it is another one.
FORMULA = ("=", "+", "-", "@")


@dataclass(frozen=True)
class Address:
    """Where a user is written to.

    Attributes:
        text: what the channel's tool is told.
        mailbox: what is the same for all who are reached there.
    """

    text: str
    mailbox: str


def one_per_mailbox(addresses: Mapping[str, Address]) -> dict[str, Address]:
    """The first user of each mailbox."""
    first: dict[str, str] = {}
    for user, address in addresses.items():
        first.setdefault(address.mailbox, user)
    return {user: addresses[user] for user in first.values()}


class Addresses:
    """The addresses of one campaign file's users, each of which gets one message.

    Args:
        contacts: of the users.
        sharers: who of them shares an address with somebody who opted out.
    """

    def __init__(self, contacts: Contacts, sharers: Sharers) -> None:
        self._contacts = contacts
        self._sharers = sharers
        self._taken: set[tuple[str, str]] = set()

    def find(
        self, channel: str, detail: AddressDetail, users: Sequence[str]
    ) -> tuple[dict[str, Address], dict[str, str]]:
        """The addresses of those who can be written to, and why the others cannot.

        Args:
            channel: ``email`` or ``push``.
            detail: of the contacts, that is the address there.
            users: ids.
        """
        found, reasons = {}, {}
        for user in users:
            if user not in self._contacts.rows:
                reasons[user] = NO_DETAILS
                continue
            try:
                address = self._address(user, detail)
            except Unusable as error:
                reasons[user] = f"{detail}: {error}"
                continue
            if user in self._sharers.of(channel, detail):
                reasons[user] = SHARED
            elif (detail, address.mailbox) in self._taken:
                reasons[user] = TAKEN
            else:
                found[user] = address
        return found, reasons

    def take(self, detail: AddressDetail, addresses: Mapping[str, Address]) -> None:
        """Lets nobody else find the mailboxes of those who have a campaign.

        Args:
            detail: as in :meth:`find`.
            addresses: of :meth:`find`, of these users.
        """
        self._taken |= {(detail, address.mailbox) for address in addresses.values()}

    def _address(self, user: str, detail: AddressDetail) -> Address:
        read = self._contacts.read(user, detail)
        if detail != "email":
            return Address(read, read)
        text = (self._contacts.given(user, detail) or "").strip()
        if text.startswith(FORMULA):
            raise Unusable(f"begins with {text[0]}, which makes a formula of it in a spreadsheet")
        return Address(text, strictest_address(text))
