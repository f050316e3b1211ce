"""What a person can be found by: one spelling of each, or the reason why there is none.

Two spellings of one address, number or name become one text, so that they have one hash.
What cannot be understood is refused, never guessed: the hash of a guess would be that of
somebody else, or of nobody. No reason repeats the value.
"""

import hashlib
import re
import unicodedata

import phonenumbers
import pytz  # type: ignore[import-untyped]
from email_validator import EmailNotValidError, validate_email

# Countries of ISO 3166-1, alpha-2, as the time zone database lists them.
COUNTRIES = frozenset(pytz.country_names)
# Those whose telephone numbers are known: nearly all that have inhabitants.
REGIONS = COUNTRIES & phonenumbers.SUPPORTED_REGIONS

GMAIL = ("gmail.com", "googlemail.com")
POSTCODE = re.compile(r"(?=.*[0-9])[A-Z0-9](?:[A-Z0-9 -]{0,9}[A-Z0-9])?")
ADVERTISING_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Unusable(ValueError):
    """An identifier that cannot be used; the message is the reason, without the value."""


def sha256(text: str) -> str:
    """The SHA-256 of a text in UTF-8 as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def email_address(text: str) -> str:
    """An e-mail address without blanks around it, in lower case, its domain in Unicode.

    Raises:
        Unusable: it has not the form of an address (whether it is one is not asked). That goes
            for blanks inside, too: where they should not be is a guess.
    """
    try:
        found = validate_email(text.strip(), check_deliverability=False)
    except EmailNotValidError:
        raise Unusable("not an e-mail address") from None
    return _lower(found.normalized)


def gmail_address(address: str) -> str:
    """An address of :func:`email_address` as Gmail reads it: no dots, nothing from a ``+`` on.

    Addresses of other providers stay as they are.

    Raises:
        Unusable: nothing is left of it.
    """
    name, _, domain = address.rpartition("@")
    if domain not in GMAIL:
        return address
    name = name.partition("+")[0].replace(".", "")
    if not name:
        raise Unusable("not an e-mail address")
    return f"{name}@{domain}"


def phone_number(text: str, region: str | None) -> str:
    """A telephone number in E.164, such as ``+4930123456``.

    Args:
        text: the number in national or international format.
        region: of :data:`REGIONS`, for numbers without a country code.

    Raises:
        Unusable: it is no number, none that its country gives out, has no country code where
            no region is known, or begins with the region's code but without a plus sign and
            is a number of the region either way.
    """
    text = unicodedata.normalize("NFKC", text).strip()
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        lacks_code = error.error_type == error.INVALID_COUNTRY_CODE and "+" not in text
        reason = "no country code, and no region" if lacks_code else "not a telephone number"
        raise Unusable(reason) from None
    if not phonenumbers.is_valid_number(number):
        raise Unusable("a telephone number that does not exist")
    if "+" not in text and _reads_otherwise(text, number):
        raise Unusable("with or without country code: put a + before it")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _reads_otherwise(text: str, number: phonenumbers.PhoneNumber) -> bool:
    """Whether a number of a region could begin with the region's code, the plus sign forgotten."""
    try:
        other = phonenumbers.parse(f"+{text}")
    except phonenumbers.NumberParseException:
        return False
    same_country = other.country_code == number.country_code
    return same_country and other != number and phonenumbers.is_valid_number(other)


def person_name(text: str) -> str:
    """A first or last name in lower case, with single blanks, accents kept and composed (NFC).

    Raises:
        Unusable: it has no letter.
    """
    name = _lower(" ".join(text.split()))
    if not any(character.isalpha() for character in name):
        raise Unusable("not a name")
    return name


def country_code(text: str) -> str:
    """A country's ISO 3166-1 alpha-2 code in capitals.

    Raises:
        Unusable: it is none.
    """
    code = text.strip().upper()
    if code not in COUNTRIES:
        raise Unusable("not an ISO 3166-1 alpha-2 code")
    return code


def postcode(text: str) -> str:
    """A postal code in capitals, with single blanks.

    Raises:
        Unusable: it has not the form of one: up to eleven letters A to Z, digits, blanks and
            hyphens, a digit among them.
    """
    code = " ".join(text.upper().split())
    if not POSTCODE.fullmatch(code):
        raise Unusable("not a postal code")
    return code


def advertising_id(text: str) -> str:
    """A mobile advertising id (Apple's IDFA, Google's GAID) in lower case, with hyphens.

    Raises:
        Unusable: it is none, or all zeros, which stand for a person who wants no such id.
    """
    found = text.strip().lower()
    if not ADVERTISING_ID.fullmatch(found):
        raise Unusable("not an advertising id")
    if not found.strip("0-"):
        raise Unusable("advertising id switched off")
    return found


def _lower(text: str) -> str:
    return unicodedata.normalize("NFC", text.lower())
