"""A step on a batch that holds some rows of the tables."""

import json

import pytest

from tests.datasets import checkerboard
from tests.processes import run_python

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["tensorflow", "jax"])
def checked(request, tmp_path_factory):
    """The backend, and what step_check.py printed on it."""
    folder = tmp_path_factory.mktemp("step") / "dataset"
    checkerboard(folder, users=10, items=16)
    command = ("-m", "tests.training.step_check", str(folder))
    done = run_python(request.param, *command)
    assert done.returncode == 0, done.stderr[-3000:]
    return request.param, json.loads(done.stdout.splitlines()[-1])


def test_rows_of_the_batch_move_as_in_the_dense_optimizer_and_no_others(checked):
    """The batch has duplicates, padding and an empty row."""
    backend, found = checked
    cases = found["rows"]
    # Two optimizers, two tables; TensorFlow's step with XLA and without.
    assert len(cases) == (8 if backend == "tensorflow" else 4)
    for name, found in cases.items():
        assert found["others_moved"] == 0, name
        assert found["held_moved"] > 1e-3, name
        assert found["held_differs"] < 1e-5, name


def test_what_fills_a_dispatch_up_leaves_no_trace(checked):
    """Not in weights, slots, counters and seeds of dropout."""
    assert checked[1]["filled"]["traces"] == 0
    assert checked[1]["filled"]["off"] < 1e-6


def test_the_scale_of_the_rate_is_a_factor_of_every_update(checked):
    assert checked[1]["halved"]["least"] > 1e-3
    assert checked[1]["halved"]["off"] < 1e-6
