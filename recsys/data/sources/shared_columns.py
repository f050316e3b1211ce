"""Roles that say different things, and so need columns of their own."""

from collections.abc import Mapping
from itertools import combinations

# What no other role says, and where a column may have two of these roles all the same: a visit
# stands for its user, a receipt's time for the receipt; what is recommended may be a shop or an
# offer.
ALONE = ("user", "item", "time", "split")
SHARED = (
    {"user", "session"}, {"time", "order"}, {"time", "session"}, {"item", "channel"},
    {"item", "campaign"},
)  # fmt: skip


def refuse_shared(columns: Mapping[str, str]) -> None:
    """Refuses one column in two roles that say different things.

    Not a matter of :class:`recsys.data.sources.config.Columns` alone: while roles are guessed, a
    column may have several.

    Args:
        columns: by role the name of its column.

    Raises:
        ValueError: the first such column, in a sentence.

    >>> refuse_shared({"user": "visit", "item": "page", "session": "visit"})
    >>> refuse_shared({"user": "id", "item": "id"})
    Traceback (most recent call last):
    ...
    ValueError: the column 'id' has the roles `user` and `item`: each needs a column of its own
    """
    for (one, name), (other, named) in combinations(columns.items(), 2):
        roles = {one, other}
        senseless = roles == {"value", "quantity"} or roles.intersection(ALONE)
        if name.strip() == named.strip() and senseless and roles not in SHARED:
            raise ValueError(
                f"the column {name!r} has the roles `{one}` and `{other}`: each needs a column of "
                "its own"
            )
