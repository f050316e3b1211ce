"""Dropout, on the backend at hand; ``test_contract_on_jax.py`` runs this file on JAX."""

import keras
import numpy as np
import pytest

from recsys.models.dropout import Dropout


def _dropped(layer, inputs) -> np.ndarray:
    return keras.ops.convert_to_numpy(layer(inputs, training=True))


@pytest.mark.parametrize("shape", [(101, 7, 11), (64, 128), (1,)])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_kept_elements_are_scaled_and_the_others_0(shape, rate):
    layer = Dropout(rate, seed=1)
    inputs = np.full(shape, 2.0, np.float32)
    values = np.concatenate([_dropped(layer, inputs).ravel() for _ in range(3)])
    kept = values[values != 0]
    assert kept == pytest.approx(2.0 / (1 - rate), rel=1e-3)
    # Five standard deviations of a share of so many independent draws.
    room = 5 * np.sqrt(rate * (1 - rate) / len(values))
    assert len(kept) / len(values) == pytest.approx(1 - rate, abs=room)


def test_every_call_and_every_layer_draws_anew():
    inputs = np.ones((4, 1000), np.float32)
    layer = Dropout(0.5, seed=1)
    masks = np.concatenate(
        [_dropped(layer, inputs), _dropped(layer, inputs), _dropped(Dropout(0.5, seed=2), inputs)]
    )
    assert abs(np.corrcoef(masks != 0) - np.eye(len(masks))).max() < 5 / np.sqrt(1000)
    again = _dropped(Dropout(0.5, seed=1), inputs)
    np.testing.assert_array_equal(again, masks[:4])


def test_neighbours_are_independent():
    mask = _dropped(Dropout(0.5, seed=1), np.ones((2**16,), np.float32)) != 0
    for distance in (1, 2, 4, 64, 2**15):
        agree = np.mean(mask[distance:] == mask[:-distance])
        assert agree == pytest.approx(0.5, abs=5 / (2 * np.sqrt(len(mask) - distance)))


def test_within_a_model():
    layer = keras.Sequential([keras.layers.Dense(64, kernel_initializer="ones"), Dropout(0.5)])
    layer.build((1, 1))
    values = _dropped(layer, np.ones((1, 1), np.float32))
    assert {0.0, 2.0} == set(values.ravel().tolist())


@pytest.mark.parametrize("rate", [0.0, 1e-7])
def test_a_share_of_nothing_changes_nothing(rate):
    inputs = np.ones((8, 8), np.float32)
    np.testing.assert_allclose(_dropped(Dropout(rate, seed=1), inputs), inputs, rtol=1e-6)


def test_outside_of_training_nothing_is_dropped():
    inputs = np.ones((8, 8), np.float32)
    np.testing.assert_array_equal(Dropout(0.5)(inputs, training=False), inputs)


def test_half_precision_stays():
    layer = Dropout(0.5, dtype="mixed_bfloat16", seed=1)
    out = layer(keras.ops.ones((8, 8), "bfloat16"), training=True)
    assert keras.backend.standardize_dtype(out.dtype) == "bfloat16"
