"""The softmax in chunks: exact on both backends, and as small as promised."""

import json

import pytest

from tests.processes import run_python

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("backend", ["tensorflow", pytest.param("jax", marks=pytest.mark.nightly)])
def test_chunks_change_neither_value_nor_gradient_nor_take_memory(backend):
    done = run_python(backend, "-m", "tests.models.losses.log_partition_check", XLA_FLAGS="")
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    for case, errors in found["errors"].items():
        assert max(errors) < 1e-5, case
    if backend == "jax":
        few, many = found["bytes"]
        # 32 times the queries; all their logits would take 128 MiB more.
        assert many < 2 * few
