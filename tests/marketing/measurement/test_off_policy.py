"""Policies never tried: by hand, over many draws of a known value, and logs that say too little."""

import numpy as np
import pytest

from recsys.errors import InputError
from recsys.marketing.measurement.generated import LOGGED, REWARDS, action_log, true_value
from recsys.marketing.measurement.off_policy import (
    cross_fitted_rewards,
    doubly_robust,
    ips,
    snips,
)
from tests.marketing.measurement.intervals import assert_honest

DRAWS, MODELLED, USERS = 250, 100, 1500

# Twenty rows: each of these four five times, of weights 2, 0.5, 1 and 0.
TIMES, ROWS = 5, 20
REWARD = np.tile([1.0, 2.0, 0.0, 4.0], TIMES)
PROPENSITY = np.tile([0.25, 0.5, 0.5, 0.5], TIMES)
PROBABILITY = np.tile([0.5, 0.25, 0.5, 0.0], TIMES)
LOGGED_ROWS = (REWARD, PROPENSITY, PROBABILITY)


def model_of(log, seed: int, **settings):
    return cross_fitted_rewards(
        log.contexts, log.actions, log.rewards, log.new_policy, seed, **settings
    )


@pytest.fixture(scope="module")
def values() -> dict[str, list]:
    """Each estimator's answers, of one log per seed."""
    found: dict[str, list] = {"ips": [], "snips": [], "doubly robust": []}
    for seed in range(DRAWS):
        log = action_log(USERS, seed)
        rows = log.rewards, log.propensities, log.probabilities
        found["ips"].append(ips(*rows))
        found["snips"].append(snips(*rows))
        if seed < MODELLED:
            model = model_of(log, seed, folds=2)
            found["doubly robust"].append(doubly_robust(*rows, *model))
    return found


@pytest.mark.parametrize("estimator", ["ips", "snips", "doubly robust"])
def test_intervals_cover_a_known_value(values, estimator):
    found = values[estimator]
    assert_honest(found, [each.value for each in found], true_value())
    errors = np.array([each.standard_error for each in found])
    assert errors.mean() == pytest.approx(np.std([each.value for each in found]), rel=0.15)


def test_what_is_logged_does_not_answer_what_was_asked(values):
    logged = (LOGGED * REWARDS).sum(axis=1).mean()
    for found in values.values():
        assert np.mean([each.low > logged for each in found]) > 0.9


def test_a_model_and_normalised_weights_save_variance(values):
    spread = {name: np.std([each.value for each in found]) for name, found in values.items()}
    assert spread["snips"] < 0.95 * spread["ips"]
    assert spread["doubly robust"] < 0.95 * spread["ips"]


def test_intervals_narrow_with_the_root_of_the_rows():
    errors = []
    for users in (1500, 24000):
        log = action_log(users, 0)
        rows = log.rewards, log.propensities, log.probabilities
        model = model_of(log, 0)
        found = ips(*rows), snips(*rows), doubly_robust(*rows, *model)
        errors.append([each.high - each.low for each in found])
    np.testing.assert_allclose(np.divide(*errors), 4, rtol=0.15)


def test_ips_by_hand():
    found = ips(*LOGGED_ROWS)
    assert found.value == pytest.approx((2 + 1 + 0 + 0) / 4)
    # Deviations of 2, 1, 0 and 0 from 0.75.
    squares = TIMES * (1.25**2 + 0.25**2 + 2 * 0.75**2)
    error = np.sqrt(squares / (ROWS - 1) / ROWS)
    assert found.standard_error == pytest.approx(error)
    assert found.low == pytest.approx(0.75 - 1.959964 * error)
    assert found.high == pytest.approx(0.75 + 1.959964 * error)
    assert found.effective_rows == pytest.approx(TIMES * 3.5**2 / 5.25)
    assert found.largest_weight == 2
    assert found.mean_weight == pytest.approx(3.5 / 4)
    assert found.clipped == 0


def test_snips_by_hand():
    found = snips(*LOGGED_ROWS)
    value = (2 * 1 + 0.5 * 2) / 3.5
    assert found.value == pytest.approx(value)
    squares = TIMES * ((2 * (1 - value)) ** 2 + (0.5 * (2 - value)) ** 2 + value**2)
    assert found.standard_error == pytest.approx(np.sqrt(squares) / (TIMES * 3.5))


