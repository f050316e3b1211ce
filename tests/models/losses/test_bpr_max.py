"""BPR-max by hand."""

import math

import numpy as np
import pytest

from recsys.models.losses.bpr_max import BPRMax
from tests.models.losses.by_hand import ITEMS, QUERIES, batch, draws


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
