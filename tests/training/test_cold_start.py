"""With ``item.cold_start`` ids and queries learn what they learn without features."""

import json

import pytest

from tests.processes import run_python


# The descriptions' part of the loss is the same code on both.
@pytest.mark.parametrize("backend", [pytest.param("tensorflow", marks=pytest.mark.nightly), "jax"])
def test_descriptions_leave_ids_and_queries_alone(backend):
    done = run_python(backend, "-m", "tests.training.cold_start_check")
    assert done.returncode == 0, done.stderr[-3000:]
    for loss, found in json.loads(done.stdout.splitlines()[-1]).items():
        assert found["off"] < 1e-6, loss
        assert found["moved"] > 1e-3, loss
