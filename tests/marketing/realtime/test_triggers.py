"""Each trigger fires exactly when it should; times are in minutes unless said otherwise."""

import pytest
from pydantic import TypeAdapter

from recsys.marketing.realtime.config import TriggerConfig
from recsys.marketing.realtime.state import Users
from recsys.marketing.realtime.stream import Event
from recsys.marketing.realtime.triggers import MINUTE, Firing, Triggers
from recsys.marketing.users.segments import Thresholds

DAY = 24 * 60
CART = {"kind": "abandoned", "event": "cart", "completed_by": ["purchase", "removal"]}
# Active for 2 days, cooling for 5, dormant for 10; loyal from the third time on.
THRESHOLDS = Thresholds(2.0, 5.0, 10.0, 3)


def run(triggers: list[dict], events: list[tuple], until: int = 0, begins: int = 0) -> list[Firing]:
    """What fires on events of (minute, user, type, item), up to a minute."""
    named = [{"name": trigger["kind"], **trigger} for trigger in triggers]
    configs = [TypeAdapter(TriggerConfig).validate_python(each) for each in named]
    following = Triggers(configs, Users(thresholds=THRESHOLDS), begins * MINUTE)
    found = []
    for row, (minute, user, kind, item) in enumerate(events, 1):
        found += following.passed(minute * MINUTE)
        found += following.seen(Event(row, user, item, minute * MINUTE, kind))
    return found + list(following.passed(until * MINUTE))


def carts(*events: tuple, until: int = 0, **settings) -> list[tuple]:
    return [
        (each.user, each.item, each.time / MINUTE)
        for each in run([{**CART, **settings}], list(events), until)
    ]


def test_an_abandoned_cart_fires_by_the_clock():
    in_cart = (0, "ann", "cart", "fig")
    assert carts(in_cart, until=59) == []
    assert carts(in_cart, until=60) == [("ann", "fig", 60)]
    # Another user's event makes the clock go on.
    assert carts(in_cart, (200, "bob", "view", "nut")) == [("ann", "fig", 60)]
    assert carts(in_cart, until=60, after_minutes=90) == []


@pytest.mark.parametrize("settled", ["purchase", "removal"])
def test_a_cart_that_is_settled_in_time_does_not_fire(settled):
    in_cart = (0, "ann", "cart", "fig")
    assert carts(in_cart, (59, "ann", settled, "fig"), until=999) == []
    assert carts(in_cart, (60, "ann", settled, "fig"), until=999) == [("ann", "fig", 60)]


def test_only_the_same_user_and_item_settle_a_cart():
    found = carts(
        (0, "ann", "cart", "fig"),
        (1, "bob", "purchase", "fig"),
        (2, "ann", "purchase", "nut"),
        (3, "ann", "view", "fig"),
        until=999,
    )
    assert found == [("ann", "fig", 60)]


def test_the_last_time_in_the_cart_counts():
    again = [(0, "ann", "cart", "fig"), (40, "ann", "cart", "fig")]
    assert carts(*again, until=99) == []
    assert carts(*again, until=999) == [("ann", "fig", 100)]
    assert carts(*again, (90, "ann", "purchase", "fig"), until=999) == []


def test_a_user_is_not_triggered_again_too_soon():
    events = [
        (0, "ann", "cart", "fig"),
        (1, "ann", "cart", "nut"),
        (2, "bob", "cart", "nut"),
        (2 * DAY, "ann", "cart", "fig"),
    ]
    found = carts(*events, until=9 * DAY, at_most_every_days=2)
    assert found == [("ann", "fig", 60), ("bob", "nut", 62), ("ann", "fig", 2 * DAY + 60)]
    assert carts(*events, until=9 * DAY) == found[:2]  # a week by default
    assert len(carts(*events, until=9 * DAY, at_most_every_days=0)) == 4


def test_what_is_held_back_is_counted():
    trigger = TypeAdapter(TriggerConfig).validate_python({"kind": "event", "name": "any"})
    following = Triggers([trigger], Users())
    fired = [list(following.seen(Event(1, "ann", "fig", time))) for time in range(4)]
    assert [len(each) for each in fired] == [1, 0, 0, 0] and following.held_back == {"any": 3}