def test_doubly_robust_by_hand():
    predicted, expected = np.ones(ROWS), np.tile([0.5, 1.0, 1.5, 2.0], TIMES)
    found = doubly_robust(*LOGGED_ROWS, predicted, expected)
    terms = np.tile([0.5 + 0, 1 + 0.5, 1.5 - 1, 2 + 0], TIMES)
    assert found.value == pytest.approx(terms.mean())
    assert found.standard_error == pytest.approx(terms.std(ddof=1) / np.sqrt(ROWS))


def test_a_model_that_knows_nothing_leaves_ips():
    nothing = np.zeros(ROWS)
    assert doubly_robust(*LOGGED_ROWS, nothing, nothing) == ips(*LOGGED_ROWS)


def test_a_wrong_model_does_no_harm_in_the_mean():
    """Right propensities are enough: the mean of many estimates is the truth."""
    found = []
    for seed in range(200):
        log = action_log(500, seed)
        rows = log.rewards, log.propensities, log.probabilities
        wrong = 0.9 - 0.5 * log.contexts[:, 0]  # of any action alike
        found.append(doubly_robust(*rows, wrong, wrong).value)
    error = np.std(found) / np.sqrt(len(found))
    assert np.mean(found) == pytest.approx(true_value(), abs=3.5 * error)


def test_the_policy_that_logged_earns_what_was_logged():
    log = action_log(1000, 0)
    same = log.rewards, log.propensities, log.propensities
    for found in (ips(*same), snips(*same)):
        assert found.value == pytest.approx(log.rewards.mean())
        assert found.effective_rows == pytest.approx(1000)
        assert found.mean_weight == found.largest_weight == 1


def test_clipping_is_named_and_biased_downwards():
    log = action_log(20_000, 0)
    rows = log.rewards, log.propensities, log.probabilities
    found, cut = ips(*rows), ips(*rows, clip=2.0)
    weights = log.probabilities / log.propensities
    assert cut.clipped == (weights > 2).sum() > 0
    assert cut.largest_weight == 2
    assert cut.standard_error < found.standard_error
    assert cut.high < true_value()
    assert cut.mean_weight < 0.9
    assert ips(*rows, clip=weights.max()) == found


def test_actions_never_logged_show_in_the_mean_weight():
    log = action_log(20_000, 0)
    # As if the third offer had never been made: nothing tells what it would have earned.
    kept = log.actions < 2
    two = LOGGED[:, :2].sum(axis=1)
    kind = np.round((log.contexts + 1) * 2).astype(int) @ [5, 1]
    propensity = log.propensities[kept] / two[kind][kept]
    found = ips(log.rewards[kept], propensity, log.probabilities[kept])
    assert found.mean_weight < 0.8
    assert found.high < true_value()


def test_rewards_are_predicted_by_models_of_other_rows():
    contexts = np.arange(8.0)[:, None]
    policy = np.full((8, 2), 0.5)
    actions = np.zeros(8, dtype=int)
    rewards = np.zeros(8)
    rewards[3] = 80.0
    # Every row alone: without row 3 all rewards are 0, and nobody took the second action.
    predicted, expected = cross_fitted_rewards(contexts, actions, rewards, policy, 0, folds=8)
    assert predicted[3] == expected[3] == 0
    assert (np.delete(predicted, 3) != 0).any()
    np.testing.assert_allclose(np.delete(expected - predicted / 2, 3), 80 / 7 / 2)


def test_rewards_are_predicted_by_action_and_context():
    generator = np.random.default_rng(0)
    contexts = generator.normal(size=(4000, 2))
    actions = generator.integers(0, 2, 4000)
    truth = np.stack([1 + contexts[:, 0], 5 - 2 * contexts[:, 1]], axis=1)
    rewards = truth[np.arange(4000), actions] + generator.normal(0, 0.1, 4000)
    policy = np.tile([0.25, 0.75], (4000, 1))
    predicted, expected = cross_fitted_rewards(contexts, actions, rewards, policy, 0)
    np.testing.assert_allclose(predicted, truth[np.arange(4000), actions], atol=0.05)
    np.testing.assert_allclose(expected, truth @ [0.25, 0.75], atol=0.05)
    again = cross_fitted_rewards(contexts, actions, rewards, policy, 0)
    np.testing.assert_array_equal(again, (predicted, expected))


