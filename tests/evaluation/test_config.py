"""Settings of the evaluation."""

import pytest
from pydantic import ValidationError

from recsys.evaluation.config import EvaluationConfig


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k": [10, 0]}, "1 or more"),
        ({"k": []}, "at least 1 item"),
        ({"metric": "auc@10"}, "unknown metric"),
        ({"metric": "ndcg@7"}, "holds"),
        ({"baselines": ["popularity"]}, "recent_popular"),
        ({"kk": 3}, "Extra inputs"),
    ],
)
def test_settings_that_make_no_sense(settings, message) -> None:
    with pytest.raises(ValidationError, match=message):
        EvaluationConfig(**settings)


def test_k_is_sorted_once() -> None:
    assert EvaluationConfig(k=[20, 10, 20]).k == (10, 20)
