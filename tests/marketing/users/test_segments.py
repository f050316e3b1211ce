"""Segments by the log's own rhythm."""

import numpy as np
import pandas as pd
import pytest

from recsys.errors import InputError
from recsys.marketing.users.behaviour import BehaviourConfig, behaviour
from recsys.marketing.users.events import open_events
from recsys.marketing.users.segments import (
    SEGMENTS,
    Thresholds,
    cluster,
    learn_thresholds,
    segments,
    transitions,
)
from tests.marketing.logs import microseconds, prepared, random_log, shoppers

THRESHOLDS = Thresholds(10, 20, 40, 5)


def test_every_user_is_in_the_first_segment_that_holds():
    features = pd.DataFrame(
        [(3, 1), (3, 5), (10, 4), (20, 9), (40, 1), (41, 9), (11, 1)],
        columns=["recency_days", "occasions"],
    )
    expected = ["new", "loyal", "active", "cooling", "dormant", "lost", "cooling"]
    assert segments(features, THRESHOLDS).tolist() == expected


def test_thresholds_are_the_quantiles_of_the_gaps(tmp_path):
    """201 users who come every n-th day, n from 1 to 201, twice."""
    rows = pd.DataFrame(
        [(f"u{n}", f"i{n % 7}", day) for n in range(1, 202) for day in (0, n)],
        columns=["user", "item", "day"],
    )
    with open_events(prepared(tmp_path, rows)) as events:
        found = learn_thresholds(events, microseconds(1000))
        halfway = learn_thresholds(events, microseconds(102))
    assert found.active_days == pytest.approx(161)
    assert found.cooling_days == pytest.approx(191)
    assert found.dormant_days == pytest.approx(199)
    assert found.loyal_occasions == 2
    assert halfway.dormant_days < 102  # later gaps are not yet known


def test_too_short_a_rhythm_is_refused(tmp_path):
    dataset = prepared(tmp_path, random_log(users=40, events=80))
    with open_events(dataset) as events, pytest.raises(InputError, match="100 times are needed"):
        learn_thresholds(events, microseconds(300))


def test_transitions_count_everybody_once():
    def at(names: dict[str, str]) -> pd.Series:
        return pd.Series(pd.Categorical(names.values(), SEGMENTS), index=list(names))

    before = at({"a": "new", "b": "active", "c": "active"})
    after = at({"a": "active", "b": "cooling", "c": "active", "d": "new"})
    found = transitions(before, after)
    assert found.to_numpy().sum() == 4
    assert found.loc["new", "active"] == found.loc["active", "cooling"] == 1
    assert found.loc["active", "active"] == found.loc["not yet", "new"] == 1


def test_segments_of_a_log_tell_who_comes_back(tmp_path):
    dataset = prepared(tmp_path, shoppers())
    with open_events(dataset) as events:
        cutoff = microseconds(400)
        found = segments(
            behaviour(events, cutoff, BehaviourConfig()), learn_thresholds(events, cutoff)
        )
        later = behaviour(events, microseconds(460), BehaviourConfig())
    back = later.loc[found.index, "recency_days"] < 60
    shares = back.groupby(found, observed=True).mean()
    assert shares["loyal"] > shares["cooling"] > shares["lost"]


def test_clusters_find_groups_that_are_there():
    generator = np.random.default_rng(0)
    centres = np.array([[1.0, 1.0], [1000.0, 1.0], [1.0, 1000.0]])
    groups = np.repeat([0, 1, 2], [60, 40, 20])
    features = pd.DataFrame(
        centres[groups] * generator.lognormal(0, 0.1, (120, 2)), columns=["recency_days", "value"]
    )
    found = cluster(features, seed=1)
    assert max(found.silhouette, key=lambda count: found.silhouette[count]) == 3
    np.testing.assert_array_equal(found.labels, groups)  # the larger first
    np.testing.assert_array_equal(cluster(features, seed=1).labels, groups)
