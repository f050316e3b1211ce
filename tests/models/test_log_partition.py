"""The softmax in chunks: exact on both backends, and as small as promised."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_chunks_change_neither_value_nor_gradient_nor_take_memory(backend):
    done = subprocess.run(
        [sys.executable, "-m", "tests.models.log_partition_check"],
        env=os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(REPOSITORY), "XLA_FLAGS": ""},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    for case, errors in found["errors"].items():
        assert max(errors) < 1e-5, case
    if backend == "jax":
        few, many = found["bytes"]
        # 32 times the queries; all their logits would take 128 MiB more.
        assert many < 2 * few
