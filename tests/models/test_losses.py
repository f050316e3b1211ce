"""Losses against numbers worked out by hand, logQ against exact enumeration."""

import itertools
import math

import numpy as np
import pytest

from recsys.models.losses.bpr_max import BPRMax
from recsys.models.losses.cross_entropy import CrossEntropy
from recsys.models.losses.gbce import GBCE
from recsys.models.losses.negatives import (
    InBatchConfig,
    MixedConfig,
    PopularityConfig,
    UniformConfig,
)
from recsys.models.losses.reduction import mean_over_events
from recsys.models.losses.sampled_softmax import SampledSoftmax

# Two predictions that see the scores (1, 0, 0) and (0, 2, 0) of three items.
QUERIES = np.array([[1.0, 0.0], [0.0, 2.0]], dtype=np.float32)
ITEMS = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], dtype=np.float32)


def batch(targets, weights, **others):
    return {
        "targets": np.array(targets, dtype=np.int32),
        "weights": np.array(weights, dtype=np.float32),
        **others,
    }


def draws(items, expected):
    return {
        "negatives": np.array(items, dtype=np.int32),
        "negative_log_counts": np.log(np.array(expected, dtype=np.float32)),
    }


def test_cross_entropy_by_hand():
    first = math.log(math.e + 2) - 1
    second = math.log(math.e**2 + 2)  # its target scores 0
    loss = CrossEntropy()(QUERIES, ITEMS, batch([0, 2], [1, 1]))
    assert float(loss) == pytest.approx((first + second) / 2, rel=1e-6)


def test_weights_make_a_weighted_mean_and_padding_counts_for_nothing():
    first = math.log(math.e + 2) - 1
    second = math.log(math.e**2 + 2)
    loss = CrossEntropy()(QUERIES, ITEMS, batch([0, 2], [3, 1]))
    assert float(loss) == pytest.approx((3 * first + second) / 4, rel=1e-6)
    loss = CrossEntropy()(QUERIES, ITEMS, batch([0, 2], [1, 0]))
    assert float(loss) == pytest.approx(first, rel=1e-6)


@pytest.mark.parametrize(
    "loss", [CrossEntropy(0.5, 0.2), SampledSoftmax(0.5), GBCE(0.5, 0.5, 4), BPRMax(0.5)]
)
def test_one_query_may_make_several_predictions(loss):
    query_of = np.array([1, 0, 1], dtype=np.int32)
    given = batch([0, 2, 1], [1, 2, 3], **draws([1, 2], [1.0, 0.5]))
    shared = loss(QUERIES, ITEMS, given, query_of)
    assert float(shared) == pytest.approx(float(loss(QUERIES[query_of], ITEMS, given)), rel=1e-6)


def test_temperature_divides_scores():
    loss = CrossEntropy(temperature=0.5)(QUERIES, ITEMS, batch([0, 2], [1, 0]))
    assert float(loss) == pytest.approx(math.log(math.e**2 + 2) - 2, rel=1e-6)


def test_padding_may_hold_nan():
    loss = mean_over_events(
        np.array([2.0, np.nan], dtype=np.float32), np.array([1.0, 0.0], dtype=np.float32)
    )
    assert float(loss) == pytest.approx(2.0)


def test_label_smoothing_by_hand():
    # The target keeps 0.7 + 0.1, each other item gets 0.1 of the probability.
    loss = CrossEntropy(label_smoothing=0.3)(QUERIES, ITEMS, batch([0, 2], [1, 0]))
    assert float(loss) == pytest.approx(math.log(math.e + 2) - 0.8 * 1, rel=1e-6)
    # Both negatives expected once: the mean score of the draws is (0 + 0) / 2.
    negatives = draws([1, 2], [1.0, 1.0])
    loss = SampledSoftmax(label_smoothing=0.3)(QUERIES, ITEMS, batch([0, 0], [1, 0], **negatives))
    assert float(loss) == pytest.approx(math.log(math.e + 2) - 0.7 * 1, rel=1e-6)
    # A draw expected a quarter of a time stands for four items: (4 · 2 + 1 · 0) / 5.
    negatives = draws([1, 2], [0.25, 1.0])
    loss = SampledSoftmax(label_smoothing=0.5)(QUERIES, ITEMS, batch([0, 0], [0, 1], **negatives))
    partition = 1 + 4 * math.e**2 + 1
    assert float(loss) == pytest.approx(math.log(partition) - 0.5 * 8 / 5, rel=1e-6)


