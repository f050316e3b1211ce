"""What is said of an NVIDIA card that is not used, or full; no card is needed."""

import logging
import os
import re
import subprocess
import sys

import pytest

from recsys.errors import InputError
from recsys.system import gpus
from recsys.system.gpus import naming_full_memory, unused_card


@pytest.fixture
def card(tmp_path, monkeypatch):
    """As if there were one."""
    monkeypatch.setattr(gpus, "CARDS", (tmp_path,))
    monkeypatch.setattr(gpus, "_reasons", [])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)


@pytest.mark.parametrize("backend, extra", [("jax", r"recsys\[jax-cuda\]"), ("tensorflow", "cuda")])
def test_a_card_that_is_not_used_is_told(card, backend, extra):
    assert unused_card(backend, on_accelerator=True) is None
    told = unused_card(backend, on_accelerator=False)
    assert re.search(f"{backend} does not see.*on the CPU.*{extra}", told)


def test_the_reason_is_what_jax_said(card):
    record = logging.LogRecord("jax", logging.ERROR, "", 0, "plug-in", None, None)
    try:
        raise RuntimeError("the driver is too old\nmore")
    except RuntimeError as error:
        record.exc_info = (RuntimeError, error, None)
    gpus._Listener().emit(record)
    assert "does not see (the driver is too old): training" in unused_card("jax", False)


@pytest.mark.parametrize(
    "name, value", [("CUDA_VISIBLE_DEVICES", ""), ("CUDA_VISIBLE_DEVICES", "-1")]
)
def test_a_card_left_out_on_purpose_is_not_told(card, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert unused_card("jax", on_accelerator=False) is None


def test_the_cpu_asked_for_is_not_told(card, monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    assert unused_card("jax", on_accelerator=False) is None


def test_no_card_is_not_told(tmp_path, monkeypatch):
    monkeypatch.setattr(gpus, "CARDS", (tmp_path / "none",))
    assert unused_card("jax", on_accelerator=False) is None


def test_a_platform_that_cannot_be_had_is_refused():
    program = "from recsys.system.backend import start_backend; start_backend()"
    asked = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "no_such_thing"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | asked, capture_output=True, text=True
    )
    assert "InputError: JAX finds no device of JAX_PLATFORMS=no_such_thing" in done.stderr


def test_full_memory_is_named():
    with (
        pytest.raises(InputError, match=r"memory is full: Out of memory.*nvidia-smi.*or buy more"),
        naming_full_memory("buy more"),
    ):
        raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8 bytes.\n…")
    with pytest.raises(RuntimeError, match="something else"), naming_full_memory("buy more"):
        raise RuntimeError("something else")
