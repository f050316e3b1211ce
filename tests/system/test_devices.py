"""The cards that Keras runs on."""

from types import SimpleNamespace

import jax
import keras
import pytest

from recsys.system.devices import device_name, oldest_capability
from recsys.system.processor import processor_name


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        (["9.0"], 9.0),
        (["8.6", "8.0"], 8.0),
        (["12.0", "9.0"], 9.0),
        (["gfx942"], None),
        ([None], None),
        ([], None),
    ],
)
def test_the_oldest_card_of_jax(monkeypatch, capabilities, expected):
    cards = [SimpleNamespace(compute_capability=each) for each in capabilities]
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(jax, "local_devices", lambda: cards)
    assert oldest_capability() == expected


@pytest.mark.parametrize(
    ("capabilities", "expected"), [([(9, 0)], 9.0), ([(8, 6), (7, 5)], 7.5), ([None], None)]
)
def test_the_oldest_card_of_tensorflow(monkeypatch, capabilities, expected):
    tf = pytest.importorskip("tensorflow")
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: capabilities)
    monkeypatch.setattr(
        tf.config.experimental,
        "get_device_details",
        lambda card: {} if card is None else {"compute_capability": card},
    )
    assert oldest_capability() == expected


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_a_cpu_has_none(monkeypatch, backend):
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    assert oldest_capability() is None


def test_without_a_card_the_device_is_the_processor():
    assert device_name() == processor_name()


@pytest.mark.parametrize(
    ("kinds", "expected"), [(["H200"], "H200"), (["H200", "H200", "A2"], "2 x H200, A2")]
)
def test_the_names_of_cards(monkeypatch, kinds, expected):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["gpu:0"])
    cards = [SimpleNamespace(device_kind=kind) for kind in kinds]
    monkeypatch.setattr(jax, "local_devices", lambda: cards)
    assert device_name() == expected
