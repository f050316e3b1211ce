"""Which user gets which campaign: one each, by priority, and a part none, to compare with."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from recsys.errors import InputError
from recsys.marketing.campaigns.control import ControlConfig
from recsys.marketing.campaigns.draws import Draw
from recsys.system.display import counted

COLUMNS = ["user", "campaign", "channel", "held_out", "control", "own_holdout", "probability"]


@dataclass(frozen=True)
class Plan:
    """A campaign before users are assigned to it.

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
    """Which user gets what.

    Attributes:
        rows: ``user`` (each once), ``campaign``, ``channel``, ``held_out`` (nothing is sent),
            ``control`` (as the user is in the global control group), ``own_holdout`` (drawn for
            the campaign's own holdout, which users of the control group can be, too), and
            ``probability`` that the user was to be sent it, which is what off-policy estimates
            need: (1 - share of the control) (1 - share of the holdout).
        left_out: ``user``, ``campaign`` and ``reason``, where a user of an audience is not
            reached; a later campaign may reach the user.
    """

    rows: pd.DataFrame
    left_out: pd.DataFrame


# Of some users of a plan, why each of those who cannot be reached cannot.
Obstacles = Callable[[Plan, Sequence[str]], Mapping[str, str]]
TAKEN = "has another campaign"


def assign(
    plans: Sequence[Plan],
    obstacles: Obstacles,
    draw: Draw,
    control: ControlConfig | None = None,
) -> Assignments:
    """Gives each user the first campaign, by priority, that can reach the user.

    The holdout is drawn last, among those who would be sent the campaign: whoever is held out
    differs from a user who is not by the draw alone. Users of the control group go through the
    assignment like everybody, so that it is known which campaign they would have got.

    Args:
        plans: of all campaigns.
        obstacles: users who cannot be reached.
        draw: of a user a number in [0, 1); below the holdout's share, the user is held out.
        control: users who get nothing from any campaign.

    Raises:
        InputError: campaigns contradict each other: two of one priority want the same user, or
            one can never be sent because others come first for its whole audience.
    """
    ordered = sorted(plans, key=lambda plan: plan.priority)
    _refuse_ties(ordered)
    taken: dict[str, str] = {}
    rows: list[tuple[str, str, str, bool, bool, bool, float]] = []
    outside = 1 - (control.share if control else 0.0)
    left_out: list[tuple[str, str, str]] = []
    for plan in ordered:
        free = [user for user in plan.users if user not in taken]
        if not free:
            first = sorted({taken[user] for user in plan.users})
            raise InputError(
                f"campaign {plan.name!r} contradicts {', '.join(map(repr, first))}: they come "
                f"first for everybody in its audience ({counted(len(plan.users), 'user')}), and "
                "each user gets one campaign. Narrow their audiences, or give it a higher priority."
            )
        left_out += [(user, plan.name, TAKEN) for user in plan.users if user in taken]
        reasons = obstacles(plan, free)
        left_out += [(user, plan.name, reasons[user]) for user in free if user in reasons]
        for user in free:
            if user not in reasons:
                taken[user] = plan.name
                own = draw(user) < plan.holdout
                ours = control is not None and control.holds(user)
                sent = outside * (1 - plan.holdout)
                rows.append((user, plan.name, plan.channel, own or ours, ours, own, sent))
    kinds = {"held_out": bool, "control": bool, "own_holdout": bool, "probability": float}
    return Assignments(
        pd.DataFrame(rows, columns=COLUMNS).astype(kinds),
        pd.DataFrame(left_out, columns=["user", "campaign", "reason"]),
    )


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
