"""Several devices: JAX takes them all, TensorFlow refuses."""

import keras
import pytest

from recsys.errors import InputError
from recsys.system.memory import MainMemory
from recsys.training import devices
from recsys.training.devices import training_devices


def test_several_gpus_are_refused_on_tensorflow(monkeypatch):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["gpu:0", "gpu:1"])
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    with pytest.raises(InputError, match=r"KERAS_BACKEND=jax.*CUDA_VISIBLE_DEVICES"):
        training_devices()


def test_all_are_taken_on_jax(monkeypatch):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["gpu:0", "gpu:1"])
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert training_devices() == 2


def test_a_cpu_has_what_its_container_leaves(monkeypatch):
    monkeypatch.setattr(devices, "main_memory", lambda: MainMemory(total=8, free=5))
    assert devices.free_memory() == 5