def test_gbce_by_hand():
    # Two of four other items are drawn: α = 1/2, and β = 1, 3/4, 1/2 at t = 0, 1/2, 1.
    for calibration, beta in ((0.0, 1.0), (0.5, 0.75), (1.0, 0.5)):
        loss = GBCE(1.0, calibration, items=5)
        value = loss(QUERIES, ITEMS, batch([0, 0], [1, 0], **draws([1, 2], [1.0, 1.0])))
        positive, negative = math.log(1 + math.exp(-1)), math.log(2)
        assert float(value) == pytest.approx(beta * positive + 2 * negative, rel=1e-6)


def test_gbce_leaves_accidental_hits_out():
    loss = GBCE(0.5, 0.0, items=5)
    value = loss(QUERIES, ITEMS, batch([1, 1], [0, 1], **draws([1, 0], [1.0, 1.0])))
    assert float(value) == pytest.approx(math.log(1 + math.exp(-4)) + math.log(2), rel=1e-6)


def test_bpr_max_by_hand():
    # Prediction 1 wants item 0 (score 0); negatives 1 and 2 score 2 and 0.
    weights = np.array([math.e**2, 1]) / (math.e**2 + 1)
    wins = 1 / (1 + np.exp([2.0, 0.0]))
    expected = -math.log((weights * wins).sum()) + 0.5 * weights[0] * 4
    loss = BPRMax(score_penalty=0.5)
    value = loss(QUERIES, ITEMS, batch([0, 0], [0, 1], **draws([1, 2], [1.0, 1.0])))
    assert float(value) == pytest.approx(expected, rel=1e-5)
    # A draw that is the target is no pair; without any pair there is no loss.
    value = loss(QUERIES, ITEMS, batch([0, 0], [0, 1], **draws([1, 0, 2], [1.0, 1.0, 1.0])))
    assert float(value) == pytest.approx(expected, rel=1e-5)
    value = loss(QUERIES, ITEMS, batch([0, 0], [0, 1], **draws([0, 0], [1.0, 1.0])))
    assert float(value) == 0.0


def test_sampled_softmax_by_hand():
    # Negatives 1 (expected once) and 2 (expected half a time); position 0 scores both 0.
    negatives = {
        "negatives": np.array([1, 2], dtype=np.int32),
        "negative_log_counts": np.log(np.array([1.0, 0.5], dtype=np.float32)),
    }
    loss = SampledSoftmax()(QUERIES, ITEMS, batch([0, 0], [1, 0], **negatives))
    assert float(loss) == pytest.approx(math.log(math.e + 1 / 1 + 1 / 0.5) - 1, rel=1e-6)
    plain = SampledSoftmax(correct_logq=False)(QUERIES, ITEMS, batch([0, 0], [1, 0], **negatives))
    assert float(plain) == pytest.approx(math.log(math.e + 2) - 1, rel=1e-6)


def test_a_negative_that_is_the_target_is_masked():
    negatives = {
        "negatives": np.array([0, 0, 1], dtype=np.int32),
        "negative_log_counts": np.zeros(3, dtype=np.float32),
    }
    loss = SampledSoftmax()(QUERIES, ITEMS, batch([0, 0], [1, 0], **negatives))
    assert float(loss) == pytest.approx(math.log(math.e + 1) - 1, rel=1e-6)


def test_only_accidental_hits_leave_no_loss():
    negatives = {
        "negatives": np.array([0], dtype=np.int32),
        "negative_log_counts": np.zeros(1, dtype=np.float32),
    }
    loss = SampledSoftmax()(QUERIES, ITEMS, batch([0, 0], [1, 0], **negatives))
    assert float(loss) == pytest.approx(0.0, abs=1e-6)


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
