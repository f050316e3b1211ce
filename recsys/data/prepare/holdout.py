"""Which events are held out: the last timestamp groups of users, or a seeded draw.

A *timestamp group* is what a user did at one time (and order number, where both are
mapped), such as a basket. Nothing shows what came first in it, so it is never cut.
"""

from typing import Any

import ibis
import ibis.expr.types as ir

from recsys.data.prepare.filters import group_keys

TRAIN, VALIDATION, TEST = range(3)


def leave_last_group_out(events: ir.Table) -> ir.Table:
    """Adds ``part`` (int8): the last group of a user is test, the last but one validation.

    Only groups that hold a target count. Events of weight 0 are context: they stand in the
    part of the targets that they precede. Users with fewer than three groups only train.

    Args:
        events: columns ``user``, ``weight``, ``row``, and ``time``, ``order`` or both.
    """
    keys = group_keys(events)
    marked = events.mutate(is_target=(events.weight > 0).cast("int64"))
    within = [ibis.desc("is_target"), ibis.desc("row")]
    # Backwards the first event of a group stands for it, if there is a target in it.
    place = ibis.row_number().over(ibis.window(group_by=["user", *keys], order_by=within))
    marked = marked.mutate(stands=ibis.ifelse(place == 0, marked.is_target, 0))
    backwards = [*map(ibis.desc, keys), *within]
    up_to = ibis.window(group_by="user", order_by=backwards, preceding=(None, 0))
    counted = marked.mutate(
        groups_left=marked.stands.sum().over(up_to),
        groups=marked.stands.sum().over(ibis.window(group_by="user")),
    )
    part = ibis.cases(
        (counted.groups < 3, TRAIN),
        (counted.groups_left <= 1, TEST),
        (counted.groups_left == 2, VALIDATION),
        else_=TRAIN,
    )
    return counted.mutate(part=part.cast("int8")).drop(
        "is_target", "stands", "groups_left", "groups"
    )


def draw_parts(events: ir.Table, validation_share: float, test_share: float, seed: int) -> ir.Table:
    """Adds ``part`` (int8) at random; at least one item of each user is left for training.

    Pairs of a user and an item are drawn: all events of a pair are in one part, so that
    nothing held out was trained on. Pairs of weight 0 only are context and train.

    Args:
        events: columns ``user`` and ``item`` (integers) and ``weight``.
        validation_share: of the pairs.
        test_share: of the pairs.
        seed: of the draw.
    """
    is_target = events.weight.max().over(ibis.window(group_by=["user", "item"])) > 0
    drawn = events.mutate(drawn=_digest(events, seed), is_target=is_target)
    target = ibis.ifelse(drawn.is_target, drawn.drawn, ibis.null("string"))
    drawn = drawn.mutate(last=target.max().over(ibis.window(group_by="user")))
    part = ibis.cases(
        (~drawn.is_target | (drawn.drawn == drawn["last"]), TRAIN),
        (drawn.drawn < _threshold(test_share), TEST),
        (drawn.drawn < _threshold(test_share + validation_share), VALIDATION),
        else_=TRAIN,
    )
    return drawn.mutate(part=part.cast("int8")).drop("drawn", "is_target", "last")


def cut_validation(events: ir.Table, share: float, seed: int) -> ir.Table:
    """Turns a share of every user's training events into validation, and leaves at least one.

    Whole timestamp groups, the last ones; in a log without order a seeded choice of whole
    pairs of a user and an item.

    Args:
        events: columns ``user``, ``item``, ``part`` and by role mapped ``time``, ``order``.
        share: of the user's training events; the group that it ends in is taken whole.
        seed: of the choice.
    """
    keys = group_keys(events)
    if keys:
        order: list[Any] = list(map(ibis.desc, keys))
    else:
        events = events.mutate(drawn=_digest(events, seed))
        keys = order = ["drawn"]
    users = ["user", "part"]
    ranked = events.mutate(
        later=ibis.rank().over(ibis.window(group_by=users, order_by=order)),
        together=events.count().over(ibis.window(group_by=[*users, *keys])),
        size=events.count().over(ibis.window(group_by=users)),
    )
    wanted = (ranked["size"] * share + 0.5).floor()
    leaves_some = ranked.later + ranked.together < ranked["size"]
    chosen = (ranked.part == TRAIN) & (ranked.later < wanted) & leaves_some
    part = ibis.ifelse(chosen, VALIDATION, ranked.part).cast("int8")
    return ranked.mutate(part=part).drop("later", "together", "size", *({"drawn"} & {*keys}))


def count_leaks(events: ir.Table) -> dict[str, int]:
    """How many events of a part do not precede what is held out of it, by user.

    Events that share a timestamp group with what is held out do not precede it.

    Args:
        events: columns ``user``, ``part``, and ``time``, ``order`` or both.

    Returns:
        ``training_events_after_cut``: no earlier than the user's first held-out event;
        ``validation_events_after_test``: no earlier than the user's first test event.
    """
    user = ibis.window(group_by="user")
    in_time = ibis.window(group_by="user", order_by=group_keys(events))
    placed = events.mutate(group=ibis.dense_rank().over(in_time))
    placed = placed.mutate(
        held_out=placed.group.min(where=placed.part != TRAIN).over(user),
        tested=placed.group.min(where=placed.part == TEST).over(user),
    )
    late = placed.aggregate(
        training_events_after_cut=placed.count(
            where=(placed.part == TRAIN) & (placed.group >= placed.held_out)
        ),
        validation_events_after_test=placed.count(
            where=(placed.part == VALIDATION) & (placed.group >= placed.tested)
        ),
    )
    return {name: int(count) for name, count in late.to_pyarrow().to_pylist()[0].items()}


def _digest(events: ir.Table, seed: int) -> ir.StringValue:
    """A draw of each pair: a digest, not the engine's hash, so equal in every version."""
    text = ibis.literal(f"{seed}:") + events.user.cast("string") + ":"
    return (text + events.item.cast("string")).hexdigest("md5")


def _threshold(share: float) -> str:
    """The digest that a share of all digests is below."""
    return f"{int(share * 2**64):016x}"
