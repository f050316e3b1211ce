"""The sampled softmax by hand."""

import math

import numpy as np
import pytest

from recsys.models.losses.sampled_softmax import SampledSoftmax
from tests.models.losses.by_hand import ITEMS, QUERIES, batch, draws


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


def test_label_smoothing_by_hand():
    # Both negatives expected once: the mean score of the draws is (0 + 0) / 2.
    negatives = draws([1, 2], [1.0, 1.0])
    loss = SampledSoftmax(label_smoothing=0.3)(QUERIES, ITEMS, batch([0, 0], [1, 0], **negatives))
    assert float(loss) == pytest.approx(math.log(math.e + 2) - 0.7 * 1, rel=1e-6)
    # A draw expected a quarter of a time stands for four items: (4 · 2 + 1 · 0) / 5.
    negatives = draws([1, 2], [0.25, 1.0])
    loss = SampledSoftmax(label_smoothing=0.5)(QUERIES, ITEMS, batch([0, 0], [0, 1], **negatives))
    partition = 1 + 4 * math.e**2 + 1
    assert float(loss) == pytest.approx(math.log(partition) - 0.5 * 8 / 5, rel=1e-6)
