"""The customer lists that advertising platforms take, as they document them.

Google Ads, Customer Match. Header, and what is hashed: "Format your customer data file",
https://support.google.com/google-ads/answer/7659867, and "About the customer matching process",
https://support.google.com/google-ads/answer/7474263 (country and zip must not be hashed).
Spellings: "Format user data" of the Data Manager API, by which Customer Match lists are
uploaded, https://developers.google.com/data-manager/api/devguides/concepts/formatting: lower
case; for gmail.com and googlemail.com no dots and nothing from the plus sign on; E.164 with the
plus sign. An address is matched by both names, country and zip together or not at all. Mobile
advertising ids go unhashed into a list of their own and are therefore not offered here.

Meta, customer list. Header: "How to format a customer list when creating a custom audience",
https://www.facebook.com/business/help/2082575038703844. Spellings, hashes and published
examples: "Customer Information Parameters",
https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/customer-information-parameters:
e-mail trimmed and in lower case; phone as digits with country code, no plus sign; names without
punctuation; zip without blank and dash, of US ones five digits; country in lower case; all of
them hashed. Its mobile advertising ids are not hashed and are therefore not offered here.

TikTok, customer file. Header, spellings and published examples: "List of supported IDs and
formats for a customer file",
https://ads.tiktok.com/help/article/list-of-supported-ids-and-formats-for-a-customer-file.
Phones are documented with the plus sign and without it; the published hash is of one without.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from recsys.marketing.contacts.identifiers import gmail_address, sha256

PlatformName = Literal["google", "meta", "tiktok"]
ZIP_PLUS_4 = re.compile(r"([0-9]{5})-?[0-9]{4}")


def _as_it_is(text: str) -> str:
    return text


def _digits(number: str) -> str:
    return number.removeprefix("+")


def _unpunctuated(name: str) -> str:
    marks = (each for each in name if not unicodedata.category(each).startswith("P"))
    return " ".join("".join(marks).split())


def _compact(postcode: str) -> str:
    short = ZIP_PLUS_4.fullmatch(postcode)
    return (short[1] if short else re.sub("[ -]", "", postcode)).lower()


@dataclass(frozen=True)
class Column:
    """A column of a platform's file.

    Attributes:
        header: its name.
        spelling: from that of :mod:`recsys.marketing.contacts.identifiers` to the platform's.
        hashed: whether cells are SHA-256 hashes; others stand in clear.
    """

    header: str
    spelling: Callable[[str], str] = _as_it_is
    hashed: bool = True

    def cell(self, identifier: str) -> str:
        """What stands in the file for an identifier.

        Raises:
            Unusable: the platform's spelling leaves nothing of it.
        """
        text = self.spelling(identifier)
        return sha256(text) if self.hashed else text


@dataclass(frozen=True)
class Platform:
    """A platform's file.

    Attributes:
        columns: by contact detail, in the order of the file.
        together: details that the platform matches together or not at all.
    """

    columns: Mapping[str, Column]
    together: tuple[str, ...] = field(default=())


PLATFORMS: Mapping[PlatformName, Platform] = {
    "google": Platform(
        {
            "email": Column("Email", gmail_address),
            "phone": Column("Phone"),
            "first_name": Column("First Name"),
            "last_name": Column("Last Name"),
            "country": Column("Country", hashed=False),
            "postcode": Column("Zip", hashed=False),
        },
        together=("first_name", "last_name", "country", "postcode"),
    ),
    "meta": Platform(
        {
            "email": Column("email"),
            "phone": Column("phone", _digits),
            "first_name": Column("fn", _unpunctuated),
            "last_name": Column("ln", _unpunctuated),
            "country": Column("country", str.lower),
            "postcode": Column("zip", _compact),
        }
    ),
    "tiktok": Platform(
        {
            "email": Column("Email_SHA256"),
            "phone": Column("Phone_SHA256", _digits),
            "advertising_id": Column("MAID_SHA256"),
        }
    ),
}
