"""Processes hear of one another; here they are threads."""

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from recsys.errors import InputError
from recsys.system.processes import group as module
from recsys.system.processes.ended import GroupEnded
from tests.system.processes.conftest import cut

# A verdict comes within a beat and a look; a slow machine is given more.
PATIENCE = 20


def each(groups, do):
    """What every group does at the same time: its result, or the error that it raises."""

    def one(group):
        try:
            return do(group)
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(groups)) as threads:
        return list(threads.map(one, groups))


def verdict(group) -> GroupEnded:
    """Why the group cannot go on, once it is known."""
    deadline = time.monotonic() + PATIENCE
    while group.verdict is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return group.verdict


def test_the_first_decides(groups):
    made = []

    def make():
        made.append(1)
        return {"ndcg@10": 0.1, "path": ("a", None)}

    found = each(groups(3), lambda group: group.from_first("metrics", make))
    assert found == [{"ndcg@10": 0.1, "path": ["a", None]}] * 3 and made == [1]


def test_who_differs_is_named(groups):
    them = groups(3)

    def agree(group):
        group.agree("dataset", {"fingerprint": "abc"})
        facts = {"training.epochs": 3 + (group.number == 2), "seen": "allow"}
        group.agree("experiment", facts)

    found = each(them, agree)
    assert all(type(error) is InputError for error in found)
    assert str(found[0]) == str(found[1]) == str(found[2])
    said = f"{them[2].name} differs from {them[0].name} in training.epochs (4, not 3). All"
    assert str(found[0]).startswith(said)


def test_one_that_dies_is_named_by_all(groups, ends):
    first, second, third = groups(3)
    cut(third._connections[0])
    for group in (first, second):
        assert str(verdict(group)).startswith(f"{third.name} has died")
        with pytest.raises(GroupEnded, match="has died"), group.explained():
            raise ValueError("Gloo all-reduce failed")
    assert ("signal", signal.SIGTERM) in ends


def test_one_that_gives_no_sign_of_life_is_named(groups, monkeypatch):
    monkeypatch.setattr(module.Group, "_beat", lambda self: None)
    them = groups(2, seconds=0.5)
    said = str(verdict(them[0]))
    assert said.startswith(f"{them[1].name} has given no sign of life for 0.5 s")


def test_what_waits_in_a_library_is_ended(groups, ends):
    them = groups(2)
    cut(them[1]._connections[0])
    verdict(them[0])
    deadline = time.monotonic() + PATIENCE
    while ("exit", 1) not in ends:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_how_one_ended_is_told(groups, ends):
    first, second, third = groups(3)
    second.leave(2, "the log has no column 'user'")
    assert ("exit", 2) in ends
    for group in (first, third):
        found = verdict(group)
        assert found.status == 2
        assert str(found) == f"{second.name} ended: the log has no column 'user'"


def test_a_signal_is_passed_on_once(groups, ends):
    first, second = groups(2)
    second.pass_on(signal.SIGINT)
    second.pass_on(signal.SIGINT)
    first_value = threading.Thread(target=lambda: first.from_first("it was heard", int))
    first_value.start()
    second.from_first("it was heard", int)
    first_value.join()
    second.leave(143, "stopped")
    deadline = time.monotonic() + PATIENCE
    while len(ends) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert sorted(ends) == [*(("exit", 143), ("signal", signal.SIGINT), ("signal", signal.SIGTERM))]
    assert first.verdict is None  # it saves, and says how it ended


def test_after_the_end_each_may_leave(groups, ends):
    first, second = groups(2)
    each([first, second], lambda group: group.finish())
    second.leave(0, "")
    first.leave(0, "")
    cut(second._connections[0])
    time.sleep(0.3)
    assert first.verdict is None and second.verdict is None and not ends
    with pytest.raises(GroupEnded, match="has ended"):
        first.begin()


def test_one_that_leaves_too_early_is_missed(groups):
    first, second = groups(2)
    second.leave(0, "")
    assert str(verdict(first)) == f"{second.name} ended with status 0"


def test_work_that_cannot_be_interrupted_is_limited(groups):
    first, second = groups(2)
    with first.limited("finding the devices", 0.2):
        said = str(verdict(second))
    assert said == f"{first.name}: finding the devices took more than 0.2 s"
    with second.limited("nothing", 30):
        pass


def test_one_that_falls_behind_is_told_and_then_ends_the_group():
    said: list[str] = []
    behind = module._Behind(["process 0 (a)", "process 1 (b)"], said.append)
    assert behind.look({0: 5, 1: 5}, 0.0) is None
    assert behind.look({0: 6, 1: 5}, 1.0) is None
    assert behind.look({0: 6, 1: 5}, 62.0) is None
    assert behind.look({0: 6, 1: 5}, 63.0) is None
    assert said == [
        "the others have waited for process 1 (b) for 61 s; after 600 s the training ends"
    ]
    assert behind.look({0: 6, 1: 5}, 601.5) == 1
    assert behind.look({0: 7, 1: 6}, 602.0) is None
    assert behind.look({0: 7, 1: 6}, 700.0) is None and len(said) == 2
    # Nobody waits where all are at one place, however long that takes.
    assert behind.look({0: 7, 1: 7}, 900.0) is None
    assert behind.look({0: 7, 1: 7}, 9000.0) is None and len(said) == 2


def test_a_verdict_of_a_stall_names_it(groups, monkeypatch):
    monkeypatch.setattr(module, "SLOW_SECONDS", 0.2)
    monkeypatch.setattr(module, "STALLED_SECONDS", 0.5)
    first, second = groups(2)
    first.advance()
    assert str(verdict(second)).startswith(f"{second.name} stalls")
    assert "have waited for" in groups.said[0]
