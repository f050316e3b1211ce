"""Who gets which campaign: one each, by priority, and a part that gets none to compare with."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from recsys.errors import InputError

COLUMNS = ["user", "campaign", "channel", "held_out", "probability"]


@dataclass(frozen=True)
class Plan:
    """A campaign before it is known who gets it.

    Attributes:
        name: of the campaign.
        channel: where it goes.
        priority: 1 is asked first.
        users: its audience, without those who opted out.
        holdout: share of those who would get it and do not, 0 to 1.
    """

    name: str
    channel: str
    priority: int
    users: Sequence[str]
    holdout: float


@dataclass(frozen=True)
class Assignments:
    """Who gets what.

    Attributes:
        rows: ``user`` (each once), ``campaign``, ``channel``, ``held_out``, and ``probability``
            that the user was to be sent it, which is what off-policy estimates need.
        left_out: ``user``, ``campaign`` and ``reason``, where a user of an audience is not
            reached; a later campaign may reach the user.
    """

    rows: pd.DataFrame
    left_out: pd.DataFrame


# Of some users of a plan, why each of those who cannot be reached cannot.
Obstacles = Callable[[Plan, Sequence[str]], Mapping[str, str]]
TAKEN = "has another campaign"


def assign(
    plans: Sequence[Plan], obstacles: Obstacles, draw: "Callable[[str], float]"
) -> Assignments:
    """Gives each user the first campaign, by priority, that can reach the user.

    The holdout is drawn last, among those who would be sent the campaign: whoever is held out
    differs from whoever is not by the draw alone.

    Args:
        plans: of all campaigns.
        obstacles: who cannot be reached.
        draw: of a user a number in [0, 1); below the holdout's share, the user is held out.

    Raises:
        InputError: campaigns contradict each other: two of one priority want the same user, or
            one can never be sent because others come first for its whole audience.
    """
    ordered = sorted(plans, key=lambda plan: plan.priority)
    _refuse_ties(ordered)
    taken: dict[str, str] = {}
    rows: list[tuple[str, str, str, bool, float]] = []
    left_out: list[tuple[str, str, str]] = []
    for plan in ordered:
        free = [user for user in plan.users if user not in taken]
        if not free:
            first = sorted({taken[user] for user in plan.users})
            raise InputError(
                f"campaign {plan.name!r} contradicts {', '.join(map(repr, first))}: they come "
                f"first for everybody in its audience ({len(plan.users)} users), and each user "
                "gets one campaign. Narrow their audiences, or give it a higher priority."
            )
        left_out += [(user, plan.name, TAKEN) for user in plan.users if user in taken]
        reasons = obstacles(plan, free)
        left_out += [(user, plan.name, reasons[user]) for user in free if user in reasons]
        for user in free:
            if user not in reasons:
                taken[user] = plan.name
                held_out = draw(user) < plan.holdout
                rows.append((user, plan.name, plan.channel, held_out, 1 - plan.holdout))
    return Assignments(
        pd.DataFrame(rows, columns=COLUMNS).astype({"held_out": bool, "probability": float}),
        pd.DataFrame(left_out, columns=["user", "campaign", "reason"]),
    )


def seeded_draw(seed: int, name: str) -> Callable[[str], float]:
    """A number in [0, 1) per user that is the same whenever and wherever it is asked for.

    Args:
        seed: another seed is another draw.
        name: likewise; a user held out of one version of a campaign file is held out of the next.
    """

    def draw(user: str) -> float:
        drawn = hashlib.sha256(f"{seed}\n{name}\n{user}".encode()).digest()
        return int.from_bytes(drawn[:8]) / 2**64

    return draw


def _refuse_ties(ordered: Sequence[Plan]) -> None:
    for place, plan in enumerate(ordered):
        for other in ordered[place + 1 :]:
            if plan.priority == other.priority and (both := _common(plan.users, other.users)):
                raise InputError(
                    f"campaigns {plan.name!r} and {other.name!r} contradict each other: both have "
                    f"priority {plan.priority}, and {both} users are in the audiences of both. "
                    "Give them different priorities, or audiences that do not overlap."
                )


def _common(one: Collection[str], other: Collection[str]) -> int:
    return len(set(one) & set(other))
