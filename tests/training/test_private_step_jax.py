"""Training under differential privacy of users."""

import json

import pytest

from recsys.training.privacy import spent
from tests.processes import run_python

pytestmark = pytest.mark.slow
MODELS = ["attention, sampled", "gru, sampled", "gru, whole", "baskets"]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What private_step_check.py printed."""
    folder = tmp_path_factory.mktemp("private")
    command = ("-m", "tests.training.private_step_check", str(folder))
    done = run_python("jax", *command)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("model", MODELS)
def test_the_sum_is_that_of_gradients_cut_down_user_by_user(found, model):
    sums = found["sums"][model]
    assert sums["users"] > 3
    assert sums["cut"] > 0.5
    assert sums["size"] > 1e-3
    assert sums["off"] < 1e-6


@pytest.mark.parametrize("model", MODELS)
def test_a_user_who_is_removed_moves_the_sum_by_the_clip_norm_at_most(found, model):
    sums = found["sums"][model]
    # This one's gradient was cut, so it is exactly that.
    assert sums["moved"] == pytest.approx(1.0, abs=1e-5)
    assert sums["counts_moved"] <= 1.0 + 1e-5


def test_a_count_of_users_is_kept_where_rows_are_chosen(found):
    assert found["sums"]["gru, sampled"]["counts_moved"] == pytest.approx(1.0, abs=1e-5)
    assert found["sums"]["gru, whole"]["counts_moved"] == 0.0


def test_noise_has_the_deviation_that_was_asked_for(found):
    assert found["noise"]["dense"] == pytest.approx(1.0, abs=0.01)
    assert found["noise"]["rows"] == pytest.approx(1.0, abs=0.05)


def test_rows_are_chosen_by_a_noisy_count_and_others_stay(found):
    """2.275 % of normal numbers lie above two standard deviations."""
    assert found["noise"]["chosen"] == pytest.approx(0.02275, abs=0.003)
    assert found["noise"]["negatives"] is True
    assert found["noise"]["others"] == 0.0


def test_a_killed_training_goes_on_to_equal_weights_and_ends_without_its_secret(found):
    fit = found["fit"]
    assert fit["begun"] and fit["kept"]
    assert fit["finite"] and fit["resumed"]
    assert not fit["left"] and not fit["key_in_checkpoints"]


def test_noise_does_not_follow_from_the_seed(found):
    assert found["fit"]["apart"] > 1e-3


def test_validation_decides_about_nothing(found):
    """It became worse with every epoch."""
    assert found["fit"]["epochs"] == found["fit"]["best_epoch"] == 3


def test_what_was_done_is_recorded(found):
    privacy = found["fit"]["privacy"]
    assert privacy["unit"] == "user" and privacy["users"] == 24
    assert privacy["sampling_rate"] == 0.25 and privacy["steps"] == 12
    assert 7.9 < privacy["epsilon"] <= 8.0
    noise = privacy["noise_multiplier"]
    assert privacy["epsilon"] == spent(noise, privacy["delta"], 0.25, 12)
    # Both parts of a step together are one mechanism with that multiplier.
    together = privacy["row_noise"] ** -2 + privacy["gradient_noise"] ** -2
    assert together**-0.5 == pytest.approx(noise)
