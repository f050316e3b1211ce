"""When it is asked, and what came after."""

import pandas as pd
import pytest

from recsys.errors import InputError
from recsys.marketing.propensity.periods import PeriodConfig, observe, place_cutoffs, task_of_log
from recsys.marketing.users.description import Description, FeaturesConfig
from recsys.marketing.users.events import DAY, open_events
from tests.marketing.logs import microseconds, prepared, random_log

ROWS = pd.DataFrame(
    [
        ("anna", "i0", 0, 5.0),
        ("anna", "i1", 100, 5.0),
        ("anna", "i1", 109.9, 7.0),
        ("anna", "i1", 110, 100.0),
        ("ben", "i0", 60, 1.0),
        ("cleo", "i0", 95, 1.0),
        ("cleo", "i0", 105, 3.0),
        ("dora", "i0", 101, 9.0),  # nobody knew her
    ],
    columns=["user", "item", "day", "value"],
)


def asked(dataset, day, **settings):
    """Targets by user id."""
    with open_events(dataset) as events:
        description = Description(events, FeaturesConfig())
        table = observe(description, microseconds(day), PeriodConfig(**settings))
    return dict(zip(table.users, table.target, strict=True))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"target": "buys", "days": 10}, {"anna": True, "ben": False, "cleo": True}),
        # Ben was not active in the last 10 days, and Anna neither.
        ({"target": "leaves", "days": 10}, {"cleo": False}),
        ({"target": "leaves", "days": 10, "active_days": 50}, {"ben": True, "cleo": False}),
        ({"target": "value", "days": 10}, {"anna": 12.0, "ben": 0.0, "cleo": 3.0}),
    ],
)
def test_what_users_did_in_the_period(tmp_path, settings, expected):
    assert asked(prepared(tmp_path, ROWS), 100, **settings) == pytest.approx(expected)


def test_periods_follow_each_other_and_end_with_the_log(tmp_path):
    dataset = prepared(tmp_path, random_log(days=300))
    with open_events(dataset) as events:
        cutoffs = place_cutoffs(events, PeriodConfig(days=50, training_cutoffs=2))
        last = int(dataset.event_times.max())
    assert cutoffs.test == last + 1 - 50 * DAY
    assert cutoffs.test - cutoffs.validation == 50 * DAY
    assert [cutoffs.validation - cutoff for cutoff in cutoffs.train] == [100 * DAY, 50 * DAY]


def test_a_short_log_has_fewer_cutoffs_and_a_shorter_one_none(tmp_path):
    dataset = prepared(tmp_path, random_log(days=300))
    with open_events(dataset) as events:
        assert len(place_cutoffs(events, PeriodConfig(days=90, training_cutoffs=5)).train) == 1
        with pytest.raises(InputError, match="spans 299 days, and a period of 120"):
            place_cutoffs(events, PeriodConfig(days=120))


def test_money_is_asked_of_a_log_without(tmp_path):
    dataset = prepared(tmp_path, ROWS.drop(columns="value"))
    money = PeriodConfig(target="value", days=10)
    with (
        open_events(dataset) as events,
        pytest.raises(InputError, match=r"map data\.log\.columns\.value"),
    ):
        task_of_log(events, money, FeaturesConfig())


def test_nobody_is_left(tmp_path):
    with pytest.raises(InputError, match="no user did anything"):
        asked(prepared(tmp_path, ROWS), 59, target="buys", active_days=10)
