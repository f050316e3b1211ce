"""What the filters of the positions read, against sums by hand."""

import doctest

import keras
import numpy as np

from recsys.models.query import time_varying
from recsys.models.query.attention_past import Lanes, past_of
from recsys.models.query.time_varying import TimeVaryingConfig, TimeVaryingFilter
from tests.models.query.encoding import HISTORY, assert_sequences_do_not_leak

COMMON = np.random.default_rng(0).normal(size=3).astype(np.float32)
MIXING = np.random.default_rng(1).normal(size=(9, 3)).astype(np.float32)
BASIS = np.random.default_rng(2).normal(size=(3, 9)).astype(np.float32)
PAST = past_of(np.arange(9), 9, Lanes())


def filter_of(mixing, basis, common=0.0):
    filter_ = TimeVaryingFilter(*mixing.shape)
    filter_.build((None, None, 8))
    filter_.mixing_NM.assign(mixing)
    filter_.basis_MN.assign(basis)
    filter_.common_M.assign(np.broadcast_to(common, mixing.shape[1:]))
    return filter_


def filtered(filter_):
    return keras.ops.convert_to_numpy(filter_(HISTORY, PAST))


def test_each_position_sums_its_past_by_its_own_taps():
    taps = (COMMON + MIXING) @ (BASIS / np.linalg.norm(BASIS, axis=1, keepdims=True))
    expected = np.zeros_like(HISTORY)
    for position in range(9):
        for back in range(position + 1):
            expected[:, position] += taps[position, back] * HISTORY[:, position - back]
    np.testing.assert_allclose(filtered(filter_of(MIXING, BASIS, COMMON)), expected, atol=1e-5)


def test_a_filter_of_one_tap_reads_that_distance():
    """A basis of one filter, whose third tap alone is not 0, of whatever length."""
    found = filtered(filter_of(np.full((9, 1), 2.0), np.eye(9)[2:3] * 7.0))
    np.testing.assert_array_equal(found[:, :2], 0.0)
    np.testing.assert_allclose(found[:, 2:], 2.0 * HISTORY[:, :-2], atol=1e-6)


def test_a_position_mixes_for_itself_alone():
    changed = MIXING.copy()
    changed[4] += 1.0
    moved = np.abs(filtered(filter_of(changed, BASIS)) - filtered(filter_of(MIXING, BASIS)))
    assert (moved.max(axis=(0, 2)) > 1e-4).tolist() == [position == 4 for position in range(9)]


def test_a_position_that_was_never_trained_reads_as_all_do():
    """Position t of a new filter weighs the event k before it as any other position does."""
    filter_ = TimeVaryingFilter(9, 3)
    filter_.build((None, None, 8))
    impulse = np.zeros((1, 9, 1), np.float32)
    impulse[0, 0] = 1.0
    taps = keras.ops.convert_to_numpy(filter_(impulse, PAST))[0, :, 0]
    assert np.abs(taps).min() > 0
    expected = [np.convolve(HISTORY[0, :, element], taps)[:9] for element in range(8)]
    np.testing.assert_allclose(filtered(filter_)[0], np.stack(expected, axis=1), atol=1e-5)


def test_packed_sequences_do_not_leak():
    assert_sequences_do_not_leak(TimeVaryingConfig(filters=4))


def test_the_examples_run():
    found = doctest.testmod(time_varying)
    assert found.attempted and not found.failed
