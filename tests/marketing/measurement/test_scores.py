"""Scores of predictions, by hand."""

import numpy as np
import pytest

from recsys.marketing.measurement.scores import (
    AMOUNTS,
    PROBABILITIES,
    deviance,
    difference,
    gains,
    lift,
    score,
)


def test_lift_by_hand():
    happened = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0], dtype=bool)
    assert lift(happened, np.arange(10)[::-1], 0.1) == pytest.approx(1 / 0.2)
    assert lift(happened, np.arange(10)[::-1], 0.2) == pytest.approx(1 / 0.2)
    assert lift(happened, np.arange(10), 0.2) == 0


def test_equal_predictions_have_no_lift():
    happened = np.arange(20) < 5
    assert lift(happened, np.zeros(20)) == pytest.approx(1)
    half = np.where(np.arange(20) < 10, 1.0, 0.0)  # half of the first ten did it
    assert lift(happened, half, 0.1) == pytest.approx(0.5 / 0.25)


def test_gains_rise_from_none_to_all():
    happened = np.array([True, False, True, False])
    found = gains(happened, np.array([0.9, 0.8, 0.7, 0.1]), points=5)
    np.testing.assert_allclose(found, [0, 0.5, 0.5, 1, 1])


def test_deviance_by_hand():
    spent, predicted = np.array([0.0, 4.0, 9.0]), np.array([1.0, 4.0, 4.0])
    # 2 (y^.5 / (-.5 * .5) + y mu^-.5 / .5 + mu^.5 / .5): 4, 0 and 2 (-12 + 9 + 4) = 2
    assert deviance(spent, predicted) == pytest.approx((4 + 0 + 2) / 3)
    assert deviance(spent, np.zeros(3)) == np.inf  # nothing was expected of who spent
    assert deviance(spent, np.array([0.0, 4.0, 4.0])) == pytest.approx(2 / 3)
    assert deviance(np.zeros(3), np.zeros(3)) == 0
    generator = np.random.default_rng(0)
    many = generator.gamma(1, 10, 500) * (generator.random(500) < 0.3)
    found = {each: deviance(many, np.full(500, each * many.mean())) for each in (0.9, 1, 1.1)}
    assert min(found, key=found.get) == 1  # the mean


def test_what_is_infinite_has_no_interval():
    spent = np.array([0.0, 4.0] * 20)
    found = score(spent, np.zeros(40), AMOUNTS)
    assert found["deviance"] == {"value": None, "low": None, "high": None}
    assert found["rmse"]["value"] == pytest.approx(np.sqrt(8))
    assert found["total"]["value"] == found["total"]["high"] == 0
    assert difference(spent, spent + 1, np.zeros(40), deviance)["value"] is None


def test_the_total_by_hand():
    found = score(np.array([0.0, 10.0, 30.0] * 30), np.array([8.0, 8.0, 16.0] * 30), AMOUNTS)
    assert found["total"]["value"] == pytest.approx(32 / 40)
    assert found["total"]["low"] < 0.8 < found["total"]["high"]


def test_intervals_hold_the_value_and_narrow_with_users():
    generator = np.random.default_rng(0)
    widths = []
    for users in (100, 2000):
        truth = generator.random(users) < 0.3
        predicted = np.clip(0.3 + 0.2 * truth + generator.normal(0, 0.2, users), 0, 1)
        found = score(truth, predicted, PROBABILITIES)
        assert set(found) == set(PROBABILITIES)
        for each in found.values():
            assert each["low"] < each["value"] < each["high"]
        widths.append(found["auc"]["high"] - found["auc"]["low"])
    assert widths[1] < widths[0] / 3


def test_the_difference_of_two_predictions_is_paired():
    generator = np.random.default_rng(0)
    truth = generator.gamma(2.0, 10.0, 500)
    good, bad = truth + generator.normal(0, 1, 500), truth + generator.normal(0, 3, 500)
    found = difference(truth, good, bad, AMOUNTS["mae"])
    assert found["low"] < found["value"] < found["high"] < 0
    same = difference(truth, good, good, AMOUNTS["mae"])
    assert same["value"] == same["low"] == same["high"] == 0


def test_copies_of_users_make_no_interval_narrower():
    generator = np.random.default_rng(0)
    truth = generator.random(300) < 0.4
    predicted = truth + generator.normal(0, 1, 300)
    rule = generator.normal(0, 1, 300)
    auc = {"auc": PROBABILITIES["auc"]}
    once = score(truth, predicted, auc)["auc"]
    # Each user three times, in another order.
    users = generator.permutation(np.repeat(np.arange(300), 3))
    given = truth[users], predicted[users]
    found = score(*given, auc, users=users)["auc"]
    assert found["value"] == pytest.approx(once["value"])
    width, copied = (each["high"] - each["low"] for each in (once, found))
    assert copied == pytest.approx(width, rel=0.1)
    naive = score(*given, auc)["auc"]
    assert naive["high"] - naive["low"] < 0.7 * width
    # Draws of users whose rows stand together are those of single rows.
    together = np.repeat(np.arange(300), 3)
    same = score(truth[together], predicted[together], auc, users=together)["auc"]
    assert same == pytest.approx(once)
    apart = difference(truth, predicted, rule, auc["auc"])
    of_users = [each[together] for each in (truth, predicted, rule)]
    assert difference(*of_users, auc["auc"], users=together) == pytest.approx(apart)
