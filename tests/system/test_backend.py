"""Processes that have imported a backend already work, or are told what stands in the way."""

import pytest

from tests.processes import run_python

START = "from recsys.system.backend import start_backend; start_backend(); print('ok')"


@pytest.mark.parametrize(
    ("before", "environment", "said"),
    [
        ("import tensorflow, jax", {}, "ok"),
        ("import tensorflow", {"TF_USE_LEGACY_KERAS": "1"}, "ok"),
        ("import keras", {"KERAS_BACKEND": "jax"}, "Keras was imported before with 'tensorflow'"),
        ("import keras", {"KERAS_BACKEND": "torch"}, "training runs on tensorflow or jax"),
        (
            "import tensorflow as tf; tf.compat.v1.disable_eager_execution()",
            {},
            "does not run eagerly here",
        ),
    ],
)
def test_a_backend_that_is_there_already(before, environment, said):
    # The server of these processes has imported Keras on TensorFlow before.
    done = run_python("tensorflow", "-c", f"{before}\n{START}", **environment)
    assert said in done.stdout + done.stderr
    assert (done.returncode == 0) == (said == "ok")


def test_keras_on_the_other_backend_is_taken_as_it_is():
    done = run_python("jax", "-c", START, KERAS_BACKEND="jax")
    assert done.stdout == "ok\n"


ADVICE = "5 out of the last 5 calls to <{0}> triggered tf.function retracing. Tracing is expensive"


def test_advice_on_retracing_is_left_out_for_our_graphs_alone():
    program = f"""import tensorflow as tf
{START}
tf.get_logger().warning({ADVICE.format("bound method TensorFlowStep._steps of x")!r})
tf.get_logger().warning({ADVICE.format("function theirs at 0x1")!r})
"""
    done = run_python("tensorflow", "-c", program)
    assert "theirs" in done.stderr and "TensorFlowStep" not in done.stderr


@pytest.mark.parametrize(
    ("instructions", "own", "found"),
    [("avx2", None, "1"), ("avx2", "0", "0"), ("sse4_2", None, None)],
)
def test_onednn_is_on_where_the_processor_has_avx2(instructions, own, found):
    program = f"""
import os
os.environ.pop("TF_ENABLE_ONEDNN_OPTS", None)
if {own!r} is not None:
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = {own!r}
from recsys.system import backend
backend.has_instructions = {instructions!r}.__eq__
backend._import_quietly()
print(os.environ.get("TF_ENABLE_ONEDNN_OPTS"))
"""
    done = run_python("tensorflow", "-c", program)
    assert done.stdout.split() == [str(found)], done.stderr
