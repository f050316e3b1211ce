"""Uplift: by hand, over many draws of a known effect, and what cannot be measured."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from recsys.errors import InputError
from recsys.marketing.measurement.generated import EFFECTS, campaign_log, true_uplift
from recsys.marketing.measurement.uplift import uplift, uplift_by_segment
from tests.marketing.measurement.intervals import assert_honest

DRAWS, USERS, HELD_OUT = 200, 4000, 0.3
pytestmark = pytest.mark.usefixtures("few_permutations")


def users(treated: list, held_out: list, **columns) -> pd.DataFrame:
    """Outcomes of treated users, then of those held out."""
    arms = [True] * len(treated) + [False] * len(held_out)
    return pd.DataFrame({"treated": arms, "outcome": [*treated, *held_out], **columns})


def yes(successes: int, of: int) -> list[bool]:
    return [True] * successes + [False] * (of - successes)


@pytest.fixture(scope="module")
def logs() -> list[pd.DataFrame]:
    return [campaign_log(USERS, HELD_OUT, seed) for seed in range(DRAWS)]


@pytest.mark.parametrize(("outcome", "draws"), [("responded", DRAWS), ("spent", 120)])
def test_intervals_cover_a_known_uplift_of_everybody_and_of_each_segment(
    logs, outcome, draws, monkeypatch
):
    # Holm's adjustment in statsmodels collects garbage in every call: 0.1 s in a large process.
    monkeypatch.setattr("gc.collect", lambda *_: 0)
    found = [uplift_by_segment(log, outcome) for log in logs[:draws]]
    overall = [each.overall for each in found]
    assert_honest(overall, [each.difference for each in overall], true_uplift(outcome))
    for name in EFFECTS:
        segment = [each.segments[name] for each in found]
        truth = true_uplift(outcome, name)
        assert_honest(segment, [each.difference for each in segment], truth)


def test_intervals_narrow_with_the_root_of_the_users():
    for outcome in ("responded", "spent"):
        few, many = (uplift(campaign_log(n, HELD_OUT, 0), outcome) for n in (4000, 64000))
        ratio = (few.high - few.low) / (many.high - many.low)
        assert ratio == pytest.approx(4, rel=0.15)


def test_skewed_money_errs_to_either_side_as_often_as_it_says():
    # Welch's interval tells of gains in 14 % of such draws, of losses in none.
    generator = np.random.default_rng(0)
    low, high = 0, 0
    for _ in range(600):
        spends = generator.random(300) < 0.3
        amounts = np.where(spends, generator.lognormal(3.0, 1.5, 300), 0.0)
        found = uplift(pd.DataFrame({"treated": np.arange(300) >= 30, "outcome": amounts}))
        low, high = low + (found.low > 0), high + (found.high < 0)
    for alarms in (low, high):
        assert stats.binomtest(alarms, 600, 0.025).pvalue > 0.01


def test_p_values_are_even_where_nothing_changes():
    generator = np.random.default_rng(0)
    found = []
    for _ in range(200):
        amounts = generator.gamma(1.0, 20.0, 400) * (generator.random(400) < 0.5)
        for outcome in (amounts, amounts > 0):
            log = pd.DataFrame({"treated": np.arange(400) < 250, "outcome": outcome})
            found.append((uplift(log).p_value, outcome.dtype == bool))
    for binary in (True, False):
        values = [p_value for p_value, kind in found if kind == binary]
        assert stats.kstest(values, "uniform").pvalue > 0.01


def test_a_rate_by_hand():
    found = uplift(users(yes(56, 70), yes(48, 80)))
    # Newcombe 1998, table II, method 10 of the example 56/70 against 48/80.
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert (found.treated, found.held_out) == (70, 80)
    assert (found.treated_mean, found.held_out_mean) == pytest.approx((0.8, 0.6))
    assert found.difference == pytest.approx(0.2)
    assert found.relative == pytest.approx(1 / 3)
    pooled = 104 / 150
    error = np.sqrt(pooled * (1 - pooled) * (1 / 70 + 1 / 80) * 150 / 149)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(0.2 / error))


def test_money_by_hand():
    found = uplift(users([0, 4] * 5, [0, 2] * 10))
    assert (found.treated_mean, found.held_out_mean) == pytest.approx((2, 1))
    assert found.difference == pytest.approx(1)
    assert found.relative == pytest.approx(1)
    assert not found.adjusted
    assert found.low < 0 < found.p_value < 1 < found.high


def test_money_is_adjusted_for_money_before():
    generator = np.random.default_rng(0)
    before = generator.gamma(1.0, 30.0, 600)
    treated = np.arange(600) < 400
    spent = 0.8 * before + 5.0 * treated + generator.gamma(1.0, 5.0, 600)
    log = pd.DataFrame({"treated": treated, "spent": spent, "before": before})
    plain, adjusted = uplift(log, "spent"), uplift(log, "spent", before="before")
    # The regression of the money on who was treated and on the money before.
    matrix = np.column_stack((treated, before, np.ones(600)))
    effect = np.linalg.lstsq(matrix, spent, rcond=None)[0][0]
    assert adjusted.adjusted
    assert adjusted.difference == pytest.approx(effect)
    assert adjusted.treated_mean - adjusted.held_out_mean == pytest.approx(effect)
    overall = adjusted.treated_mean * 400 + adjusted.held_out_mean * 200
    assert overall / 600 == pytest.approx(spent.mean())
    assert adjusted.low < 5.0 < adjusted.high
    left = np.sqrt(1 - np.corrcoef(before, spent)[0, 1] ** 2)
    ratio = (adjusted.high - adjusted.low) / (plain.high - plain.low)
    assert ratio == pytest.approx(left, rel=0.25)


def test_money_before_that_is_the_same_of_all_adjusts_nothing():
    log = users([0, 4] * 5, [0, 2] * 10, before=7.0)
    assert uplift(log, before="before") == uplift(log)


@pytest.mark.parametrize("cents", [1e-4, 1, 1e6])
def test_another_currency_is_another_unit_and_nothing_else(cents):
    amounts = np.random.default_rng(1).gamma(1.0, 20.0, 60)
    one, other = (uplift(users([*a[:40]], [*a[40:]])) for a in (amounts, amounts * cents))
    assert other.p_value == one.p_value
    assert (other.low, other.high) == pytest.approx((one.low * cents, one.high * cents), rel=1e-6)


def test_few_who_spend_are_refused_with_what_it_would_take():
    # 2 % of 1,000 users, 5 % held out: one of them spends, if nothing changes.
    log = users([30.0] * 19 + [0] * 931, [20.0] + [0] * 49)
    with pytest.raises(InputError, match=r"2.0% of 1,000 users .* about 1.0 of the 50 held out"):
        uplift(log)
    with pytest.raises(InputError, match="250 users held out"):
        uplift(log)
    enough = users([30.0] * 15 + [0] * 735, [20.0] * 5 + [0] * 245)
    assert uplift(enough).held_out == 250


def test_ones_and_zeros_are_a_yes_or_no():
    said = users(yes(9, 20), yes(3, 20))
    for kind in (int, float, object, "boolean"):
        written = said.assign(outcome=said["outcome"].astype(kind), treated=said["treated"] * 1)
        assert uplift(written) == uplift(said)


def test_nobody_did_it_is_an_answer():
    found = uplift(users(yes(0, 100), yes(0, 50)))
    assert found.difference == 0
    assert found.relative is None
    assert found.p_value == 1
    # Wilson's bounds of 0 of n: z² / (n + z²).
    square = stats.norm.ppf(0.975) ** 2
    assert found.low == pytest.approx(-square / (50 + square))
    assert found.high == pytest.approx(square / (100 + square))


def test_segments_are_adjusted_by_holm_and_those_that_say_nothing_are_named():
    log = pd.concat(
        [
            users(yes(40, 80), yes(20, 80), segment="a"),
            users(yes(40, 80), yes(25, 80), segment="b"),
            users(yes(40, 80), yes(39, 80), segment="c"),
            users(yes(10, 80), yes(1, 9), segment="few held out"),
        ]
    )
    found = uplift_by_segment(log)
    assert list(found.segments) == ["a", "b", "c"]
    assert list(found.not_estimated) == ["few held out"]
    assert "9 held out" in found.not_estimated["few held out"]
    assert found.overall == uplift(log)  # everybody counts, also in segments too small
    assert found.overall.held_out == 249
    alone = {name: uplift(log[log["segment"] == name]) for name in "abc"}
    assert alone["a"].p_value < alone["b"].p_value < alone["c"].p_value
    assert found.segments["a"].p_value == pytest.approx(3 * alone["a"].p_value)
    assert found.segments["b"].p_value == pytest.approx(2 * alone["b"].p_value)
    assert found.segments["c"].p_value == pytest.approx(alone["c"].p_value)
    for name in "abc":
        assert found.segments[name].low == alone[name].low


def test_numbers_that_do_not_vary_are_named():
    log = pd.concat(
        [
            users([0, 30] * 10, [0, 20] * 10, segment="buys"),
            users([5] * 20, [5] * 20, segment="subscribed"),
        ]
    )
    found = uplift_by_segment(log)
    assert list(found.segments) == ["buys"]
    assert "varies neither" in found.not_estimated["subscribed"]


def test_all_segments_may_be_too_small():
    log = users(yes(5, 12), yes(4, 12), segment=[f"s{number % 3}" for number in range(24)])
    found = uplift_by_segment(log)
    assert found.segments == {}
    assert list(found.not_estimated) == ["s0", "s1", "s2"]


GOOD = users(yes(5, 20), yes(5, 20), user=[f"u{number}" for number in range(40)], segment="a")


@pytest.mark.parametrize(
    ("log", "message"),
    [
        (GOOD[GOOD["treated"]], "20 users treated and 0 held out"),
        (GOOD[~GOOD["treated"]], "0 users treated and 20 held out"),
        (GOOD.drop(columns="outcome"), "no column 'outcome', only 'treated', 'user', 'segment'"),
        (GOOD.drop(columns="treated"), "no column 'treated'"),
        (GOOD.drop(columns="segment"), "no column 'segment'"),
        (pd.concat([GOOD, GOOD[:1]]), "user 'u0' has several rows"),
        (GOOD.assign(outcome=[None, *GOOD["outcome"][1:]]), "1 of 40 users have no 'outcome'"),
        (GOOD.assign(treated=[None, *GOOD["treated"][1:]]), "1 of 40 users have no 'treated'"),
        (GOOD.assign(segment=[None, *GOOD["segment"][1:]]), "1 of 40 users have no 'segment'"),
        (GOOD.assign(outcome="bought"), "must be true and false, or finite numbers"),
        (GOOD.assign(outcome=np.inf), "must be true and false, or finite numbers"),
        (GOOD.assign(treated="yes"), "'treated' must hold true and false"),
        (GOOD.assign(treated=range(40)), "'treated' must hold true and false"),
        (GOOD.assign(outcome=[0.5, 0.7, *[0.0] * 38]), "interval of money needs 5: 100 users"),
        (GOOD.assign(outcome=3.5), "varies neither among 20 users treated nor 20 held out"),
    ],
)
def test_what_cannot_be_measured_is_refused(log, message):
    with pytest.raises(InputError, match=message):
        uplift_by_segment(log)
