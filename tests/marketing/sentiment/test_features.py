"""Quality of items and mood of users, as of a cutoff."""

import numpy as np
import pandas as pd
import pytest

from recsys.marketing.sentiment.features import mood_before, quality_before

SCORED = pd.DataFrame(
    [
        ("ann", "guitar", 10, 0.2),
        ("ann", "strings", 20, 0.4),
        ("ann", "pedal", 30, 0.9),
        ("bob", "guitar", 15, 0.6),
        ("bob", "strings", 15, 0.8),
        ("cat", "guitar", 40, 0.0),
    ],
    columns=["user", "item", "time", "sentiment"],
)


def test_quality_is_shrunk_to_the_mean_of_all():
    found = quality_before(SCORED, 40, prior=2)
    mean = (0.2 + 0.4 + 0.9 + 0.6 + 0.8) / 5
    assert found["reviews"].to_dict() == {"guitar": 2, "pedal": 1, "strings": 2}
    assert found["sentiment"].to_dict() == pytest.approx(
        {"guitar": 0.4, "pedal": 0.9, "strings": 0.6}
    )
    assert found["quality"].to_dict() == pytest.approx(
        {
            "guitar": (0.8 + 2 * mean) / 4,
            "pedal": (0.9 + 2 * mean) / 3,
            "strings": (1.2 + 2 * mean) / 4,
        }
    )


def test_mood_has_a_trend():
    found = mood_before(SCORED, 50, prior=1)
    mean = SCORED["sentiment"].mean()
    assert found["mood"].to_dict() == pytest.approx(
        {"ann": (1.5 + mean) / 4, "bob": (1.4 + mean) / 3, "cat": mean / 2}
    )
    # The middle review of three is in neither half; reviews of one cutoff are no trend.
    assert found["mood_trend"].to_dict() == pytest.approx({"ann": 0.7, "bob": 0.0, "cat": 0.0})


@pytest.mark.parametrize("features", [quality_before, mood_before])
@pytest.mark.parametrize("cutoff", [5, 10, 15, 16, 20, 30, 35, 41])
def test_nothing_later_is_known(features, cutoff):
    known = SCORED[SCORED["time"] < cutoff]
    later = SCORED["time"] >= cutoff
    changed = SCORED.assign(sentiment=np.where(later, 1.0, SCORED["sentiment"]))
    changed = pd.concat([changed, changed[later].assign(user="dan", item="drum")])
    expected = features(known, cutoff)
    pd.testing.assert_frame_equal(features(SCORED, cutoff), expected)
    pd.testing.assert_frame_equal(
        features(changed.sample(frac=1, random_state=0), cutoff), expected
    )
    assert len(expected) == known[expected.index.name].nunique()


def test_a_cutoff_moved_on_knows_more():
    counts = [int(mood_before(SCORED, cutoff)["reviews"].sum()) for cutoff in (10, 11, 16, 50)]
    assert counts == [0, 1, 3, 6]
