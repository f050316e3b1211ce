"""The checkerboard: one right recommendation per user, for every model, loss and backend."""

import json

import numpy as np
import pytest

from tests.training import reference_losses
from tests.training.reference_losses import PAIRS

pytestmark = pytest.mark.slow
# Encoders and losses are the same code on both backends; what TensorFlow has of its own, these
# take between them: recurrence, packed sequences, rows that a batch holds, the whole table.
TENSORFLOW = [
    ("gru", "cross_entropy"),
    ("attention", "cross_entropy"),
    ("two-tower", "mixed"),
]
REST = [pair for pair in PAIRS if pair not in TENSORFLOW]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("jax", PAIRS), id="jax"),
        pytest.param(("tensorflow", TENSORFLOW), id="tensorflow"),
        pytest.param(("tensorflow", REST), id="the-rest-on-tensorflow", marks=pytest.mark.nightly),
    ],
)
def trained(request, tmp_path_factory):
    """The backend, and by model what its training came to; on TensorFlow, its beginning."""
    backend, pairs = request.param
    epochs = ["2"] if backend == "tensorflow" else []
    folder = tmp_path_factory.mktemp("board")
    found = reference_losses.train(backend, folder, pairs, "float32", *epochs)
    assert list(found) == [" ".join(pair) for pair in pairs]
    return backend, found


def assert_learnt(found) -> None:
    hits = {name: min(each["hits"].values()) for name, each in found.items()}
    wrong = {name: share for name, share in hits.items() if share < 0.95}
    assert not wrong, wrong


@pytest.mark.parametrize("trained", [pytest.param(("jax", PAIRS), id="jax")], indirect=True)
def test_checkerboard(trained):
    assert_learnt(trained[1])


@pytest.mark.nightly
def test_checkerboard_on_tensorflow(tmp_path):
    assert_learnt(reference_losses.train("tensorflow", tmp_path))


@pytest.mark.nightly
def test_checkerboard_in_mixed_precision(tmp_path):
    # As fast as on a user's machine.
    assert_learnt(
        reference_losses.train("jax", tmp_path, PAIRS[:2], "mixed_bfloat16", XLA_FLAGS="")
    )


def test_the_first_losses_are_as_they_were(trained):
    """To the bit where they were written down on such a machine."""
    backend, found = trained
    reference = json.loads(reference_losses.FILE.read_text())[backend]
    losses = {name: each["losses"] for name, each in found.items()}
    rewrite = "losses changed; if they were meant to: python -m tests.training.reference_losses"
    assert reference["losses"].keys() == {" ".join(pair) for pair in PAIRS}, rewrite
    assert all(len(each) == 20 for each in losses.values())
    for name in losses:
        expected = reference["losses"][name]
        band = reference_losses.band(backend, name, reference["machine"])
        np.testing.assert_allclose(
            losses[name], expected, rtol=band, atol=0, err_msg=f"{name}: {rewrite}"
        )
