"""What the filter of frequencies reads, against a Fourier transform of each prefix."""

import doctest

import keras
import numpy as np
import pytest

from recsys.models.query import frequency
from recsys.models.query.attention_past import Lanes, past_of
from recsys.models.query.frequency import FrequencyConfig, FrequencyFilter, low_pass
from recsys.models.retriever import ModelConfig
from tests.models.query.encoding import HISTORY, assert_sequences_do_not_leak, encode


def filtered(filter_, states, **lanes):
    past = past_of(np.arange(states.shape[1]), states.shape[1], Lanes(**lanes))
    return keras.ops.convert_to_numpy(filter_(states, past))


def by_transform(prefix, positions, frequencies, beta):
    """BSARec's filter of a prefix padded on the left, at the last position."""
    padded = np.pad(prefix, ((positions - len(prefix), 0), (0, 0)))
    spectrum = np.fft.rfft(padded, axis=0, norm="ortho")
    spectrum[frequencies:] = 0
    low = np.fft.irfft(spectrum, n=positions, axis=0, norm="ortho")
    return (low + beta**2 * (padded - low))[-1]


@pytest.mark.parametrize("positions", [9, 14])
@pytest.mark.parametrize("frequencies", [1, 3, 4])
def test_each_position_has_what_the_transform_of_its_prefix_has(positions, frequencies):
    filter_ = FrequencyFilter(8, positions, frequencies)
    filter_.build((None, None, 8))
    beta = np.linspace(-1.5, 2.0, 8).astype(np.float32)
    filter_.beta_D.assign(beta)
    found = filtered(filter_, HISTORY)
    for position in range(9):
        expected = [
            by_transform(sequence[: position + 1], positions, frequencies, beta)
            for sequence in HISTORY
        ]
        np.testing.assert_allclose(found[:, position], expected, atol=1e-5)


def test_the_kernel_is_that_of_dirichlet():
    back = np.arange(51)
    cosines = sum(np.cos(2 * np.pi * f * back / 51) for f in (1, 2))
    np.testing.assert_allclose(low_pass(51, 3), (1 + 2 * cosines) / 51, atol=1e-6)


def test_a_block_blends_the_filter_with_attention():
    """β = 1 leaves the vectors as they are; with equal keys attention is the running mean."""
    _, encoder = encode(FrequencyConfig(blocks=1, heads=1, filter_share=0.6))
    block = encoder.blocks[0]
    block.filter.beta_D.assign(np.ones(8))
    block.projection.kernel.assign(np.pad(np.eye(8), ((0, 0), (16, 0))))
    block.output_layer.kernel.assign(np.eye(8))
    past = past_of(np.arange(9), 9, Lanes())
    read = block._of_past(HISTORY, Lanes(), past, "plain", training=False)
    means = np.cumsum(HISTORY, axis=1) / np.arange(1, 10)[:, None]
    expected = 0.6 * HISTORY + 0.4 * means
    np.testing.assert_allclose(keras.ops.convert_to_numpy(read), expected, atol=1e-5)


def test_packed_sequences_do_not_leak():
    assert_sequences_do_not_leak(FrequencyConfig(frequencies=2, positions="both"))


@pytest.mark.parametrize("frequencies", [26, 40])
def test_more_frequencies_than_there_are_leave_nothing_to_rescale(frequencies):
    """Told with the other settings, before a log is read."""
    encoder = {"kind": "frequency", "frequencies": frequencies}
    with pytest.raises(ValueError, match=f"frequencies is {frequencies}.* keep at most 25"):
        ModelConfig(dim=8, max_events=50, query={"encoder": encoder})
    assert ModelConfig(dim=8, max_events=99, query={"encoder": encoder})


def test_the_examples_run():
    found = doctest.testmod(frequency)
    assert found.attempted and not found.failed
