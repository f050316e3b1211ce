"""Names of columns: those that are wanted, missing or repeated."""

import difflib
from collections.abc import Collection, Mapping, Sequence

from recsys.errors import InputError

# By role, such as user, the name of the column that is needed.
Roles = Mapping[str, str]
SHOWN = 30
SEPARATORS = set(",;:|\t ")


def find_column(name: str, role: str, columns: Collection[str], where: object) -> str:
    """The column of that name, whether or not it is given with blanks around it.

    For a dotted path (``user.id``), the column that holds the records.

    Raises:
        InputError: there is no such column; the message names the nearest.
    """
    for known in (name, *_beginnings(name)):
        if known in columns:
            return known
    folded = {known.strip().casefold(): known for known in columns}
    near = difflib.get_close_matches(name.strip().casefold(), folded, n=1, cutoff=0.5)
    first = next(iter(columns), "")
    if len(columns) == 1 and set(first) & SEPARATORS:
        hint = " There is one column only: set `delimiter`."
    elif first.startswith("#"):
        hint = " If a remark stands above the header line, set `skip: 1`."
    else:
        hint = f" Did you mean {folded[near[0]]!r}?" if near else ""
    shown = ", ".join(list(columns)[:SHOWN])
    raise InputError(f"{where} has no column {name!r} ({role}).{hint} Its columns: {shown}")


def holds(name: str, columns: Collection[str]) -> bool:
    """Whether there is a column of a name, or one whose records it is a path into."""
    return any(known in columns for known in (name, *_beginnings(name)))


def _beginnings(path: str) -> list[str]:
    """A dotted path, and what it begins with, the longest first."""
    parts = path.strip().split(".")
    return [".".join(parts[:length]) for length in range(len(parts), 0, -1)]


def wanted_columns(
    found: Mapping[str, Sequence[str]], roles: Roles | None, where: object
) -> tuple[str, ...]:
    """The columns to read, which every file must have.

    Args:
        found: by file, as the user knows it, its columns.
        roles: by role the columns that are needed; None: all, and all files have the same.
        where: the source, for messages.

    Raises:
        InputError: a file lacks one.
    """
    model, first = next(iter(found.items()))
    if roles is None:
        wanted = list(first)
    else:
        named = (find_column(name, role, first, where) for role, name in roles.items())
        wanted = list(dict.fromkeys(named))
    for file, columns in found.items():
        lacking = [name for name in wanted if name not in columns]
        further = [name for name in columns if name not in first] if roles is None else []
        if lacking or further:
            told = f"lacks the column {lacking[0]!r}" if lacking else f"has a column {further[0]!r}"
            raise InputError(
                f"{file} {told}, unlike {model}. Its columns: {', '.join(columns[:SHOWN])}; those "
                f"of {model}: {', '.join(first[:SHOWN])}. All files of a source need the same "
                "columns: mend this one (if it has no header line, add one), or leave it out of "
                "`path`."
            )
    return tuple(wanted)


def refuse_repeated(names: Sequence[str], where: object, remedy: str) -> None:
    """Refuses columns of one name, also where only blanks around them or case differ.

    Raises:
        InputError: there are some (the engine would read one of them, whichever is asked for).
    """
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(name.strip().casefold(), []).append(name)
    twice = next((found for found in alike.values() if len(found) > 1), None)
    if twice is not None:
        told = " and ".join(repr(name) for name in dict.fromkeys(twice))
        raise InputError(f"{where} has {len(twice)} columns named {told}. {remedy}")
