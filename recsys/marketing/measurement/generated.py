"""Logs drawn from a known truth: a campaign with users held out, and actions with propensities."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import pandas as pd
from scipy.special import expit, softmax


@dataclass(frozen=True)
class Effect:
    """What a campaign does to a segment.

    Attributes:
        share: of all users.
        rate: share who respond without the campaign.
        uplift: how much larger that share is with it.
        spends: mean money of a user who responds; skewed (log-normal with a deviation of 1 in the
            log).
    """

    share: float
    rate: float
    uplift: float
    spends: float


EFFECTS: Mapping[str, Effect] = {
    "new": Effect(share=0.2, rate=0.05, uplift=0.06, spends=20.0),
    "active": Effect(share=0.5, rate=0.20, uplift=0.03, spends=40.0),
    "dormant": Effect(share=0.3, rate=0.08, uplift=0.0, spends=30.0),
}
Outcome = Literal["responded", "spent"]


def campaign_log(
    users: int, held_out: float, seed: int, effects: Mapping[str, Effect] = EFFECTS
) -> pd.DataFrame:
    """Users of a campaign, the held-out ones drawn at random.

    Args:
        users: how many.
        held_out: share of the users who are left alone.
        seed: of everything drawn.
        effects: by segment; shares sum to 1.

    Returns:
        A row per user: ``user``, ``segment``, ``treated`` (bool), ``responded`` (bool) and
        ``spent`` (money, 0 where there was no response).
    """
    generator = np.random.default_rng(seed)
    names = list(effects)
    segment = generator.choice(len(names), users, p=[effects[name].share for name in names])
    treated = np.ones(users, dtype=bool)
    treated[generator.permutation(users)[: round(users * held_out)]] = False
    rate = np.array([effects[name].rate for name in names])[segment]
    gain = np.array([effects[name].uplift for name in names])[segment]
    responded = generator.random(users) < rate + treated * gain
    mean = np.array([effects[name].spends for name in names])[segment]
    spent = responded * mean * generator.lognormal(-0.5, 1.0, users)
    return pd.DataFrame(
        {
            "user": [f"u{number}" for number in range(users)],
            "segment": np.array(names)[segment],
            "treated": treated,
            "responded": responded,
            "spent": spent,
        }
    )


def true_uplift(
    outcome: Outcome, segment: str | None = None, effects: Mapping[str, Effect] = EFFECTS
) -> float:
    """What :func:`campaign_log`'s campaign changes per user, of a segment or of all users."""
    if segment is None:
        return sum(
            each.share * true_uplift(outcome, name, effects) for name, each in effects.items()
        )
    effect = effects[segment]
    return effect.uplift * (effect.spends if outcome == "spent" else 1.0)


# Users are of 25 kinds: two traits of five levels each. Three offers please them to different
# degrees, in a way that no linear model of the traits describes.
KINDS = np.array(list(product(np.linspace(-1, 1, 5), repeat=2)))
_FIRST, _SECOND = KINDS.T
REWARDS = expit(
    np.stack(
        [
            -1.5 + 0.5 * _FIRST,
            -1.0 + 1.5 * _FIRST * _SECOND,
            -1.2 + 1.0 * _SECOND - 0.8 * np.square(_FIRST),
        ],
        axis=1,
    )
)
LOGGED = 0.1 + 0.7 * softmax(np.stack([0.5 - _FIRST, _FIRST, _SECOND], axis=1), axis=1)
WANTED = 0.02 + 0.94 * softmax(12 * REWARDS, axis=1)


@dataclass(frozen=True)
class ActionLog:
    """Actions that one policy drew, and how another would draw them.

    Attributes:
        contexts: float [n, 2], what was known of each user.
        actions: int [n], which of three offers was made.
        rewards: float [n], 1 where it was taken, else 0.
        propensities: float [n], how likely the offer made was.
        new_policy: float [n, 3], how likely the new policy makes each offer.
    """

    contexts: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    propensities: np.ndarray
    new_policy: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """float [n], how likely the new policy makes the offer that was made."""
        return self.new_policy[np.arange(len(self.actions)), self.actions]


def action_log(users: int, seed: int) -> ActionLog:
    """Offers to users, one each, drawn by a policy that knows little of what they like.

    Args:
        users: how many.
        seed: of everything drawn.
    """
    generator = np.random.default_rng(seed)
    kind = generator.integers(0, len(KINDS), users)
    below = generator.random((users, 1)) > np.cumsum(LOGGED[kind], axis=1)[:, :-1]
    actions = below.sum(axis=1)
    taken = generator.random(users) < REWARDS[kind, actions]
    return ActionLog(
        contexts=KINDS[kind],
        actions=actions,
        rewards=taken.astype(float),
        propensities=LOGGED[kind, actions],
        new_policy=WANTED[kind],
    )


def true_value() -> float:
    """The mean reward of :func:`action_log`'s new policy."""
    return float((WANTED * REWARDS).sum(axis=1).mean())
