"""Samplers of negatives: logQ against exact enumeration, and frequencies."""

import itertools
import math

import numpy as np
import pytest

from recsys.models.losses.negatives import (
    InBatchConfig,
    MixedConfig,
    PopularityConfig,
    UniformConfig,
)

COUNTS = np.array([6, 3, 1])


SCORES = np.array([0.3, -0.8, 1.1])


def partition(items, log_counts, target):
    """What the loss takes for the partition function, from one draw."""
    weights = np.exp(SCORES[items] - log_counts)
    return math.exp(SCORES[target]) + weights[items != target].sum()


@pytest.mark.parametrize("target", [0, 1, 2])
@pytest.mark.parametrize(
    "config", [UniformConfig(count=2), PopularityConfig(count=2, exponent=1.0)]
)
def test_logq_is_exact_over_all_draws(config, target):
    """The mean over every possible draw, weighted by its probability, is the true sum."""
    sampler = config.build(COUNTS)
    shares = COUNTS / COUNTS.sum() if config.kind == "popularity" else np.full(3, 1 / 3)
    expected = 0.0
    for draw in itertools.product(range(3), repeat=2):
        items = np.array(draw)
        log_counts = np.log(2 * shares[items])
        expected += shares[items].prod() * partition(items, log_counts, target)
    assert expected == pytest.approx(np.exp(SCORES).sum(), rel=1e-9)
    # And the sampler returns just these expected counts.
    items, log_counts = sampler.draw(np.random.default_rng(0), np.array([0], dtype=np.int32))
    np.testing.assert_allclose(log_counts, np.log(2 * shares[items]), rtol=1e-6)


@pytest.mark.parametrize("target", [0, 2])
@pytest.mark.parametrize("config", [InBatchConfig(count=40), MixedConfig(in_batch=20, uniform=20)])
def test_logq_of_batch_draws_is_unbiased(config, target):
    """Targets occur in proportion to their training events; over many batches the sum is right."""
    sampler = config.build(COUNTS)
    generator = np.random.default_rng(7)
    found = []
    for _ in range(4000):
        targets = generator.choice(3, size=64, p=COUNTS / COUNTS.sum()).astype(np.int32)
        found.append(partition(*sampler.draw(generator, targets), target))
    error = np.std(found) / math.sqrt(len(found))
    assert abs(np.mean(found) - np.exp(SCORES).sum()) < 4 * error
    assert error < 0.04


def test_uncorrected_popularity_sampling_is_biased():
    """The test above can fail: without the correction the sum is another one."""
    sampler = PopularityConfig(count=1000, exponent=1.0).build(COUNTS)
    items, _ = sampler.draw(np.random.default_rng(0), np.array([0], dtype=np.int32))
    naive = partition(items, np.full(len(items), np.log(1000 / 3)), 2)
    assert abs(naive - np.exp(SCORES).sum()) > 0.3


def test_frequencies_of_draws():
    sampler = PopularityConfig(count=20_000, exponent=0.5).build(COUNTS)
    items, _ = sampler.draw(np.random.default_rng(0), np.array([0], dtype=np.int32))
    expected = np.sqrt(COUNTS) / np.sqrt(COUNTS).sum()
    np.testing.assert_allclose(np.bincount(items) / 20_000, expected, atol=0.015)


@pytest.mark.parametrize(
    "config",
    [
        UniformConfig(count=500),
        PopularityConfig(count=500, exponent=0.0),
        InBatchConfig(count=500),
        MixedConfig(in_batch=250, uniform=250),
    ],
)
def test_context_is_no_negative(config):
    """Items without a target are not drawn, and the others as often as if these were not there."""
    targets = np.array([0, 2, 2], dtype=np.int32)
    sampler = config.build(np.array([1, 0, 2, 0]))
    items, log_counts = sampler.draw(np.random.default_rng(0), targets)
    assert set(items) == {0, 2}
    alone = config.build(np.array([1, 2]))
    drawn, expected = alone.draw(np.random.default_rng(0), targets // 2)
    np.testing.assert_array_equal(items // 2, drawn)
    np.testing.assert_array_equal(log_counts, expected)
