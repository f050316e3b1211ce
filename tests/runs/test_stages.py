"""What a run took, stage by stage, however many processes were at it."""

import io
import json

import pytest

from recsys.runs import stages as module
from recsys.runs.events import events_written
from recsys.runs.stages import Stages


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(module, "peak_memory", lambda: 3 * 2**29)
    return now


def work(folder, clock, **seconds):
    stages = Stages(folder, seed=1)
    for name, took in seconds.items():
        with stages.measured(name):
            clock[0] += took
    stages.write()
    return json.loads(folder.stages.read_text()) if folder.stages.is_file() else None


def test_what_one_process_did_the_next_does_not_take_away(begun, clock):
    first = work(begun, clock, prepare=5.0, train=60.0, evaluate=20.0)
    assert first == {
        "prepare": {"seconds": 5.0, "peak_memory_gib": 1.5},
        "evaluate": {"seconds": 20.0, "peak_memory_gib": 1.5},
    }
    # The next finds the log prepared, and exports; a third has nothing to do.
    second = work(begun, clock, prepare=0.1, export=7.0)
    assert second == first | {"export": {"seconds": 7.0, "peak_memory_gib": 1.5}}
    assert work(begun, clock) == second
    begun.stages.write_text("{")
    assert work(begun, clock, prepare=0.1)["prepare"]["seconds"] == pytest.approx(0.1)


def test_nothing_is_kept_of_a_stage_that_came_to_no_end(begun, clock):
    stages, stream = Stages(begun, seed=1), io.StringIO()
    with events_written(stream), pytest.raises(ZeroDivisionError), stages.measured("evaluate"):
        _ = 1 / 0
    stages.write()
    assert not begun.stages.is_file()
    (event,) = map(json.loads, stream.getvalue().splitlines())
    assert (event["event"], event["stage"]) == ("stage_began", "evaluate")
