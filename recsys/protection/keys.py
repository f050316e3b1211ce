"""Secret keys, which settings name and the machine holds.

A setting names a key (``key: users``) and never says where it is: one of three environment
variables does. So an experiment, and what is made of it, holds no secret and runs no command of
its own.

============================  =================================================================
variable                      holds
============================  =================================================================
``RECSYS_KEY_USERS``          the key itself
``RECSYS_KEY_USERS_FILE``     path of a file with the key, which its owner alone may read
``RECSYS_KEY_USERS_COMMAND``  a command that prints the key, run without a shell
============================  =================================================================

A key is text of at least 32 characters, such as ``openssl rand -hex 32`` prints; blanks and line
breaks around it do not count. Its *id* tells keys apart, and tells nothing of the key.
"""

import functools
import hashlib
import hmac
import os
import shlex
import stat
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field

from recsys.errors import InputError
from recsys.system.redaction import remember_value

VARIABLE = "RECSYS_KEY_"
SHORTEST = 32
COMMAND_SECONDS = 60
# Without `_`: the key `users_file` would be taken for the file of the key `users`.
KeyName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,39}$")]


@dataclass(frozen=True)
class Key:
    """A secret key.

    Attributes:
        name: by which settings know it.
        secret: the bytes of its text; in no representation of the key.
    """

    name: str
    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """16 hexadecimal digits that are the same for the same key, and tell nothing of it."""
        return self.derived("id").hex()[:16]

    def derived(self, purpose: str) -> bytes:
        """32 bytes for one purpose: what is known of them tells nothing of the key or of others."""
        return hmac.digest(self.secret, f"recsys key: {purpose}".encode(), hashlib.sha256)


def key_named(name: str, expected: str | None = None, what: str = "") -> Key:
    """The key of a name.

    Args:
        name: as a setting has it.
        expected: the id that it must have; None: any.
        what: was made with the key of that id, for the message.

    Raises:
        InputError: there is none, or there are several; its file is not its owner's alone, its
            command fails, or the text is too short; or it is another key.
    """
    value, place = secret_named(name, _made_with(what), "`openssl rand -hex 32`")
    key = key_of_text(name, value, place)
    if expected is not None and key.id != expected:
        raise InputError(
            f"{place} holds another key (id {key.id}) than the one{_made_with(what)} (id "
            f"{expected}): set it to that one"
        )
    return key


def secret_named(name: str, purpose: str, maker: str) -> tuple[str, str]:
    """The text of a key, and what holds it.

    Args:
        name: as a setting has it.
        purpose: what it is needed for, for messages; begins with a blank.
        maker: the command that makes a new one, likewise.

    Raises:
        InputError: there is none, or there are several, or it cannot be read.
    """
    variable = VARIABLE + name.upper()
    given = {end: os.environ.get(variable + end) for end in ("", "_FILE", "_COMMAND")}
    there = [end for end, value in given.items() if value]
    if len(there) > 1:
        both = " and ".join(variable + end for end in there)
        raise InputError(f"the key {name!r} is given by {both}: unset all but one")
    if not there:
        raise InputError(
            f"the key {name!r} is not here{purpose}: set {variable} to it, "
            f"{variable}_FILE to a file that holds it and that only its owner may read, or "
            f"{variable}_COMMAND to a command that prints it. {maker} makes a new one"
        )
    place = variable + there[0]
    value = str(given[there[0]])
    if there[0] == "_FILE":
        value = secret_in_file(Path(value).expanduser(), place)
    elif there[0] == "_COMMAND":
        value = _printed(value, place)
    return value, place


def _made_with(what: str) -> str:
    return f" with which {what} was made" if what else ""


def key_of_text(name: str, text: str, place: str) -> Key:
    """The key that a text is.

    Args:
        name: by which settings know it.
        text: with blanks and line breaks around it.
        place: where it was found, for messages.

    Raises:
        InputError: it is too short, or several words.
    """
    text = text.strip()
    # Before it is looked at: no message may show it, however it came into one.
    remember_value(text, f"${{{place}}}")
    if len(text) < SHORTEST or len(text.split()) != 1:
        raise InputError(
            f"{place} is not a key, which is one word of at least {SHORTEST} characters, such as "
            "`openssl rand -hex 32` prints"
        )
    return Key(name, text.encode())


def secret_in_file(path: Path, place: str) -> str:
    """The text of a file that only its owner may read.

    Args:
        path: the file.
        place: what names it, for messages.

    Raises:
        InputError: it cannot be read, or by others too.
    """
    try:
        # Of the open file, so that what was looked at is what is read.
        with path.open(encoding="utf-8") as file:
            state = os.fstat(file.fileno())
            if state.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise InputError(
                    f"{path} ({place}) may be read or written by others than its owner (mode "
                    f"{stat.S_IMODE(state.st_mode):o}): `chmod 600 {shlex.quote(str(path))}`, and "
                    "take another key if others have seen it"
                )
            if state.st_uid not in (os.geteuid(), 0):
                raise InputError(f"{path} ({place}) is another user's: name a file of your own")
            return file.read()
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        raise InputError(f"{path} ({place}) cannot be read: {reason}") from None


@functools.cache
def _printed(command: str, place: str) -> str:
    """What a command prints, once a process: it may ask a person."""
    try:
        words = shlex.split(command)
        done = subprocess.run(
            words, stdout=subprocess.PIPE, timeout=COMMAND_SECONDS, check=True, text=True
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        # Its output is not shown: it may be the key.
        reason = {
            subprocess.TimeoutExpired: f"did not end within {COMMAND_SECONDS} s",
            FileNotFoundError: "was not found",
        }.get(type(error), "failed")
        if isinstance(error, subprocess.CalledProcessError):
            reason = f"ended with status {error.returncode}"
        raise InputError(f"the command of {place} {reason}") from None
    return done.stdout
