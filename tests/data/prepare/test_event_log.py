"""What the events of a log were, as arrays beside them."""

import json

import numpy as np
import pytest
from pydantic import ValidationError

from recsys.data.prepare.event_log import EventLogConfig
from recsys.data.prepare.features.encode import decode_feature
from recsys.data.sources.config import Columns
from recsys.errors import InputError
from tests.data.conftest import SMALL_LOG

# Of SMALL_LOG's events in time; training holds the first five, and the values of the others are
# unknown unless training has them.
WHAT = ["view", "cart", "view", "", " view ", "late", "view", "cart", "", "late"]
COST = ["1", "2", "3", "", "2", "x", "1000", "1e40", "2", ""]
FEATURES = {"what": "categorical", "cost": {"kind": "numeric", "column": "price"}}


def log_with(what=WHAT, cost=COST) -> str:
    """SMALL_LOG, the last events first."""
    header, *rows = SMALL_LOG.splitlines()
    rows = [",".join(row) for row in zip(rows, what, cost, strict=True)]
    return "\n".join([header + ",what,price", *reversed(rows)]) + "\n"


@pytest.fixture
def of_events(write, prepared):
    def prepare_with(text=None, log=None, **settings):
        file = write("log.csv", text or log_with())
        return prepared(file, log={"features": FEATURES, **(log or {})}, **settings)

    return prepare_with


def test_values_stand_beside_their_events(of_events):
    dataset = of_events()
    # All events of a user in time: a has the even rows, b the odd ones.
    events = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9]
    assert (dataset.event_times // 10**6 - 100).tolist() == events
    assert dataset.vocabulary("event", "what") == ["view", "cart"]
    what = {"view": 1, "cart": 2}
    kept = [what.get(WHAT[event].strip(), 0) for event in events]
    assert dataset.feature("event", "what").tolist() == kept
    assert dataset.feature("event", "what").dtype == np.int32

    # Of the training events 1, 2, 3 and 2: mean 2, variance 1/2.
    described = {feature.name: feature for feature in dataset.manifest.event_features}
    assert list(described) == list(FEATURES)
    assert described["what"].vocabulary_size == 3
    assert (described["cost"].mean, described["cost"].deviation) == pytest.approx((2, 0.5**0.5))
    found = dataset.feature("event", "cost")
    assert found.dtype == np.float32
    numbers = {"": 2, "x": 2, "1e40": 2}  # a missing value is as good as the mean
    wanted = [(float(numbers.get(COST[e], COST[e])) - 2) / 0.5**0.5 for e in events]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    notes = dataset.manifest.quality["notes"]
    assert "event feature 'cost': 1 of 8 values are not numbers, such as 'x'" in notes
    assert any("1 of 8 values are out of range" in note for note in notes)
    assert "event features: what (categorical), cost (numeric)" in repr(dataset)


def test_what_a_caller_would_send(of_events):
    dataset = of_events()
    what, cost = dataset.manifest.event_features
    values = dataset.feature("event", "what")[:5]
    sent = decode_feature(dataset, "event", what, values)
    assert sent.tolist() == ["view", "view", "view", "view", ""]
    values = dataset.feature("event", "cost")[:3]
    assert decode_feature(dataset, "event", cost, values).tolist() == pytest.approx([1, 3, 2])


def test_values_stay_with_their_events_when_others_are_left_out(of_events):
    """Filters, repeats and another order leave each value where it was."""
    costs = [str(number) for number in range(10)]
    every = of_events(log_with(WHAT, costs))
    by_event = dict(zip(every.event_times.tolist(), every.feature("event", "cost"), strict=True))
    mean, deviation = (
        getattr(every.manifest.event_features[1], name) for name in ("mean", "deviation")
    )
    for settings, left in (
        ({"repeats": "first"}, 8),
        ({"repeats": "last"}, 10),
        ({"log": {"where": "what IS NOT NULL"}}, 8),
    ):
        dataset = of_events(log_with(WHAT, costs), **settings)
        (cost,) = dataset.manifest.event_features[1:]
        found = dataset.feature("event", "cost") * cost.deviation + cost.mean
        wanted = [by_event[time] * deviation + mean for time in dataset.event_times.tolist()]
        np.testing.assert_allclose(found, wanted, atol=1e-5)
        assert dataset.events == left


def test_a_log_without_order(of_events):
    columns = {"user": "user", "item": "item"}
    dataset = of_events(
        log={"columns": columns, "earliest_time": "1970-01-01"}, split={"kind": "random"},
    )  # fmt: skip
    assert len(dataset.feature("event", "what")) == dataset.events == 10


def test_the_column_of_a_role_is_a_feature_too(of_events):
    columns = {"user": "user", "item": "item", "time": "time", "event": "what"}
    weights = {"view": 1, "cart": 1, "late": 0}
    log = {
        "columns": columns,
        "event_weights": weights,
        "features": {"event": {"kind": "categorical", "column": "what"}},
    }
    dataset = of_events(log_with(["view", "cart"] * 4 + ["late"] * 2), log=log)
    assert dataset.vocabulary("event", "event") == ["view", "cart"]
    late = dataset.event_weights[:] == 0
    assert dataset.feature("event", "event")[late].tolist() == [0, 0]


def test_more_values_than_the_vocabulary_holds(of_events):
    dataset = of_events(log={"features": {"what": {"kind": "categorical", "max_vocabulary": 1}}})
    assert dataset.vocabulary("event", "what") == ["view"]
    assert set(dataset.feature("event", "what").tolist()) == {0, 1}


def test_features_and_their_values_make_another_dataset(of_events):
    one, other = of_events(), of_events(log={"features": {"what": "categorical"}})
    assert one.fingerprint != other.fingerprint
    assert of_events(log_with(["view"] * 10)).fingerprint != one.fingerprint
    assert of_events(log={"features": {}}).manifest.event_features == ()
    document = json.loads((one.path / "manifest.json").read_text())
    assert {"features/event.what.npy", "features/event.cost.npy"} < set(document["files"])


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ({"features": {"whta": "categorical"}}, "'whta'.*(feature whta).*'what'"),
        ({"features": {"what": "numeric"}}, "none of its values is a number in range.*'late'"),
        (
            {"max_quarantined": 0.1, "features": {"price": "numeric"}},
            "event feature 'price': 1 of 8.*`max_quarantined` \\(now 0.1\\)",
        ),
    ],
)
def test_columns_that_do_not_suit(of_events, log, told):
    with pytest.raises(InputError, match=told):
        of_events(log=log)


@pytest.mark.parametrize("kind", ["text", "multivalued", "vector", "image"])
def test_an_event_has_one_value(kind):
    columns = Columns(user="user", item="item")
    with pytest.raises(ValidationError, match=f"kind {kind}, which items and users may have|image"):
        EventLogConfig(path="log.csv", columns=columns, features={"what": {"kind": kind}})
