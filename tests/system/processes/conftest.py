"""Groups whose processes are threads."""

import contextlib
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from recsys.system.processes import group as module
from recsys.system.processes.asked import Asked
from recsys.system.processes.group import Group
from recsys.system.processes.roll_call import meet

SECONDS = 20.0


def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def cut(connection) -> None:
    """Closes a connection as the end of its process does."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as both:
        both.shutdown(socket.SHUT_RDWR)


def all_of(count: int, do) -> list:
    """What each of several does at the same time: its result, or the error that it raises."""
    at = port()

    def one(number: int):
        asked = Asked(number, count, "127.0.0.1", at, "a test")
        try:
            return do(asked)
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))


@pytest.fixture
def ends(monkeypatch) -> list:
    """What would have been done to this process: signals and exits."""
    found = []
    monkeypatch.setattr(module, "_signal", lambda number: found.append(("signal", number)))
    monkeypatch.setattr(module, "_exit", lambda status: found.append(("exit", status)))
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.3)
    monkeypatch.setattr(module, "VERDICT_SECONDS", 2.0)
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.1)
    return found


@pytest.fixture
def groups(ends):
    """Makes a group; what is said of it is in ``said``."""
    made: list[Group] = []

    def make(count: int, seconds: float = SECONDS) -> list[Group]:
        make.said = []
        present = all_of(count, lambda asked: meet(asked, SECONDS))
        made[:] = [Group(n, each, seconds, make.said.append) for n, each in enumerate(present)]
        return made

    yield make
    for group in made:  # nothing of it is left for later tests
        group._is_over = group._is_noticed = True
    for group in made:
        for connection in group._connections.values():
            cut(connection)
    deadline = time.monotonic() + SECONDS
    while any(thread.name == "processes" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
