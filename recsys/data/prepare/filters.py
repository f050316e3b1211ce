"""Repeated interactions and rarely seen users and items."""

from typing import Literal

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

Repeats = Literal["keep", "first", "last"]
SORT_KEYS = ("time", "order", "row")


def in_order(events: ir.Table) -> list[str]:
    """The columns that order the events of a user, as far as they are there."""
    return [key for key in SORT_KEYS if key in events.columns]


def group_keys(events: ir.Table) -> list[str]:
    """The columns that events of a timestamp group share, beside the user; none: no order."""
    return [key for key in in_order(events) if key != "row"]


def collapse_repeats(events: ir.Table, keep: Repeats) -> ir.Table:
    """Keeps one event of each (user, item, event type): the first or the last.

    Of events with a ``part`` one is kept in each. Its ``value`` is the sum of what happened
    at its time (its order number, where there are no times): money of a timestamp group is not
    lost. Money of other times is left out: added here, it would be known too early.
    """
    if keep == "keep":
        return events
    group = [key for key in ("user", "item", "event", "part") if key in events.columns]
    order = [events[key] if keep == "first" else ibis.desc(events[key]) for key in in_order(events)]
    window = ibis.window(group_by=group, order_by=order)
    collapsed: dict[str, ir.Value] = {"repeat": ibis.row_number().over(window)}
    if "value" in events.columns and (keys := group_keys(events)):
        group_of_time = ibis.window(group_by=[*group, keys[0]])
        collapsed["value"] = events.value.sum().over(group_of_time).cast("float32")
    numbered = events.mutate(**collapsed)
    return numbered.filter(numbered.repeat == 0).drop("repeat")


def k_core(
    con: Backend,
    events: ir.Table,
    counted: ir.Table,
    minimum_user: int,
    minimum_item: int,
    minimum_users: int = 1,
) -> ir.Table:
    """Removes users and items with too few events, and items of too few users, until none is left.

    Works on the counts of (user, item) pairs, so that the events themselves are
    read once more at the end, however many rounds it takes.

    Args:
        con: the engine.
        events: with integer columns ``user`` and ``item``.
        counted: those of the events that count.
        minimum_user: events a user needs.
        minimum_item: events an item needs.
        minimum_users: users an item needs.
    """
    if max(minimum_user, minimum_item, minimum_users) <= 1:
        return events
    con.create_table("pairs", counted.group_by("user", "item").aggregate(n=counted.count()))
    alive = con.table("pairs")
    left, round_number = None, 0
    while True:
        round_number += 1
        users = _frequent(con, alive, "user", minimum_user, round_number)
        of_users = alive.semi_join(users, "user")
        items = _frequent(con, of_users, "item", minimum_item, round_number, minimum_users)
        alive = con.table("pairs").semi_join(users, "user").semi_join(items, "item")
        sizes = (users.count().execute(), items.count().execute())
        if sizes == left:
            return events.semi_join(users, "user").semi_join(items, "item")
        left = sizes


def _frequent(
    con: Backend,
    pairs: ir.Table,
    side: str,
    minimum: int,
    round_number: int,
    minimum_pairs: int = 1,
) -> ir.Table:
    counted = pairs.group_by(side).aggregate(n=pairs.n.sum(), pairs=pairs.count())
    name = f"core_{side}_{round_number}"
    enough = (counted.n >= minimum) & (counted.pairs >= minimum_pairs)
    con.create_table(name, counted.filter(enough).select(side))
    return con.table(name)
