"""On JAX and a GPU an LSTM is cuDNN's; here its reference takes its place."""

import pytest

from tests.processes import run_python

PROGRAM = """
import sys
from unittest import mock
import jax
import keras
import numpy as np
from jax.experimental import rnn
from recsys.models.query.recurrent import Recurrent
from recsys.models.text.recurrent import RecurrentText

policy, = sys.argv[1:]
dtypes = []

def reference(x, h, c, weights, lengths, **sizes):
    dtypes.extend(str(each.dtype) for each in (x, h, c, weights))
    layers = [sizes[name] for name in ("input_size", "hidden_size", "num_layers")]
    unpacked = rnn.unpack_lstm_weights(weights, *layers, sizes["bidirectional"])
    return rnn.lstm_ref(
        x, h, c, *unpacked, lengths, *layers, sizes["dropout"], sizes["bidirectional"]
    )

keras.utils.set_random_seed(1)
inputs = np.random.default_rng(1).normal(size=(3, 5, 4)).astype("float32")
query = Recurrent(4, "lstm", 6, 2, 0.2, dtype=policy)
text = RecurrentText(4, 6, 0.2, "lstm", dtype=policy)
there = np.arange(5) < np.array([[5], [2], [0]])
for layer in (query, text):
    layer.build((None, None, 4))
    for weight in layer.trainable_weights:
        weight.assign(np.random.default_rng(2).normal(size=weight.shape) / 2)

def answers():
    return [np.asarray(each, "float32") for each in (query(inputs), text(inputs, there))]

plain = answers()
assert not dtypes
gpu = mock.patch.object(jax, "default_backend", lambda: "gpu")
with gpu, mock.patch.object(rnn, "lstm", reference):
    fused = answers()
assert dtypes == 12 * ["float32"], dtypes
for one, other in zip(fused, plain, strict=True):
    np.testing.assert_allclose(one, other, rtol=0.02 if "bfloat16" in policy else 1e-4, atol=1e-5)
"""


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_the_fused_lstm_of_jax_is_asked_in_float32(policy):
    done = run_python("jax", "-c", PROGRAM, policy)
    assert done.returncode == 0, done.stderr
