"""The users who are to be forgotten: a list by which later preparations leave them out.

``<runs-dir>/forgotten.json`` holds no id: a mark of each, HMAC-SHA-256 under a key of the list's
own, which lies in it. Only its owner may read it. A user whom datasets know by pseudonyms has a
mark for each, too, so that what was made with them is recognised without their key.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from recsys.errors import Damaged
from recsys.system.files import locked
from recsys.system.manifests import read_manifest, write_manifest
from recsys.system.reading import reading

FILE = "forgotten.json"
FORMAT = 1
MEND = (
    "Restore a copy of it: without it, users who were forgotten would come back. If there is none, "
    "remove it and say again which users are to be forgotten (`recsys forget`)"
)
# Rows of a log that are left out, as reasons are called.
FORGOTTEN = "forgotten user"
# Between the cells of a line that could not be read.
_BETWEEN = re.compile(r"""[,;|\t"{}\[\]:\s]+""")


class ForgottenUsers:
    """The list of a runs folder.

    Args:
        key: of the list.
        marks: of its users.
    """

    def __init__(self, key: bytes, marks: Iterable[str]) -> None:
        self._key = key
        self.marks = frozenset(marks)

    def __len__(self) -> int:
        return len(self.marks)

    @cached_property
    def digest(self) -> str:
        """Another one for other users."""
        return hashlib.sha256("".join(sorted(self.marks)).encode()).hexdigest()[:16]

    def holds(self, user: str) -> bool:
        """Whether a user, by the id or by a pseudonym, is to be forgotten."""
        return self.mark(user) in self.marks

    def among(self, users: Iterable[str]) -> set[str]:
        """Those who are to be forgotten."""
        return {user for user in users if self.holds(user)} if self.marks else set()

    def named_in(self, line: str) -> bool:
        """Whether a line that could not be read has one of them in a cell of its own."""
        return bool(self.among({cell for cell in _BETWEEN.split(line) if cell}))

    def mark(self, user: str) -> str:
        """What stands for a user in the list."""
        return hmac.digest(self._key, user.encode(), hashlib.sha256).hex()


NOBODY = ForgottenUsers(b"", [])


def forgotten_users(runs_dir: Path) -> ForgottenUsers:
    """The list of a runs folder; an empty one if there is none.

    Raises:
        Damaged: it is not what was written.
    """
    path = runs_dir / FILE
    if not path.is_file():
        return NOBODY
    document = read_manifest(path, MEND)
    with reading(path, MEND):
        if document["format"] != FORMAT:
            raise Damaged(path, MEND, f"has format {document['format']}")
        return ForgottenUsers(bytes.fromhex(document["key"]), document["marks"])


def add_forgotten(runs_dir: Path, users: Iterable[str]) -> ForgottenUsers:
    """Adds users to the list of a runs folder.

    Args:
        runs_dir: which.
        users: their ids and their pseudonyms.

    Raises:
        Damaged: the list is not what was written.
    """
    path = runs_dir / FILE
    with locked(path):
        there = forgotten_users(runs_dir)
        key = there._key or secrets.token_bytes(32)
        marks = there.marks | {ForgottenUsers(key, []).mark(user) for user in users}
        document = {"format": FORMAT, "key": key.hex(), "marks": sorted(marks)}
        write_manifest(path, document, private=True)
    return ForgottenUsers(key, marks)
