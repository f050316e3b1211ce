"""Users as of the last event: segments are those of the batch code."""

import pytest

from recsys.marketing.realtime.state import Users
from recsys.marketing.realtime.stream import Event, open_stream
from recsys.marketing.users.behaviour import BehaviourConfig, behaviour
from recsys.marketing.users.events import open_events
from recsys.marketing.users.segments import SEGMENTS, Thresholds, learn_thresholds, segments
from tests.marketing.logs import microseconds, prepared, random_log
from tests.marketing.realtime.streams import config

MOMENTS = [microseconds(day) for day in (20, 62, 299, 330, 420)]


@pytest.mark.parametrize("sessions", [False, True])
def test_segments_are_those_of_the_batch_code(tmp_path, sessions):
    rows = random_log()
    if sessions:  # weeks, and some visits that are of none
        rows["session"] = [f"w{day // 7}" if day % 5 else None for day in rows["day"]]
    dataset = prepared(tmp_path, rows)
    replayed = config(str(tmp_path / "log.parquet"), sorted=True, duplicates="drop")
    seen = set()
    with open_events(dataset) as events, open_stream(replayed) as stream:
        thresholds = learn_thresholds(events, microseconds(250))
        users = Users(sessions, thresholds)
        waiting = iter(MOMENTS)
        time = next(waiting)
        for event in [*stream, None]:
            while time is not None and (event is None or event.time >= time):
                batch = segments(behaviour(events, time, BehaviourConfig()), thresholds)
                streamed = {user: users.segment(user, time) for user in dataset.user_ids}
                there = dict(zip(events.user_ids[batch.index], batch, strict=True))
                assert {user: name for user, name in streamed.items() if name} == there
                seen |= set(there.values())
                time = next(waiting, None)
            if event is not None:
                users.add(event)
    assert time is None and seen == set(SEGMENTS)


def event(item: str, time: int) -> Event:
    return Event(1, "ann", item, time)


def test_time_alone_moves_a_user_at_the_first_time_beyond():
    thresholds = Thresholds(1 / 3, 0.7, 2.0, 5)
    users = Users(thresholds=thresholds)
    users.add(event("fig", 17))
    time, moves = 17, []
    while (due := users.next_move("ann", time)) is not None:
        before, after = users.segment("ann", due - 1), users.segment("ann", due)
        moves.append((before, after))
        time = due
    expected = [("new", "cooling"), ("cooling", "dormant"), ("dormant", "lost")]
    assert moves == expected


def test_histories_keep_the_last_known_items():
    users = Users(window=2, known={"fig", "nut"})
    for time, item in enumerate(["fig", "nut", "xyz", "fig", "xyz"]):
        users.add(event(item, time))
    assert users.history("ann") == (["nut", "fig"], [1, 3])
    assert users.segment("ann", 9) is None  # without thresholds there are none
