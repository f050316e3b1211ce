"""Names of columns: those that are wanted, missing, or there twice."""

import difflib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from recsys.errors import InputError

# By role, such as user, the name of the column that is needed.
Roles = Mapping[str, str]
SHOWN = 30


def find_column(name: str, role: str, columns: Collection[str], where: object) -> str:
    """The column of a name, given with blanks around it or without.

    Of a dotted path (``user.id``) it is the column that holds the records.

    Raises:
        InputError: there is none of that name; the message has the nearest.
    """
    for known in (name, *_beginnings(name)):
        if known in columns:
            return known
    folded = {known.strip().casefold(): known for known in columns}
    near = difflib.get_close_matches(name.strip().casefold(), folded, n=1, cutoff=0.5)
    hint = f" Did you mean {folded[near[0]]!r}?" if near and len(columns) > 1 else ""
    if len(columns) == 1:
        hint = " There is one column only: set `delimiter`, if there should be more."
    elif next(iter(columns), "").startswith("#"):
        hint = " If a remark stands above the header line, set `skip: 1`."
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
                f"of {model}: {', '.join(first[:SHOWN])}. All files of a source need the same: if "
                "it has no header line, add one; or mend it, or leave it out of `path`."
            )
    return tuple(wanted)


def refuse_repeated(names: Sequence[str], where: object, remedy: str) -> None:
    """Refuses columns of one name, also where blanks around them are all that differs.

    Raises:
        InputError: there are some.
    """
    counted = Counter(name.strip() for name in names)
    twice = [name for name, times in counted.items() if times > 1]
    if twice:
        raise InputError(f"{where} has {counted[twice[0]]} columns named {twice[0]!r}. {remedy}")
