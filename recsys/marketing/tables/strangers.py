"""Users of a marketer's table whom the log does not have: said, and refused where all are."""

from collections.abc import Iterable, Set

import pyarrow as pa

from recsys.data.prepare.matching import difference
from recsys.errors import InputError
from recsys.system.display import counted

SHOWN = 3


def told_of(strangers: Set[str], size: int, known: Set[str], table: str, so: str) -> str:
    """How many users the log does not have, what that means, and what keeps the ids apart.

    Args:
        strangers: ids of the table that the log does not have; some.
        size: how many ids the table has.
        known: ids of all users of the log.
        table: what it is called, such as `the contacts`.
        so: what follows from it, such as `so that no cap counts what they were sent`.
    """
    shown = ", ".join(sorted(strangers)[:SHOWN])
    ids, others = (pa.chunked_array([sorted(each)], pa.string()) for each in (strangers, known))
    why = difference(ids, others, ("table", "log"))
    return (
        f"{len(strangers):,} of the {counted(size, 'user')} of {table} "
        f"{'is' if len(strangers) == 1 else 'are'} not in the log (such as "
        f"{shown}), {so}{why}"
    )


def stranger_notes(
    users: Iterable[str | None], known: Set[str], table: str, so: str, key: str
) -> list[str]:
    """A note on the users whom the log does not have, if there are any.

    Args:
        users: ids of the table; None where it has none.
        known, table, so: as of :func:`told_of`.
        key: the setting that names the column of ids, such as `contacts.key`.

    Raises:
        InputError: the log has none of them, which cannot be an accident.
    """
    given = {user for user in users if user is not None}
    if not (strangers := given - known):
        return []
    told = told_of(strangers, len(given), known, table, so)
    if len(strangers) == len(given):
        raise InputError(f"{told}. Give the ids of the log in the column of `{key}`")
    return [told]
