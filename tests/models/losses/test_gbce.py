"""gBCE by hand."""

import math

import pytest

from recsys.models.losses.gbce import GBCE
from tests.models.losses.by_hand import ITEMS, QUERIES, batch, draws


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
