"""Documents of runs, audiences, campaigns and replays, and how pages write what is in them."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from recsys.marketing.formats import of_this_format
from recsys.marketing.versions import RECORD
from recsys.reports import page
from recsys.system.display import printable

MEND = "Make it again with the command that made it, such as `recsys campaign build`"
# Ids that would tell everybody how to reach the user.
CONTACT = re.compile(r"\S+@\S+|\+[\d\s()/.-]{7,}")


def checked(path: Path) -> Path:
    """A file of a run, a replay, or a version of an audience or a campaign, once it is proved.

    Raises:
        Damaged: the file is missing or has changed.
    """
    return page.checked(path, _manifest(path))


def read_document(path: Path, default: Any = None, keys: Sequence[str] = ()) -> Any:
    """A JSON or YAML document, :func:`checked`; see :func:`recsys.reports.page.read_document`."""
    return page.read_document(path, default, keys, _manifest(path))


def read_result(path: Path, default: Any = None, keys: Sequence[str] = ()) -> Any:
    """What was found of an audience, a campaign or a replay; see :func:`read_document`.

    Raises:
        Damaged: another version of recsys wrote it.
    """
    document = read_document(path, default)
    if document is default:
        return default
    of_this_format(document, path, MEND)
    return read_document(path, default, keys)


def _manifest(path: Path) -> str:
    return RECORD if (path.parent / RECORD).is_file() else page.MANIFEST


def _user(user: Any) -> str:
    """A user's id; not where it is an e-mail address or a telephone number."""
    return "kept back" if CONTACT.fullmatch(str(user).strip()) else printable(user)


FILTERS: dict[str, Callable[[Any], str]] = {
    "user": _user,
    "points": lambda share: f"{100 * share:+.1f}",
}
