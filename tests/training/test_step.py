"""A step on a batch that holds some rows of the tables."""

import json

import pytest

from tests.datasets import checkerboard
from tests.processes import run_python

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_rows_of_the_batch_move_as_in_the_dense_optimizer_and_no_others(tmp_path, backend):
    """The batch has duplicates, padding and an empty row."""
    checkerboard(tmp_path / "dataset", users=10, items=16)
    command = ("-m", "tests.training.step_check", str(tmp_path / "dataset"))
    done = run_python(backend, *command, XLA_FLAGS="")
    assert done.returncode == 0, done.stderr[-3000:]
    cases = json.loads(done.stdout.splitlines()[-1])
    # Two optimizers, two tables; TensorFlow's step with XLA and without.
    assert len(cases) == (8 if backend == "tensorflow" else 4)
    for name, found in cases.items():
        assert found["others_moved"] == 0, name
        assert found["held_moved"] > 1e-3, name
        assert found["held_differs"] < 1e-5, name
