from math import exp

import numpy as np
import pytest
from scipy.stats import norm

from recsys.errors import InputError
from recsys.models.retriever import ModelConfig, Retriever
from recsys.training.batches import training_batches
from recsys.training.config import TrainingConfig
from recsys.training.privacy import (
    LEAST_NOISE,
    SECRET,
    PrivacyConfig,
    check_privacy,
    forget_secret,
    keep_secret,
    mechanism,
    noise_multiplier,
    secret_of,
    spent,
)
from tests.datasets import checkerboard

UNIFORM = {"loss": {"kind": "sampled_softmax", "negatives": {"kind": "uniform"}}}


@pytest.mark.parametrize(("noise", "steps"), [(1.0, 1), (2.0, 1), (4.0, 25)])
def test_epsilon_of_the_gaussian_mechanism_is_the_exact_one(noise, steps):
    """Balle and Wang, "Improving the Gaussian Mechanism" (2018), theorem 8; n steps are one with
    a deviation that is sqrt(n) times smaller."""
    epsilon, mean = spent(noise, 1e-5, 1.0, steps), steps**0.5 / noise
    delta = norm.cdf(mean / 2 - epsilon / mean) - exp(epsilon) * norm.cdf(
        -mean / 2 - epsilon / mean
    )
    assert delta == pytest.approx(1e-5, rel=0.05)


def test_drawing_users_amplifies_privacy_as_published():
    """The tutorial of TensorFlow Privacy has 1.18 for this training of MNIST, by the looser RDP."""
    epsilon = spent(1.3, 1e-5, 250 / 60_000, 15 * 240)
    assert 0.8 < epsilon < 1.18


def test_the_noise_is_the_least_that_keeps_the_promise():
    noise = noise_multiplier(3.0, 1e-5, 0.01, 500)
    assert 2.9 < spent(noise, 1e-5, 0.01, 500) <= 3.0
    assert noise_multiplier(3.0, 1e-5, 0.01, 1000) > noise
    assert noise_multiplier(1e4, 1e-5, 0.01, 500) == LEAST_NOISE


def test_choosing_rows_takes_its_share_of_the_budget():
    config = PrivacyConfig.model_validate({"epsilon": 3, "row_selection": {"share": 0.2}})
    without = mechanism(config, 1000, 0.01, 500, selects_rows=False)
    assert without.row_noise is None and without.gradient_noise == without.noise_multiplier
    assert without.delta == pytest.approx(1000**-1.1)
    assert without.expected_users == 10
    with_rows = mechanism(config, 1000, 0.01, 500, selects_rows=True)
    assert with_rows.noise_multiplier == without.noise_multiplier
    assert (with_rows.noise_multiplier / with_rows.row_noise) ** 2 == pytest.approx(0.2)
    assert (with_rows.noise_multiplier / with_rows.gradient_noise) ** 2 == pytest.approx(0.8)
    assert with_rows.row_threshold == 2 * with_rows.row_noise


def test_a_delta_that_allows_to_publish_a_user_is_refused():
    with pytest.raises(InputError, match=r"delta is 0.001, and must be below 1 / users \(0.001\)"):
        mechanism(PrivacyConfig(epsilon=3, delta=1e-3), 1000, 0.01, 500, selects_rows=False)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"loss": {"kind": "sampled_softmax"}}, "model.loss.negatives are mixed"),
        (
            {"loss": {"kind": "gbce", "negatives": {"kind": "in_batch"}}},
            "model.loss.negatives are in_batch",
        ),
        (
            {"loss": {"kind": "bpr_max", "negatives": {"kind": "popularity"}}},
            "model.loss.negatives are popularity",
        ),
        ({"query": {"user_id": True}}, "model.query.user_id"),
        ({"item": {"features": ["brand"], "cold_start": {}}}, "model.item.cold_start"),
    ],
)
def test_models_that_would_break_the_promise_are_refused(model, message):
    with pytest.raises(InputError, match=f"training.privacy cannot be kept: {message}"):
        check_privacy(ModelConfig.model_validate(model), "jax")


def test_another_backend_and_several_devices_are_refused():
    with pytest.raises(InputError, match=r"runs on tensorflow.*KERAS_BACKEND=jax; 2 devices"):
        check_privacy(ModelConfig(), "tensorflow", devices=2)


@pytest.mark.parametrize("model", [{}, UNIFORM])
def test_losses_that_look_at_no_other_user_are_not(model):
    check_privacy(ModelConfig.model_validate(model), "jax")


def test_the_secret_is_drawn_once_kept_for_the_owner_and_forgotten(tmp_path):
    drawn = secret_of(tmp_path)
    assert drawn != secret_of(tmp_path)
    assert not list(tmp_path.iterdir())
    keep_secret(tmp_path, drawn)
    assert secret_of(tmp_path) == drawn
    assert (tmp_path / SECRET).stat().st_mode & 0o777 == 0o600
    assert len(np.unique(drawn)) > 1
    forget_secret(tmp_path)
    forget_secret(tmp_path)
    assert not list(tmp_path.iterdir())


def test_batches_for_keras_are_refused(tmp_path):
    """Keras's ``fit`` knows nothing of it."""
    dataset = checkerboard(tmp_path / "dataset", users=4, items=6)
    retriever = Retriever({"dim": 4, "max_events": 3}, 6, 6, 4)
    config = TrainingConfig.model_validate({"privacy": {"epsilon": 8}})
    with pytest.raises(InputError, match=r"cannot keep training\.privacy"):
        training_batches(retriever, dataset, config)
