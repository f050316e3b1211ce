"""What the training step of attention models is on an NVIDIA card, told without one."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from tests.processes import run_python

pytestmark = pytest.mark.slow
KERNELS = {"mha_forward", "mha_preprocess_backward", "mha_backward"}


@pytest.fixture(scope="module", params=[1, pytest.param(2, marks=pytest.mark.nightly)])
def found(request, tmp_path_factory):
    """What ``attention_check.py`` prints on so many devices."""
    script = str(Path(__file__).parent / "attention_check.py")
    folder = str(tmp_path_factory.mktemp("attention"))
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count={request.param}"
    done = run_python("jax", script, folder, XLA_FLAGS=flags)
    assert done.returncode == 0, done.stderr[-3000:]
    printed = json.loads(done.stdout.splitlines()[-1])
    assert printed["devices"] == request.param
    return printed


def weighs_all_pairs(lowered: dict) -> bool:
    """Whether there is a number of float32 for each head and pair of positions."""
    _, width = lowered["batch"]
    return any(text.endswith(f"x{width}x{width}") for text in lowered["float32"])


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("model", ["sasrec", "ligr"])
def test_the_step_calls_the_kernel_forward_and_backward(found, model, precision):
    lowered = found["lowered"][f"{model}, {precision}"]
    assert lowered["kernels"].keys() == KERNELS
    assert not weighs_all_pairs(lowered)
    # Each device is given its share of the lanes.
    assert lowered["lanes"] == [lowered["batch"][0] / found["devices"]]


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("model", ["relative", "hstu"])
def test_the_step_reads_in_blocks_what_the_kernel_cannot(found, model, precision):
    lowered = found["lowered"][f"{model}, {precision}"]
    lanes, width = lowered["batch"]
    assert not lowered["kernels"] and not weighs_all_pairs(lowered)
    assert f"{lanes}x2x128x{width}" in lowered["float32"]


@pytest.mark.parametrize("model", ["sasrec", "ligr", "relative", "hstu"])
def test_the_plain_path_would_weigh_all_pairs(found, model):
    lowered = found["lowered"][f"{model}, plain"]
    assert not lowered["kernels"] and weighs_all_pairs(lowered)


def test_the_kernel_trains_as_the_plain_path_does(found):
    np.testing.assert_allclose(found["losses"]["fused"], found["losses"]["plain"], rtol=1e-5)


def test_the_kernel_keeps_all_bits_of_products_where_the_parity_gate_asks(found):
    """``recsys.export.precision`` asks for "highest"; otherwise a card may round factors."""
    products = found["products"]
    assert len(products["default"]) == 2
    assert products["default"] == products["tensorfloat32"]
    for rounded, whole in zip(products["default"], products["highest"], strict=True):
        assert rounded != whole