def moves(*events: tuple, until: int = 0, begins: int = 0, **settings) -> list[tuple]:
    trigger = {"kind": "segment", "at_most_every_days": 0, **settings}
    visits = [(minute, user, "visit", "fig") for minute, user in events]
    return [
        (each.before, each.after, each.time // MINUTE, each.event.row if each.event else None)
        for each in run([trigger], visits, until, begins)
    ]


def test_an_event_moves_a_user():
    visits = [(0, "ann"), (DAY, "ann"), (2 * DAY, "ann"), (6 * DAY, "ann"), (17 * DAY, "ann")]
    assert moves(*visits, to=["loyal"]) == [
        ("active", "loyal", 2 * DAY, 3),
        ("cooling", "loyal", 6 * DAY, 4),
        ("lost", "loyal", 17 * DAY, 5),
    ]
    won_back = {"from": ["dormant", "lost"], "to": ["active", "loyal"]}
    assert moves(*visits, **won_back) == [("lost", "loyal", 17 * DAY, 5)]
    assert moves(*visits, to=["new"]) == [(None, "new", 0, 1)]


def test_time_alone_moves_a_user():
    visits = [(0, "ann"), (DAY, "ann")]
    assert moves(*visits, until=3 * DAY, **{"from": ["active"]}) == []
    found = moves(*visits, until=30 * DAY, **{"from": ["active", "cooling", "dormant"]})
    assert found == [
        ("active", "cooling", 3 * DAY, None),
        ("cooling", "dormant", 6 * DAY, None),
        ("dormant", "lost", 11 * DAY, None),
    ]


def test_time_moves_nobody_who_came_back():
    visits = [(day * DAY, "ann") for day in range(0, 20, 2)]
    assert moves(*visits, until=20 * DAY, to=["cooling"]) == []
    assert moves(*visits, until=40 * DAY, to=["cooling"]) == [("loyal", "cooling", 20 * DAY, None)]


def test_a_return_when_an_older_move_would_have_been_due():
    """Back on day 5: dormant on day 10 by the second visit, and by the first it was cooling."""
    visits = [(0, "ann"), (5 * DAY, "ann")]
    found = moves(*visits, until=60 * DAY)
    assert [(after, time / DAY) for _, after, time, _ in found] == [
        ("new", 0),
        ("cooling", 2),
        ("active", 5),
        ("cooling", 7),
        ("dormant", 10),
        ("lost", 15),
    ]


def test_what_happened_before_the_replay_is_only_known():
    visits = [(0, "ann"), (DAY, "ann"), (8 * DAY, "ann"), (9 * DAY, "bob")]
    found = moves(*visits, until=12 * DAY, begins=5 * DAY)
    assert found == [
        ("cooling", "dormant", 6 * DAY, None),
        ("dormant", "loyal", 8 * DAY, 3),
        (None, "new", 9 * DAY, 4),
        ("loyal", "cooling", 10 * DAY, None),
        ("new", "cooling", 11 * DAY, None),
    ]


def test_a_cart_from_before_the_replay_falls_due_in_it():
    found = run([CART], [(0, "ann", "cart", "fig")], until=999, begins=30)
    assert [each.time for each in found] == [60 * MINUTE]
    assert run([CART], [(0, "ann", "cart", "fig")], until=999, begins=61) == []


def test_events_fire_by_their_type():
    events = [(0, "ann", "view", "fig"), (1, "ann", "cart", "fig"), (2, "bob", "view", "fig")]
    trigger = {"kind": "event", "at_most_every_days": 0}
    assert [each.event.row for each in run([trigger], events)] == [1, 2, 3]
    assert [each.event.row for each in run([{**trigger, "event": "view"}], events)] == [1, 3]


def test_triggers_do_not_know_of_each_other():
    """An event fires several, and each keeps its own count of days."""
    events = [(0, "ann", "cart", "fig"), (1, "ann", "cart", "fig")]
    welcome = {"kind": "segment", "to": ["new"]}
    found = run([{"kind": "event"}, welcome, CART], events, until=99)
    assert [each.trigger for each in found] == ["event", "segment", "abandoned"]
    assert found[0].event == found[1].event and found[2].event is None
    assert found[2].before == found[2].after == "active"
