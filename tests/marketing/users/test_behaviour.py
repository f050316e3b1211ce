"""What users did up to a cutoff: by hand, and never beyond it."""

import numpy as np
import pandas as pd
import pytest

from recsys.errors import InputError
from recsys.marketing.users.behaviour import BehaviourConfig, behaviour
from recsys.marketing.users.events import open_events
from tests.datasets import write_dataset
from tests.marketing.logs import microseconds, prepared, random_log

CATEGORIES = {f"i{item}": ["tea", "tea|cups", "cups"][item % 3] for item in range(12)}


def described(dataset, day, **settings) -> pd.DataFrame:
    """By user id."""
    config = BehaviourConfig(**settings)
    with open_events(dataset, config.category) as events:
        found = behaviour(events, microseconds(day), config)
    return found.set_axis([dataset.user_ids[user] for user in found.index])


def test_a_log_without_items_keeps_its_money(tmp_path):
    """Two rows of one customer and day are one occasion, and both are paid for."""
    rows = pd.DataFrame(
        [("anna", 0, 12.0), ("anna", 0, 77.0), ("anna", 30, 5.0), ("ben", 20, 1.0), ("ben", 40, 1)],
        columns=["user", "day", "value"],
    )
    found = described(prepared(tmp_path, rows), 41, windows_days=[30])
    anna = found.loc["anna"]
    assert (anna["occasions"], anna["events"]) == (2, 3)
    assert (anna["value"], anna["largest_value"], anna["value_30d"]) == (94, 89, 5)
    assert not {"items", "diversity"} & {*found}  # all events are of one item, which says nothing


def test_numbers_by_hand(tmp_path):
    """Anna came on days 0, 10 (two things), 40 and 95; at day 100 she is last seen 5 days ago."""
    rows = pd.DataFrame(
        [
            ("anna", "i0", 0, 10.0),
            ("anna", "i1", 10, 20.0),
            ("anna", "i2", 10, 30.0),
            ("anna", "i0", 40, 5.0),
            ("anna", "i2", 95, 15.0),
            ("anna", "i1", 100, 99.0),  # at the cutoff: not yet known
            ("ben", "i1", 60, 7.0),
            ("cleo", "i1", 100, 7.0),
        ],
        columns=["user", "item", "day", "value"],
    )
    dataset = prepared(tmp_path, rows, CATEGORIES)
    found = described(dataset, 100, windows_days=[30], category="kind")
    assert sorted(found.index) == ["anna", "ben"]
    anna = found.loc["anna"]
    assert anna["recency_days"] == 5
    assert anna["tenure_days"] == 100
    assert anna["occasions"] == 4
    assert anna["events"] == 5
    assert anna["gap_days"] == pytest.approx(95 / 3)
    assert anna["gap_deviation"] == pytest.approx(np.std([10, 30, 55], ddof=1))
    assert anna["overdue"] == pytest.approx(5 / (95 / 3))
    assert anna["items"] == 3
    assert anna["diversity"] == pytest.approx(3 / 5)
    assert anna["value"] == pytest.approx(80)
    assert anna["value_of_occasion"] == pytest.approx(20)
    assert anna["largest_value"] == pytest.approx(50)
    assert anna["occasions_30d"] == 1 and anna["value_30d"] == pytest.approx(15)
    assert anna["trend_30d"] == pytest.approx((1 - 1) / 2)
    # i0 is tea, i1 both, i2 cups.
    assert anna["share_tea"] == pytest.approx(3 / 5)
    assert anna["share_cups"] == pytest.approx(3 / 5)
    ben = found.loc["ben"]
    assert ben["occasions"] == 1 and np.isnan(ben["gap_days"]) and np.isnan(ben["overdue"])
    assert ben["trend_30d"] == -1


@pytest.fixture(scope="module")
def whole_log(tmp_path_factory):
    """Rows with channels and campaigns, and their dataset."""
    rows = random_log()
    rows["channel"] = np.where(rows.index % 3, "web", "shop")
    rows["campaign"] = np.where(rows.index % 4, None, "spring")
    return rows, prepared(tmp_path_factory.mktemp("whole"), rows, CATEGORIES)


@pytest.mark.parametrize("day", [40, 150, 299])
def test_nothing_later_leaks_in(tmp_path, whole_log, day):
    """Whatever follows the cutoff, the numbers are those of a log that ends there."""
    rows, dataset = whole_log
    settings = {"windows_days": [20, 70], "category": "kind"}
    whole = described(dataset, day, **settings)
    before = prepared(tmp_path / "before", rows[rows["day"] < day], CATEGORIES)
    after = rows["day"] >= day
    other = rows.assign(
        value=rows["value"].where(~after, 1e6),
        item=rows["item"].where(~after, "i0"),
        channel=rows["channel"].where(~after, "web"),
        campaign=rows["campaign"].where(~after, "spring"),
    )
    for dataset in (before, prepared(tmp_path / "other", other, CATEGORIES)):
        found = described(dataset, day, **settings)
        pd.testing.assert_frame_equal(found.loc[whole.index], whole)
        assert len(found) == len(whole)


def test_a_later_cutoff_knows_more(tmp_path):
    dataset = prepared(tmp_path, random_log())
    early, late = described(dataset, 100), described(dataset, 200)
    both = late.loc[early.index]
    assert (both["events"] >= early["events"]).all() and both["events"].sum() > 0
    assert (both["tenure_days"] - early["tenure_days"]).round(6).eq(100).all()


def test_events_of_a_session_are_one_occasion(tmp_path):
    rows = pd.DataFrame(
        [
            ("anna", "i0", 0, "a"),
            ("anna", "i1", 1, "a"),
            ("anna", "i2", 9, "b"),
            ("ben", "i0", 3, "c"),
        ],
        columns=["user", "item", "day", "session"],
    )
    found = described(prepared(tmp_path, rows), 10)
    assert found.loc["anna", "occasions"] == 2
    assert found.loc["anna", "gap_days"] == 9
    assert "value" not in found.columns


def test_channels_and_campaigns(tmp_path):
    rows = pd.DataFrame(
        [
            ("anna", "i0", 0, "shop", "spring"),
            ("anna", "i1", 4, "app", "summer"),
            ("anna", "i1", 6, "app", None),
            ("anna", "i1", 7, "app", "spring"),
            ("ben", "i0", 3, None, None),
        ],
        columns=["user", "item", "day", "channel", "campaign"],
    )
    found = described(prepared(tmp_path, rows), 10)
    anna, ben = found.loc["anna"], found.loc["ben"]
    assert anna["channel_app"] == 0.75 and anna["channel_shop"] == 0.25
    assert anna["campaign_share"] == 0.75 and anna["campaigns"] == 2
    assert anna["campaign_days"] == 3
    assert ben["channel_app"] == ben["campaign_share"] == ben["campaigns"] == 0
    assert np.isnan(ben["campaign_days"])


def test_a_category_that_is_none_is_refused(tmp_path):
    dataset = prepared(tmp_path, random_log(), CATEGORIES)
    with pytest.raises(InputError, match="no item feature 'colour' of categories; there are: kind"):
        described(dataset, 10, category="colour")


def test_a_log_without_times_is_refused(tmp_path):
    dataset = write_dataset(tmp_path / "dataset", [[[0, 1], [2], [3]]] * 2, 4)
    dataset.manifest.model_copy(update={"has_time": False}).write(dataset.path)
    with pytest.raises(InputError, match="map a time column"):
        described(type(dataset)(dataset.path), 10)
