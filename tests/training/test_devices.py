"""Several devices: JAX takes them all, TensorFlow refuses."""

import keras
import pytest

from recsys.errors import InputError
from recsys.training.devices import free_memory, training_devices


def test_several_gpus_are_refused_on_tensorflow(monkeypatch):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["gpu:0", "gpu:1"])
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    with pytest.raises(InputError, match=r"KERAS_BACKEND=jax.*CUDA_VISIBLE_DEVICES"):
        training_devices()


def test_all_are_taken_on_jax(monkeypatch):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["gpu:0", "gpu:1"])
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert training_devices() == 2


def test_main_memory_is_free_where_there_is_no_other():
    free = free_memory()
    assert free is not None and 2**20 < free < 2**50
