"""The group of this process, if it is one of several; alone, each of these does the plain thing."""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from recsys.errors import InputError
from recsys.system.processes.asked import Asked, asked_for
from recsys.system.processes.ended import GroupEnded
from recsys.system.processes.group import Group
from recsys.system.processes.roll_call import meet

logger = logging.getLogger(__name__)
Made = TypeVar("Made")

# Seconds without a sign of life, after which a process counts as lost.
TIMEOUT = "RECSYS_PROCESS_TIMEOUT"
TIMEOUT_SECONDS = 60.0
# So many times that may all processes take to come: a scheduler starts some later than others.
MEETING = 5

_group: Group | None = None


def join(asked: Asked) -> Group:
    """Waits for the other processes; from then on they hear of one another.

    Args:
        asked: which one this is.

    Raises:
        GroupEnded: they do not come.
        InputError: see :func:`recsys.system.processes.roll_call.meet`.
    """
    global _group
    if _group is None:
        seconds = timeout()
        present = meet(asked, MEETING * seconds)
        _group = Group(asked.number, present, seconds, logger.warning)
    return _group


def timeout() -> float:
    """Seconds without a sign of life, after which a process counts as lost.

    Raises:
        InputError: the variable that sets it is not a number of seconds.
    """
    given = os.environ.get(TIMEOUT, "") or str(TIMEOUT_SECONDS)
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 2 <= seconds <= 3600:
        raise InputError(f"{TIMEOUT} is {given!r}: expected seconds, from 2 to 3600")
    return seconds


def refuse_several(what: str) -> None:
    """Refuses what cannot be done by several processes together.

    Args:
        what: it is, such as ``recsys sweep``.

    Raises:
        InputError: the environment asks for several.
    """
    if (asked := asked_for()) is not None:
        raise InputError(
            f"{what} runs in one process, and {asked.said_by} asks for {asked.count}: start it once"
        )


def is_first() -> bool:
    """Whether this process writes and speaks: it is alone, or the first of several.

    >>> is_first(), count()
    (True, 1)
    """
    return _group is None or _group.is_first


def count() -> int:
    """How many processes train together."""
    return 1 if _group is None else _group.count


def prefix() -> str:
    """What lines of this process begin with; nothing, where it is alone or the first."""
    return "" if _group is None or _group.is_first else f"{_group.name}: "


def from_first(label: str, make: Callable[[], Made]) -> Made:
    """See :meth:`Group.from_first`.

    >>> from_first("the answer", lambda: 42)
    42
    """
    return make() if _group is None else _group.from_first(label, make)


def after_first(label: str, make: Callable[[], Made]) -> Made:
    """Makes something in each process, in the others once the first has made it.

    Args:
        label: what it is, the same in all.
        make: makes it.
    """
    if _group is None:
        return make()
    if _group.is_first:
        made = make()
        _group.from_first(label, lambda: None)
        return made
    _group.from_first(label, lambda: None)
    return make()


def agree(what: str, facts: dict[str, Any]) -> None:
    """See :meth:`Group.agree`."""
    if _group is not None:
        _group.agree(what, facts)


def advance() -> None:
    """See :meth:`Group.advance`."""
    if _group is not None:
        _group.advance()


def pass_on(number: int) -> None:
    """See :meth:`Group.pass_on`."""
    if _group is not None:
        _group.pass_on(number)


def explained() -> AbstractContextManager[None]:
    """See :meth:`Group.explained`."""
    return contextlib.nullcontext() if _group is None else _group.explained()


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Within it, each process of the group is needed to its end."""
    if _group is None:
        yield
        return
    with _group.explained():
        _group.begin()
        yield
        _group.finish()


def verdict() -> GroupEnded | None:
    """See :attr:`Group.verdict`."""
    return None if _group is None else _group.verdict


def leave(status: int, message: str = "") -> None:
    """See :meth:`Group.leave`."""
    if _group is not None:
        _group.leave(status, message)