def changed(values: np.ndarray, to: float) -> np.ndarray:
    return np.concatenate(([to], values[1:]))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((REWARD, changed(PROPENSITY, 0.0), PROBABILITY), "propensities must be above 0"),
        ((REWARD, changed(PROPENSITY, 1.1), PROBABILITY), "propensities must be above 0"),
        ((REWARD, PROPENSITY, changed(PROBABILITY, -0.1)), "must be from 0 to 1"),
        ((REWARD, PROPENSITY, changed(PROBABILITY, 1.1)), "must be from 0 to 1"),
        ((REWARD, PROPENSITY[1:], PROBABILITY), "19 propensities for 20 rewards"),
        ((REWARD, PROPENSITY, PROBABILITY[1:]), "19 probabilities for 20 rewards"),
        ((changed(REWARD, np.nan), PROPENSITY, PROBABILITY), "rewards must be finite"),
        ((REWARD, changed(PROPENSITY, np.inf), PROBABILITY), "propensities must be finite"),
        ((["a"] * ROWS, PROPENSITY, PROBABILITY), "rewards must be numbers"),
        ((REWARD[:, None], PROPENSITY, PROBABILITY), r"not of shape \(20, 1\)"),
        ((REWARD, PROPENSITY, np.zeros(ROWS)), "as much about the new policy as 0.0"),
        ((REWARD, changed(PROPENSITY, 1e-9), PROBABILITY), "as much about the new policy as 1.0"),
        ((REWARD, changed(PROPENSITY, 5e-324), PROBABILITY), "as much about the new policy as 0.0"),
        (([], [], []), "log's 0 rows"),
    ],
)
def test_logs_that_cannot_answer_are_refused(rows, message):
    for estimator in (ips, snips):
        with pytest.raises(InputError, match=message):
            estimator(*rows)
    with pytest.raises(InputError, match=message):
        doubly_robust(*rows, REWARD, REWARD)


def test_a_model_of_other_rows_or_a_clip_below_one_are_refused():
    with pytest.raises(InputError, match="19 predicted rewards for 20"):
        doubly_robust(*LOGGED_ROWS, REWARD[1:], REWARD)
    with pytest.raises(InputError, match="expected rewards must be finite"):
        doubly_robust(*LOGGED_ROWS, REWARD, changed(REWARD, np.nan))
    for clip in (0.5, np.nan):
        with pytest.raises(InputError, match="clip must be at least 1"):
            ips(*LOGGED_ROWS, clip=clip)


ACTIONS = np.array([0, 1] * (ROWS // 2))
CONTEXTS = np.ones((ROWS, 1))
POLICY = np.full((ROWS, 2), 0.5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((CONTEXTS[1:], ACTIONS, REWARD, POLICY, 0), "contexts must be a table of 20 rows"),
        ((CONTEXTS[:, 0], ACTIONS, REWARD, POLICY, 0), "contexts must be a table of 20 rows"),
        ((CONTEXTS * np.nan, ACTIONS, REWARD, POLICY, 0), "contexts must be finite"),
        ((CONTEXTS, ACTIONS[1:], REWARD, POLICY, 0), "19 actions for 20 rewards"),
        ((CONTEXTS, ACTIONS + 1, REWARD, POLICY, 0), "whole numbers from 0 to 1"),
        ((CONTEXTS, ACTIONS + 0.5, REWARD, POLICY, 0), "whole numbers from 0 to 1"),
        ((CONTEXTS, ACTIONS, REWARD, POLICY[:, :1], 0), "whole numbers from 0 to 0"),
        ((CONTEXTS, ACTIONS, REWARD, POLICY * 2, 0), "probabilities that sum to 1"),
        ((CONTEXTS, ACTIONS, REWARD, POLICY + np.array([-1, 1]), 0), "probabilities that sum to 1"),
        ((CONTEXTS, ACTIONS, REWARD, POLICY, 0, 1), "folds must be from 2"),
        ((CONTEXTS, ACTIONS, REWARD, POLICY, 0, 21), "folds must be from 2"),
    ],
)
def test_rows_that_teach_nothing_are_refused(given, message):
    with pytest.raises(InputError, match=message):
        cross_fitted_rewards(*given)
