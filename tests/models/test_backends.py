"""The contract list and the losses hold on JAX as well."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_contract_on_jax():
    tests = [str(HERE / "test_retriever.py"), str(HERE / "test_losses.py")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=HERE.parents[1],
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
