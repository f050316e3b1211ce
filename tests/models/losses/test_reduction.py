"""The mean over real events."""

import numpy as np
import pytest

from recsys.models.losses.reduction import mean_over_events


def test_padding_may_hold_nan():
    loss = mean_over_events(
        np.array([2.0, np.nan], dtype=np.float32), np.array([1.0, 0.0], dtype=np.float32)
    )
    assert float(loss) == pytest.approx(2.0)
