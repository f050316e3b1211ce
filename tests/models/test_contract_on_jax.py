"""What of the contract list is arithmetic, and the losses, hold on JAX as well."""

from pathlib import Path

import pytest

from tests.processes import run_python

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
# Saving and configs are Keras' own, the same on every backend; the query model is TensorFlow's.
# What has a process of its own begins it by itself on both backends.
ARITHMETIC = "not saves and not survives and not query_model and not log_partition"


# Of every change those of two encoders; the reference losses hold all of them to their values.
@pytest.mark.parametrize(
    "which", ["attention or lstm", pytest.param("", marks=pytest.mark.nightly)]
)
def test_contract_on_jax(which):
    tests = [str(HERE / name) for name in ("test_retriever.py", "test_dropout.py", "losses")]
    chosen = f"({which}) and {ARITHMETIC}" if which else ARITHMETIC
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, "-k", chosen)
    done = run_python("jax", *command)
    assert done.returncode == 0, done.stdout[-3000:]
