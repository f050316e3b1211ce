"""How many users a campaign needs before it can show what it changes."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from statsmodels.stats.power import ttest_power
from statsmodels.stats.proportion import power_proportions_2indep

from recsys.errors import InputError
from recsys.marketing.measurement.enough import (
    FEWEST_RESPONDERS,
    SMALLEST_ARM,
    expected_responders,
    too_few_for_money,
    too_few_users,
)

POWER, ALPHA = 0.8, 0.05
PRECISION = 1e-9
MOST_USERS = 10**11  # more than there are people: no campaign finds them


@dataclass(frozen=True)
class Arms:
    """Users of a campaign.

    Attributes:
        treated: users addressed.
        held_out: users left alone, drawn at random.
    """

    treated: int
    held_out: int

    @property
    def users(self) -> int:
        """Users in all."""
        return self.treated + self.held_out


class Outcome(Protocol):
    """What is compared after the campaign."""

    def largest(self) -> float:
        """The largest uplift there can be; infinite where nothing bounds it."""

    def power(self, uplift: float, arms: Arms, alpha: float = ALPHA) -> float:
        """How likely a campaign shows an uplift that is there."""


@dataclass(frozen=True)
class Rate:
    """A yes or no of each user.

    The power is that of the test in :func:`recsys.marketing.measurement.uplift.uplift`: the
    variance pooled under no difference, and each arm's own under the alternative (Fleiss, Levin
    and Paik 2003, "Statistical methods for rates and proportions", 4.2). Cohen's arcsine effect
    size, the other usual way, belongs to another test and errs where rates are small and arms
    unequal. The normal distribution behind it needs 5 responders or more in either arm if there
    were no difference (Cochran 1954, "Some methods for strengthening the common chi-squared
    tests"): the power of fewer counts as 0.

    Attributes:
        base: the share of users who do it without the campaign, 0 to less than 1.

    Raises:
        InputError: the rate is none.
    """

    base: float

    def __post_init__(self) -> None:
        if not 0 <= self.base < 1:
            raise InputError(f"the base rate must be at least 0 and less than 1, not {self.base}")

    def largest(self) -> float:
        return 1 - self.base

    def power(self, uplift: float, arms: Arms, alpha: float = ALPHA) -> float:
        ratio = arms.held_out / arms.treated
        alike = self.base + uplift * arms.treated / arms.users
        if expected_responders(alike, arms.treated, arms.held_out) < FEWEST_RESPONDERS:
            return 0.0
        return _certain(
            lambda: power_proportions_2indep(
                uplift, self.base, arms.treated, ratio=ratio, alpha=alpha, return_results=False
            )
        )


@dataclass(frozen=True)
class Money:
    """A number of each user, such as money spent in the weeks after.

    The power is that of a t test of unequal arms that vary alike (noncentral t, Cohen 1988,
    "Statistical power analysis for the behavioral sciences", chapter 2), which the permutation
    test of :func:`recsys.marketing.measurement.uplift.uplift` has in large arms. Arms in which
    fewer than 5 users would spend anything are not measured: their power counts as 0.

    Attributes:
        deviation: standard deviation over all users, also those who spend nothing.
        spenders: share of users who spend anything.
        correlation: of the money with that of the time before, for which it is adjusted; 0: it
            is not.

    Raises:
        InputError: a number is out of bounds.
    """

    deviation: float
    spenders: float = 1.0
    correlation: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.deviation) and self.deviation > 0):
            raise InputError(
                f"the standard deviation must be a positive number, not {self.deviation}"
            )
        if not 0 < self.spenders <= 1:
            raise InputError(
                f"the share of users who spend must be above 0 and at most 1, not {self.spenders}"
            )
        if not -1 < self.correlation < 1:
            raise InputError(
                f"the correlation must lie between -1 and 1, not at {self.correlation}"
            )

    def largest(self) -> float:
        return math.inf

    def power(self, uplift: float, arms: Arms, alpha: float = ALPHA) -> float:
        if too_few_for_money(self.spenders, arms.treated, arms.held_out):
            return 0.0
        left = self.deviation * math.sqrt(1 - self.correlation**2)
        shares = 1 / arms.treated, 1 / arms.held_out
        spread = sum(shares)
        freedom = spread**2 / (
            shares[0] ** 2 / (arms.treated - 1) + shares[1] ** 2 / (arms.held_out - 1)
        )
        return _certain(lambda: ttest_power(uplift / left, 1 / spread, alpha, df=freedom))


def users_needed(
    outcome: Outcome,
    uplift: float,
    held_out: float = 0.1,
    power: float = POWER,
    alpha: float = ALPHA,
) -> Arms:
    """The fewest users with whom a campaign shows an uplift, if it is there.

    At least 10 users are treated and 10 held out: fewer are not measured afterwards.

    >>> users_needed(Rate(0.05), uplift=0.01, held_out=0.5).users
    16316
    >>> users_needed(Money(46.0, spenders=0.16, correlation=0.6), uplift=2.0).users
    29541

    Args:
        outcome: :class:`Rate` or :class:`Money`.
        uplift: the smallest worth knowing, per user: a difference of rates, or of money.
        held_out: share of the users who are left alone.
        power: how likely an uplift of that size is to be shown.
        alpha: how likely one is shown where there is none, to either side.

    Raises:
        InputError: a number is out of bounds, the rate with the uplift exceeds 1, or hardly any
            number of users would do.
    """
    _check_test(power, alpha)
    if not 0 < held_out < 1:
        raise InputError(
            f"the share held out must lie between 0 and 1, not {held_out}: without users held out "
            "what they would have done anyway is not known"
        )
    if not (math.isfinite(uplift) and uplift > 0):
        raise InputError(f"the smallest uplift worth knowing must be above 0, not {uplift}")
    if uplift > outcome.largest() + 1e-12:
        raise InputError(
            f"an uplift of {uplift} exceeds what is possible, {outcome.largest():g}: it is a "
            "difference of rates (0.01 is one percentage point), not a share of the base rate"
        )

    def enough(users: int) -> bool:
        arms = _split(users, held_out)
        if min(arms.treated, arms.held_out) < SMALLEST_ARM:
            return False
        return outcome.power(uplift, arms, alpha) >= power

    low, high = 0, 1
    while not enough(high):
        low, high = high, 2 * high
        if high > MOST_USERS:
            raise InputError(
                f"not even {MOST_USERS:.0e} users would show an uplift of {uplift} with "
                f"{held_out} of them held out; ask for a larger uplift, or nearer to half held out"
            )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return _split(high, held_out)


def smallest_uplift(
    outcome: Outcome, treated: int, held_out: int, power: float = POWER, alpha: float = ALPHA
) -> float:
    """The smallest uplift that a campaign with so many users shows, if it is there.

    Args:
        outcome: :class:`Rate` or :class:`Money`.
        treated: users addressed.
        held_out: users left alone.
        power: how likely an uplift of that size is to be shown.
        alpha: how likely one is shown where there is none, to either side.

    Returns:
        A difference per user, upwards: of rates, or of money.

    Raises:
        InputError: a number is out of bounds, an arm has fewer than 10 users or, of money, too
            few who spend, or not even the largest uplift possible would be shown.
    """
    _check_test(power, alpha)
    arms = Arms(treated, held_out)
    reason = too_few_users(treated, held_out)
    if reason is None and isinstance(outcome, Money):
        reason = too_few_for_money(outcome.spenders, treated, held_out)
    if reason is not None:
        raise InputError(reason)
    high = outcome.largest()
    if math.isinf(high):
        high = 1.0
        while outcome.power(high, arms, alpha) < power:
            high *= 2
    elif outcome.power(high, arms, alpha) < power:
        raise InputError(
            f"with {treated:,} users treated and {held_out:,} held out no uplift up to {high:g} "
            "would be shown; take more users"
        )
    low = high / 2
    while outcome.power(low, arms, alpha) >= power:
        low, high = low / 2, low

    while high - low > PRECISION * high:
        middle = (low + high) / 2
        low, high = (low, middle) if outcome.power(middle, arms, alpha) >= power else (middle, high)
    return high


def _check_test(power: float, alpha: float) -> None:
    if not 0 < alpha < power < 1:
        raise InputError(
            f"alpha must lie above 0, power below 1 and above alpha; not {alpha} and {power}"
        )


def _split(users: int, held_out: float) -> Arms:
    left_alone = math.ceil(users * held_out)
    return Arms(users - left_alone, left_alone)


def _certain(power: Callable[[], float]) -> float:
    """A power; 1 where the distribution is so far off that it cannot be computed (nan)."""
    with np.errstate(all="ignore"):
        found = float(power())
    return 1.0 if math.isnan(found) else found
