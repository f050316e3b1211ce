"""Intervals from few resamples: that they are right is tested with the scores."""

import pytest

from recsys.marketing import scores


@pytest.fixture(autouse=True, scope="package")
def _few_resamples():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores, "RESAMPLES", 60)
        yield
