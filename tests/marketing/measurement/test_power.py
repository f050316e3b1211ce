"""Power: textbook numbers, simulated campaigns, and one question asked from both ends."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from recsys.errors import InputError
from recsys.marketing.measurement.power import Arms, Money, Rate, smallest_uplift, users_needed
from recsys.marketing.measurement.uplift import uplift

CAMPAIGNS = 400
pytestmark = pytest.mark.usefixtures("few_permutations")


def test_rates_of_the_textbook():
    # The formula of Fleiss, Levin and Paik for .6 against .7, power .9, alpha .01:
    # (2.5758 sqrt(2 · .65 · .35) + 1.2816 sqrt(.6 · .4 + .7 · .3))² / .1² = 674.5.
    found = users_needed(Rate(0.6), 0.1, held_out=0.5, power=0.9, alpha=0.01)
    assert found == Arms(675, 675)


def test_money_of_the_textbook():
    # Cohen 1988, table 2.4.1: d = .5, power .8, two-sided .05: 64 in each arm.
    assert users_needed(Money(20.0), 10.0, held_out=0.5) == Arms(64, 64)
    # Large arms are normal: (1.960 + 0.842)² sd² / uplift² (1 / treated + 1 / held out) = 1.
    found = users_needed(Money(60.0), 2.0, held_out=0.1)
    assert found.users == pytest.approx(7.849 * 30**2 * (1 / 0.9 + 1 / 0.1), rel=1e-3)
    assert found.held_out / found.users == pytest.approx(0.1, abs=1e-4)


def simulated(treated: np.ndarray, held_out: np.ndarray) -> float:
    """How many of the campaigns, a row each, find an effect."""
    assigned = np.arange(treated.shape[1] + held_out.shape[1]) < treated.shape[1]
    found = [
        uplift(pd.DataFrame({"treated": assigned, "outcome": np.concatenate(outcomes)})).p_value
        for outcomes in zip(treated, held_out, strict=True)
    ]
    return np.mean(np.array(found) <= 0.05)


def test_four_of_five_campaigns_find_the_rate_they_were_sized_for():
    base, gain = 0.1, 0.08
    arms = users_needed(Rate(base), gain, held_out=0.3)
    generator = np.random.default_rng(0)
    treated = generator.random((CAMPAIGNS, arms.treated)) < base + gain
    held_out = generator.random((CAMPAIGNS, arms.held_out)) < base
    assert simulated(treated, held_out) == pytest.approx(0.8, abs=0.06)  # 3 standard errors


def test_four_of_five_campaigns_find_the_money_they_were_sized_for():
    gain = 4.0
    generator = np.random.default_rng(0)
    arms = users_needed(Money(20.0), gain, held_out=0.3)
    treated = generator.gamma(4.0, 10.0, (CAMPAIGNS, arms.treated)) + gain  # a deviation of 20
    held_out = generator.gamma(4.0, 10.0, (CAMPAIGNS, arms.held_out))
    assert simulated(treated, held_out) == pytest.approx(0.8, abs=0.06)


OUTCOMES = some.one_of(some.floats(0.0, 0.9).map(Rate), some.floats(1e-6, 1e6).map(Money))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(OUTCOMES, some.floats(0.02, 0.98), some.floats(0.002, 1.0), some.floats(0.5, 0.99))
def test_both_questions_have_one_answer(outcome, held_out, size, power):
    asked = size * (1 - outcome.base if isinstance(outcome, Rate) else outcome.deviation)
    arms = users_needed(outcome, asked, held_out, power)
    shown = smallest_uplift(outcome, arms.treated, arms.held_out, power)
    assert outcome.power(shown, arms) >= power > outcome.power(shown * (1 - 1e-6), arms)
    assert shown <= asked * (1 + 1e-6)
    if min(arms.treated, arms.held_out) > 500:  # one user more or less says little
        assert shown == pytest.approx(asked, rel=0.005)


def test_money_before_makes_do_with_fewer_users():
    plain = users_needed(Money(60.0), 2.0).users
    adjusted = users_needed(Money(60.0, correlation=0.6), 2.0).users
    assert adjusted / plain == pytest.approx(1 - 0.6**2, rel=1e-3)


@pytest.mark.parametrize("share", [0.01, 0.02, 0.16])
def test_what_is_enough_is_said_alike_before_and_after(share):
    # An effect that nobody can miss: only the number of those who spend counts.
    arms = users_needed(Money(20.0, spenders=share), 1e6, held_out=0.1)
    amounts = np.zeros(arms.users)
    amounts[: math.ceil(share * arms.users)] = np.linspace(
        10.0, 50.0, math.ceil(share * arms.users)
    )
    log = pd.DataFrame({"outcome": np.random.default_rng(0).permutation(amounts)})
    log["treated"] = np.arange(arms.users) < arms.treated
    assert uplift(log).held_out == arms.held_out
    fewer = log.iloc[int(0.1 * arms.users) :].reset_index(drop=True)
    fewer["treated"] = np.arange(len(fewer)) < 0.9 * len(fewer)
    fewer.loc[fewer["outcome"] > 0, "outcome"] = 0.0
    fewer.loc[: int(share * len(fewer)) - 1, "outcome"] = 20.5
    with pytest.raises(InputError, match="interval of money needs 5"):
        uplift(fewer)


def test_more_is_needed_for_less():
    base = users_needed(Rate(0.05), 0.01, 0.5).users
    assert users_needed(Rate(0.05), 0.005, 0.5).users > 3.5 * base
    assert users_needed(Rate(0.05), 0.01, 0.1).users > 2.5 * base
    assert users_needed(Rate(0.05), 0.01, 0.5, power=0.9).users > 1.3 * base
    assert smallest_uplift(Rate(0.05), 9000, 1000) > smallest_uplift(Rate(0.05), 90000, 10000)


def test_a_rate_is_not_judged_by_hardly_any_responders():
    # By the normal distribution alone these arms show next to no uplift with a power of 0.78.
    assert Rate(0.0).power(1e-6, Arms(10, 490)) == 0
    found = users_needed(Rate(0.001), 0.01, held_out=0.02)
    assert found.held_out * (0.001 + 0.01 * found.treated / found.users) >= 5
    assert found.held_out > 5 / 0.011
    shown = smallest_uplift(Rate(0.0), 100, 100, power=0.2)
    assert shown == pytest.approx(0.1)  # 0.1 of 100 treated: 5 in each arm if all were alike


def test_an_effect_nobody_can_miss_needs_ten_in_each_arm():
    assert users_needed(Money(1.0), 1e6, 0.5) == Arms(10, 10)
    assert users_needed(Rate(0.0), 1.0, 0.5) == Arms(10, 10)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (lambda: Rate(-0.1), "base rate must be at least 0 and less than 1, not -0.1"),
        (lambda: Rate(1.0), "base rate must be at least 0"),
        (lambda: Rate(float("nan")), "base rate must be at least 0"),
        (lambda: Money(0.0), "standard deviation must be a positive number"),
        (lambda: Money(float("inf")), "standard deviation must be a positive number"),
        (lambda: Money(5.0, spenders=0.0), "share of users who spend must be above 0"),
        (lambda: Money(5.0, correlation=1.0), "correlation must lie between -1 and 1"),
        (lambda: smallest_uplift(Money(5.0, 0.02), 950, 50), "interval of money needs 5: 250"),
        (lambda: users_needed(Rate(0.95), 0.1), "exceeds what is possible, 0.05"),
        (lambda: users_needed(Rate(0.05), 0.0), "must be above 0, not 0.0"),
        (lambda: users_needed(Rate(0.05), -0.01), "must be above 0"),
        (lambda: users_needed(Money(5.0), float("nan")), "must be above 0"),
        (lambda: users_needed(Rate(0.05), 0.01, held_out=0.0), "share held out must lie between"),
        (lambda: users_needed(Rate(0.05), 0.01, held_out=1.0), "share held out must lie between"),
        (lambda: users_needed(Rate(0.05), 0.01, power=1.0), "power below 1"),
        (lambda: users_needed(Rate(0.05), 0.01, alpha=0.0), "alpha must lie above 0"),
        (lambda: users_needed(Rate(0.05), 0.01, power=0.04), "above alpha"),
        (lambda: users_needed(Rate(0.05), 1e-9), "not even 1e"),
        (lambda: users_needed(Money(1.0), 1.0, held_out=1e-13), "not even 1e"),
        (lambda: smallest_uplift(Rate(0.05), 1000, 0), "0 held out; each needs 10 or more"),
        (lambda: smallest_uplift(Money(5.0), 9, 100), "9 users treated"),
        (lambda: smallest_uplift(Rate(0.9), 20, 10), "no uplift up to 0.1 would be shown"),
        (lambda: smallest_uplift(Rate(0.5), 100, 100, power=0.01), "above alpha"),
    ],
)
def test_impossible_questions_are_refused(asked, message):
    with pytest.raises(InputError, match=message):
        asked()
