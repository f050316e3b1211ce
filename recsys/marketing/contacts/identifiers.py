"""What a person can be found by: one spelling of each, or the reason why there is none.

Telephone numbers and countries have files of their own (``phones.py``, ``countries.py``).

Two spellings of one address, number or name become one text, so that they have one hash.
What cannot be understood is refused, never guessed: the hash of a guess would be that of
somebody else, or of nobody. No reason repeats the value.
"""

import hashlib
import re
import unicodedata

from email_validator import EmailNotValidError, validate_email

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


def person_name(text: str) -> str:
    """A first or last name in lower case, with single blanks, accents kept and composed (NFC).

    Raises:
        Unusable: it has no letter.
    """
    name = _lower(" ".join(text.split()))
    if not any(character.isalpha() for character in name):
        raise Unusable("not a name")
    return name


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


def push_token(text: str) -> str:
    """A device's token, as the tool that sends push notifications gave it out.

    Raises:
        Unusable: there is a blank or an invisible character in it.
    """
    token = text.strip()
    if not token.isprintable() or not token or len(token.split()) > 1:
        raise Unusable("not a push token")
    return token


def _lower(text: str) -> str:
    return unicodedata.normalize("NFC", text.lower())
