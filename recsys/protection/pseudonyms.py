"""Pseudonyms: user ids replaced by a keyed hash, the same for the same id and key.

``HMAC-SHA-256(key, id)`` in 64 hexadecimal digits, of the UTF-8 bytes of the key's text and of the
id in the form that it has in a dataset (``17850.0`` is ``17850``). Whoever has the key can make the
pseudonym of an id; nobody can make an id of a pseudonym but by trying ids with the key.
"""

import hashlib
import hmac
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from recsys.protection.keys import Key, key_named

# What becomes of the id of a user that a person, or a table of a person, gives.
StoredId = Callable[[str], str]


def as_given(user: str) -> str:
    """An id where users have no pseudonyms."""
    return user


@dataclass(frozen=True)
class Pseudonyms:
    """The pseudonyms of one key.

    Attributes:
        key: by which they are made.
    """

    key: Key

    def of(self, user: str) -> str:
        """The pseudonym of an id, which is in the form that it has in a dataset."""
        return hmac.digest(self.key.secret, user.encode(), hashlib.sha256).hex()

    def as_document(self) -> dict[str, str]:
        """What tells which key it was: its name and its id."""
        return {"key": self.key.name, "id": self.key.id}


def pseudonyms_of(document: Any, what: str) -> Pseudonyms | None:
    """The pseudonyms that something was made with.

    Args:
        document: of :meth:`Pseudonyms.as_document`; None: it was made with none.
        what: that thing, for messages.

    Raises:
        InputError: the key is not here, or it is another one.
    """
    if document is None:
        return None
    return Pseudonyms(key_named(document["key"], document["id"], what))


def stored_id(document: Any, known: Collection[str], what: str) -> StoredId:
    """How ids that people give become those that a dataset has.

    An id that the dataset has as it is stays: a pseudonym that was read in a file. The key is asked
    for once another id comes.

    Args:
        document: see :func:`pseudonyms_of`.
        known: ids that the dataset has.
        what: the dataset, for messages.
    """
    if document is None:
        return as_given
    found: list[Pseudonyms] = []

    def stored(user: str) -> str:
        if user in known:
            return user
        if not found:
            found.append(Pseudonyms(key_named(document["key"], document["id"], what)))
        return found[0].of(user)

    return stored
