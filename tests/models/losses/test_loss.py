"""What every loss does."""

import numpy as np
import pytest

from recsys.models.losses.bpr_max import BPRMax
from recsys.models.losses.cross_entropy import CrossEntropy
from recsys.models.losses.gbce import GBCE
from recsys.models.losses.sampled_softmax import SampledSoftmax
from tests.models.losses.by_hand import ITEMS, QUERIES, batch, draws


@pytest.mark.parametrize(
    "loss", [CrossEntropy(0.5, 0.2), SampledSoftmax(0.5), GBCE(0.5, 0.5, 4), BPRMax(0.5)]
)
def test_one_query_may_make_several_predictions(loss):
    query_of = np.array([1, 0, 1], dtype=np.int32)
    given = batch([0, 2, 1], [1, 2, 3], **draws([1, 2], [1.0, 0.5]))
    shared = loss(QUERIES, ITEMS, given, query_of)
    assert float(shared) == pytest.approx(float(loss(QUERIES[query_of], ITEMS, given)), rel=1e-6)
