"""Where each user of an e-mail or push campaign is written to, and which users have no such place.

No address, no message. An e-mail goes to the address as it stands among the contacts, without
blanks around it, as the tool that sends it knows it. A push notification finds users by id, unless
the contacts have a column of push tokens.
"""

from collections.abc import Sequence
from typing import Literal

from recsys.marketing.campaigns.sharers import SHARED, Sharers
from recsys.marketing.contacts.contacts import Contacts
from recsys.marketing.contacts.identifiers import Unusable
from recsys.marketing.contacts.reverse_directory import strictest_address

AddressDetail = Literal["email", "push_token"]
NO_DETAILS = "no contact details"
# What a spreadsheet takes for a formula. An address with an apostrophe before it is another one.
FORMULA = ("=", "+", "-", "@")


class Addresses:
    """The addresses of one campaign file's users, as the tools that send the messages know them.

    Args:
        contacts: of the users.
        sharers: who of them shares an address with somebody who opted out.
    """

    def __init__(self, contacts: Contacts, sharers: Sharers) -> None:
        self._contacts = contacts
        self._sharers = sharers

    def find(
        self, channel: str, detail: AddressDetail, users: Sequence[str]
    ) -> tuple[dict[str, str], dict[str, str]]:
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
            else:
                found[user] = address
        return found, reasons

    def _address(self, user: str, detail: AddressDetail) -> str:
        read = self._contacts.read(user, detail)
        if detail != "email":
            return read
        text = (self._contacts.given(user, detail) or "").strip()
        if text.startswith(FORMULA):
            raise Unusable(f"begins with {text[0]}, which makes a formula of it in a spreadsheet")
        strictest_address(text)  # what cannot be compared could reach anybody
        return text
