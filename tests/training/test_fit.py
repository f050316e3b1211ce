"""Training as a whole, on both backends, each in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.datasets import checkerboard

REPOSITORY = Path(__file__).parents[2]
TRAINING = {
    "epochs": 3,
    "batch_size": 8,
    "steps_per_dispatch": 2,
    "optimizer": {"learning_rate": 0.02, "weight_decay": 0.01, "warmup_steps": 3},
}


def start(folder, backend: str, **settings) -> subprocess.CompletedProcess:
    settings = {"query": "lstm", "loss": "cross_entropy", "training": TRAINING} | settings
    environment = os.environ | {
        "KERAS_BACKEND": backend,
        "PYTHONPATH": str(REPOSITORY),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    return subprocess.run(
        [sys.executable, "-m", "tests.training.worker", str(folder), json.dumps(settings)],
        env=environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )


def train(folder, backend: str, **settings) -> dict:
    done = start(folder, backend, **settings)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def folder(tmp_path):
    checkerboard(tmp_path / "dataset", users=40, items=16)
    return tmp_path


@pytest.mark.parametrize(
    "backend, query, loss",
    [("tensorflow", "lstm", "cross_entropy"), ("jax", "two-tower", "mixed")],
)
def test_a_killed_run_ends_as_if_it_had_not_been(folder, backend, query, loss):
    training = TRAINING | {"checkpoint_seconds": 0, "epochs": 3, "steps_per_dispatch": 1}
    settings = {"query": query, "loss": loss, "training": training}
    whole = train(folder, backend, checkpoints="whole", **settings)
    killed = start(folder, backend, kill_at=[1, 2], **settings)
    assert killed.returncode == -9
    assert (folder / "checkpoints" / "last.npz").is_file()
    assert train(folder, backend, **settings) == whole


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_equal_seeds_are_bit_equal_and_compile_and_fit_reaches_the_same_loss(folder, backend):
    """Dense updates by Keras and our step agree where a batch holds every row."""
    settings = {"query": "two-tower", "loss": "cross_entropy", "keras_fit": True}
    # One batch of every user a step, so that the row-wise user table is dense too;
    # no dropout on users, as the two ways would draw different masks.
    settings["training"] = TRAINING | {"batch_size": 40, "steps_per_dispatch": 1, "epochs": 4}
    first = train(folder, backend, checkpoints="first", **settings)
    np.testing.assert_allclose(first["losses"], first["keras_losses"], rtol=2e-4)
    assert train(folder, backend, checkpoints="second", **settings) == first
