"""All processes are there, or one message says who is not."""

import socket
import threading
from dataclasses import replace

from recsys.errors import InputError
from recsys.system.processes.asked import Asked
from recsys.system.processes.ended import GroupEnded
from recsys.system.processes.roll_call import meet
from tests.system.processes.conftest import SECONDS, all_of, port


def test_all_know_all():
    found = all_of(3, lambda asked: meet(asked, SECONDS))
    assert len({tuple(each.names) for each in found}) == 1
    assert [name.partition(" (")[0] for name in found[1].names] == [
        *("process 0", "process 1", "process 2")
    ]
    assert [sorted(each.connections) for each in found] == [[1, 2], [0], [0]]


def test_who_is_missing_is_named():
    def come(asked):
        return meet(asked, 1.5) if asked.number != 1 else None

    first, _, third = all_of(3, come)
    assert isinstance(first, GroupEnded) and first.status == 1
    assert str(first).startswith("process 1 of 3 has not come within 1.5 s")
    assert "process 1 of 3 has not come" in str(third)


def test_a_first_process_that_does_not_come_is_named():
    asked = Asked(1, 2, "127.0.0.1", port(), "a test")
    try:
        meet(asked, 0.5)
    except GroupEnded as error:
        assert f"process 0 has not answered at 127.0.0.1:{asked.port}" in str(error)
    else:
        raise AssertionError


def test_two_of_one_number_or_of_other_counts_are_refused():
    def twice(asked):
        return meet(replace(asked, number=min(asked.number, 1)), SECONDS)

    first, *_ = all_of(3, twice)
    assert isinstance(first, InputError) and "say that they are number 1" in str(first)

    def otherwise(asked):
        return meet(replace(asked, count=2 + asked.number), SECONDS)

    first, second = all_of(2, otherwise)
    assert isinstance(first, InputError) and "was told of 3 processes" in str(first)
    assert isinstance(second, GroupEnded)


def test_a_stranger_at_the_port_is_not_heard():
    def come(asked):
        if asked.number == 0:
            return meet(asked, SECONDS)
        for _ in range(200):
            try:
                with socket.create_connection((asked.host, asked.port)) as stranger:
                    stranger.sendall(b"\0\0\0\x02{}GET / HTTP/1.1\r\n\r\n")
                break
            except OSError:
                threading.Event().wait(0.05)
        return meet(asked, SECONDS)

    first, second = all_of(2, come)
    assert first.names == second.names


def test_a_port_that_is_taken_is_said():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        asked = Asked(0, 2, "127.0.0.1", taken.getsockname()[1], "a test")
        try:
            meet(asked, 1.0)
        except InputError as error:
            assert f"cannot await the others at port {asked.port}" in str(error)
        else:
            raise AssertionError
