"""Generated logs: what is said to be true of them is."""

import numpy as np
import pandas as pd
import pytest

from recsys.marketing.measurement.generated import (
    EFFECTS,
    LOGGED,
    REWARDS,
    WANTED,
    action_log,
    campaign_log,
    true_uplift,
    true_value,
)


def test_a_seed_draws_the_same_again():
    pd.testing.assert_frame_equal(campaign_log(200, 0.2, 7), campaign_log(200, 0.2, 7))
    assert not campaign_log(200, 0.2, 7).equals(campaign_log(200, 0.2, 8))
    first, again, other = action_log(200, 7), action_log(200, 7), action_log(200, 8)
    np.testing.assert_array_equal(first.rewards, again.rewards)
    np.testing.assert_array_equal(first.actions, again.actions)
    assert (first.actions != other.actions).any()


def test_a_campaign_holds_the_effects_it_names():
    log = campaign_log(400_000, 0.5, 0)
    assert (~log["treated"]).sum() == 200_000
    for name, effect in EFFECTS.items():
        segment = log[log["segment"] == name]
        arms = segment.groupby("treated")
        assert len(segment) / len(log) == pytest.approx(effect.share, abs=0.005)
        rates, spent = arms["responded"].mean(), arms["spent"].mean()
        assert rates[False] == pytest.approx(effect.rate, abs=0.005)
        assert rates[True] == pytest.approx(effect.rate + effect.uplift, abs=0.005)
        assert spent[False] == pytest.approx(effect.rate * effect.spends, rel=0.06)
        assert spent[True] - spent[False] == pytest.approx(true_uplift("spent", name), abs=0.25)
    assert (log["responded"] == (log["spent"] > 0)).all()
    assert log["spent"].skew() > 3


def test_the_uplift_of_all_is_that_of_segments_by_their_shares():
    assert true_uplift("responded") == pytest.approx(0.2 * 0.06 + 0.5 * 0.03 + 0.3 * 0.0)
    assert true_uplift("spent") == pytest.approx(0.2 * 0.06 * 20 + 0.5 * 0.03 * 40)


def test_propensities_are_how_often_actions_were_drawn():
    log = action_log(200_000, 0)
    for kind in ([-1.0, -1.0], [0.0, 1.0]):
        rows = (log.contexts == kind).all(axis=1)
        for action in range(3):
            drawn = rows & (log.actions == action)
            assert drawn.sum() / rows.sum() == pytest.approx(log.propensities[drawn][0], abs=0.02)
    np.testing.assert_allclose(LOGGED.sum(axis=1), 1)
    np.testing.assert_allclose(WANTED.sum(axis=1), 1)


def test_the_true_value_is_what_the_new_policy_earns():
    log = action_log(200_000, 0)
    generator = np.random.default_rng(1)
    below = generator.random((200_000, 1)) > np.cumsum(log.new_policy, axis=1)[:, :-1]
    kind = np.round((log.contexts + 1) * 2).astype(int) @ [5, 1]
    earned = generator.random(200_000) < REWARDS[kind, below.sum(axis=1)]
    assert earned.mean() == pytest.approx(true_value(), abs=0.004)
    assert log.rewards.mean() < true_value() - 0.05  # better than what was logged
