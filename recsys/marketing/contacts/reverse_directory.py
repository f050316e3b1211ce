"""Users reached at an address or a number: so that an opt-out in one spelling counts for all.

Whether somebody may be addressed is asked more strictly than who somebody is. To two people whose
addresses are taken for one, a message is lost; to somebody who said no, it must not go. So
addresses are compared in the spelling in which most are equal, and telephone numbers of which one
has no known country by their last digits, as they are dialled with and without codes and prefixes.
"""

import re
import unicodedata
from collections.abc import Hashable, Iterable
from contextlib import suppress
from functools import cached_property
from typing import NamedTuple

import phonenumbers

from recsys.marketing.contacts.contacts import READERS, Contacts
from recsys.marketing.contacts.identifiers import GMAIL, Unusable, email_address
from recsys.marketing.contacts.phones import NOT_A_NUMBER, phone_number

# Digits of a number's end that are compared: without trunk prefix, country and, in most countries,
# area code. Shorter numbers are compared whole.
ENDING = 8
FEWEST_DIGITS, MOST_DIGITS = 5, 15  # E.164 has no more, and hardly a country fewer
# What is left of a number that a spreadsheet took for an amount: 4.91511E+12, 4,91511E+12.
ROUNDED = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?e[+-]?[0-9]+", re.IGNORECASE)
EXTENSION = re.compile(r"(?<=[0-9])[^0-9]*(?:[^\W\d_]|[#;,]).*", re.DOTALL)


def strictest_address(text: str) -> str:
    """An e-mail address in the spelling in which most that reach one mailbox are equal.

    Compatible characters are one (NFKC), letters have no case, a domain is as IDNA writes it,
    whatever stands from a ``+`` on is dropped at every provider, and at Gmail dots, too, whose two
    domains are one.

    >>> strictest_address("J.Doe+news@GoogleMail.com") == strictest_address("jdoe@gmail.com")
    True

    Raises:
        Unusable: it has not the form of an address.
    """
    address = email_address(unicodedata.normalize("NFKC", text))
    name, _, domain = address.rpartition("@")
    name = unicodedata.normalize("NFKC", name.casefold())
    name = name.partition("+")[0] or name
    if domain in GMAIL:
        name, domain = name.replace(".", "") or name, GMAIL[0]
    return f"{name}@{domain}"


def telephone_digits(text: str) -> str:
    """The digits of a telephone number, without zeros before them and without an extension.

    Raises:
        Unusable: they are fewer than five or more than fifteen, which is not one number, or
            another number follows them; or a spreadsheet has rounded it.
    """
    text = unicodedata.normalize("NFKC", text)
    if ROUNDED.fullmatch(text.strip()):
        raise Unusable("a telephone number that a spreadsheet has rounded, as in 4.9E+12")
    number = EXTENSION.sub("", text)
    digits = phonenumbers.normalize_digits_only(number).lstrip("0")
    rest = phonenumbers.normalize_digits_only(text.removeprefix(number))
    if not FEWEST_DIGITS <= len(digits) <= MOST_DIGITS or len(rest) >= FEWEST_DIGITS:
        raise Unusable(NOT_A_NUMBER)
    return digits


class _Key(NamedTuple):
    """What is compared of a detail.

    Attributes:
        exact: its one spelling; None of a telephone number whose country is not known.
        digits: of a telephone number; None of another detail.
    """

    exact: str | None
    digits: str | None = None


class ReverseDirectory:
    """Users by one of their contact details.

    Args:
        contacts: whose details they are.
        detail: ``email``, ``phone``, ``advertising_id`` or ``push_token``, of which the contacts
            have a column.
    """

    def __init__(self, contacts: Contacts, detail: str) -> None:
        self._contacts = contacts
        self._detail = detail
        self._keys: dict[str, _Key] = {}
        self._exact: dict[str, list[str]] = {}
        # Telephone numbers alone: of all, and of those whose country is not known.
        self._endings, self._unplaced = _Endings(), _Endings()
        for user in contacts.rows:
            text = contacts.given(user, detail)
            if text is not None:
                with suppress(Unusable):  # nobody is addressed there
                    self._add(user, text)

    def _add(self, user: str, text: str) -> None:
        key = self._key(text, self._number(user) if self._detail == "phone" else None)
        self._keys[user] = key
        if key.exact is not None:
            self._exact.setdefault(key.exact, []).append(user)
        if key.digits is not None:
            self._endings.add(key.digits, user)
            if key.exact is None:
                self._unplaced.add(key.digits, user)

    def sharing(self, users: Iterable[str]) -> frozenset[str]:
        """Users who have the detail in common with any of some users; none of a user without it."""
        keys = {self._keys[user] for user in users if user in self._keys}
        return frozenset().union(*map(self._found, keys))

    def key(self, user: str) -> Hashable:
        """What is equal for users who share it with the same ones; None of who has no such detail.

        Telephone numbers can be shared without being equal (:meth:`sharing`).
        """
        return self._keys.get(user)

    def users(self, text: str, country: str | None = None) -> frozenset[str]:
        """Users who are reached at an address or a number, in whatever spelling.

        Args:
            text: the address or the number.
            country: of a telephone number without a country code, if that is known. Otherwise it
                is everybody's whose number has the same last eight digits.

        Raises:
            Unusable: it cannot be read.
        """
        number = None
        if self._detail == "phone":
            with suppress(Unusable):
                number = phone_number(text, country)
        return self._found(self._key(text, number))

    def _key(self, text: str, number: str | None) -> _Key:
        """Of a detail and, if it is a telephone number of a known country, that in E.164."""
        if self._detail == "phone":
            return _Key(number, telephone_digits(number or text))
        return _Key(
            strictest_address(text) if self._detail == "email" else READERS[self._detail](text)
        )

    def _found(self, key: _Key) -> frozenset[str]:
        exact = () if key.exact is None else self._exact.get(key.exact, ())
        if key.digits is None:
            return frozenset(exact)
        endings = self._endings if key.exact is None else self._unplaced
        return frozenset(endings.find(key.digits).union(exact))

    def _number(self, user: str) -> str | None:
        """A user's telephone number in E.164, None if its country is not known for sure."""
        try:
            return self._contacts.read(user, "phone")
        except Unusable:
            return None


class _Endings:
    """Users by the last digits of their telephone numbers."""

    def __init__(self) -> None:
        self._numbers: list[tuple[str, str]] = []
        self._by_length: dict[int, dict[str, list[str]]] = {}

    def add(self, digits: str, user: str) -> None:
        """Adds a number of at least five digits; all are added before one is looked for."""
        self._numbers.append((digits[-ENDING:], user))

    def find(self, digits: str) -> set[str]:
        """Users whose number ends as this one does: in eight digits, or those of the shorter."""
        digits = digits[-ENDING:]
        found = set(self._ending(len(digits)).get(digits, ()))
        for length in range(FEWEST_DIGITS, len(digits)):
            found.update(self._whole.get(digits[-length:], ()))
        return found

    @cached_property
    def _whole(self) -> dict[str, list[str]]:
        """Users by numbers of fewer than eight digits."""
        return _by_key((digits, user) for digits, user in self._numbers if len(digits) < ENDING)

    def _ending(self, length: int) -> dict[str, list[str]]:
        """Users by the last digits of their numbers, made when it is first asked for."""
        if length not in self._by_length:
            ends = ((digits[-length:], user) for digits, user in self._numbers)
            self._by_length[length] = _by_key(ends)
        return self._by_length[length]


def _by_key(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, user in pairs:
        found.setdefault(key, []).append(user)
    return found
