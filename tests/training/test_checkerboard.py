"""The checkerboard: one right recommendation per user, for every model, loss and backend."""

import json

import numpy as np
import pytest

from tests.processes import BACKENDS
from tests.training import reference_losses
from tests.training.reference_losses import PAIRS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=BACKENDS)
def trained(request, tmp_path_factory):
    """The backend, and by model what its training came to; on TensorFlow, its beginning."""
    epochs = ["2"] if request.param == "tensorflow" else []
    folder = tmp_path_factory.mktemp("board")
    return request.param, reference_losses.train(request.param, folder, PAIRS, "float32", *epochs)


def assert_learnt(found) -> None:
    hits = {name: min(each["hits"].values()) for name, each in found.items()}
    wrong = {name: share for name, share in hits.items() if share < 0.95}
    assert not wrong, wrong


@pytest.mark.parametrize("trained", ["jax"], indirect=True)
def test_checkerboard(trained):
    assert len(trained[1]) == len(PAIRS)
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
    assert losses.keys() == reference["losses"].keys(), rewrite
    assert all(len(each) == 20 for each in losses.values())
    for name, expected in reference["losses"].items():
        band = reference_losses.band(backend, name, reference["machine"])
        np.testing.assert_allclose(
            losses[name], expected, rtol=band, atol=0, err_msg=f"{name}: {rewrite}"
        )
