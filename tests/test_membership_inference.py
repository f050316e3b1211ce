"""``scripts/membership_inference.py``."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.processes import run_python

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    import membership_inference

    yield membership_inference
    del sys.modules["membership_inference"]


def test_an_attack_on_losses_that_tell_finds_everybody_and_else_nobody(script):
    trained = np.arange(400) % 2 == 0
    losses = np.random.default_rng(0).normal(size=400)
    told = script.attack(losses - 100 * trained, trained)
    assert told.auc == 1.0 and told.found == 1.0
    assert told.loss == pytest.approx(losses[~trained].mean())
    nothing = script.attack(losses, trained)
    assert nothing.auc == pytest.approx(0.5, abs=0.08)
    assert nothing.found < 0.05


def test_users_without_a_prediction_are_left_out(script):
    trained = np.array([True, True, False, False, True])
    losses = np.array([1.0, 3.0, 2.0, 4.0, np.nan])
    assert script.attack(losses, trained) == script.Attack(0.75, 0.5, 3.0)


@pytest.mark.nightly
@pytest.mark.slow
def test_a_model_that_learned_its_users_by_heart_is_told_and_a_private_one_is_not():
    settings = {
        **{"users": 100, "items": 40, "events": 900, "dim": 16, "max-events": 5},
        **{"epochs": 30, "batch-size": 16, "learning-rate": 0.04, "epsilon": 0.5},
    }
    given = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    done = run_python("jax", str(SCRIPTS / "membership_inference.py"), *given)
    assert done.returncode == 0, done.stderr[-3000:]
    auc = dict(re.findall(r"^(without|epsilon 0.5) +([\d.]+)", done.stdout, re.M))
    assert float(auc["without"]) > 0.85
    # A guess is within 0.16 of a half, at three standard deviations of so few users.
    assert float(auc["epsilon 0.5"]) < 0.8
