"""The first of several processes awaits the others, so that all are there or one message says who.

JAX awaits them, too, but whom it misses it does not say, and it ends by aborting the process.
"""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from recsys.errors import InputError
from recsys.system.processes.asked import Asked
from recsys.system.processes.ended import GroupEnded

MARK = "recsys"
# A greeting is short; whatever else knocks at the port is not heard for longer.
GREETING_SECONDS = 5.0
GREETING_BYTES = 2**16
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Present:
    """All processes, once they are there.

    Attributes:
        names: of each, by number, such as ``process 1 (b7, pid 4711)``.
        connections: by number; of the first to all others, of any other to the first.
    """

    names: list[str]
    connections: dict[int, Connection]


def meet(asked: Asked, seconds: float) -> Present:
    """Waits for all processes.

    Args:
        asked: who this one is.
        seconds: to wait for the last of them.

    Raises:
        GroupEnded: not all came in time.
        InputError: the port is taken, or two have one number.
    """
    deadline = time.monotonic() + seconds
    mine = f"process {asked.number} ({socket.gethostname()}, pid {os.getpid()})"
    if asked.number == 0:
        return _await(asked, mine, seconds, deadline)
    return _report(asked, mine, seconds, deadline)


def send(connection: Connection, message: dict[str, Any]) -> None:
    """Sends a message; :func:`receive` reads it."""
    connection.send_bytes(json.dumps(message).encode())


def receive(connection: Connection) -> dict[str, Any]:
    """The next message; it waits for it.

    Raises:
        EOFError, OSError: the other end is gone.
        ValueError: it is not a message.
    """
    message = json.loads(connection.recv_bytes())
    if not isinstance(message, dict):
        raise ValueError("not a message")
    return message


def _await(asked: Asked, mine: str, seconds: float, deadline: float) -> Present:
    """The part of the first."""
    names, connections = {0: mine}, {}
    try:
        with _listening(asked) as server:
            while len(names) < asked.count:
                if time.monotonic() > deadline:
                    raise GroupEnded(_missing(asked, names, seconds))
                with contextlib.suppress(TimeoutError):
                    # Short, for a signal to be heard.
                    server.settimeout(1.0)
                    accepted, _ = server.accept()
                    if (greeting := _greeting(accepted, asked)) is not None:
                        number, name, connection = greeting
                        if number in names:
                            raise InputError(
                                f"two processes say that they are number {number}: {names[number]} "
                                f"and {name}. Give each a number of its own, from 0 to "
                                f"{asked.count - 1}"
                            )
                        names[number], connections[number] = name, connection
    except BaseException as error:
        for connection in connections.values():
            with contextlib.suppress(OSError):
                send(connection, {"refused": str(error), "bad": isinstance(error, InputError)})
                connection.close()
        raise
    ordered = [names[number] for number in range(asked.count)]
    for connection in connections.values():
        send(connection, {"present": ordered})
    return Present(ordered, connections)


def _greeting(accepted: socket.socket, asked: Asked) -> tuple[int, str, Connection] | None:
    """Who has come; None for whoever is not one of us."""
    accepted.setblocking(True)
    connection = Connection(accepted.detach())
    said = {}
    with contextlib.suppress(OSError, EOFError, ValueError):
        if connection.poll(GREETING_SECONDS):
            said = json.loads(connection.recv_bytes(GREETING_BYTES))
    match said:
        case {"mark": mark, "count": int(count), "number": int(number), "name": str(name)} if (
            mark == MARK and 0 < number < count
        ):
            if count != asked.count:
                raise InputError(
                    f"{name} was told of {count} processes, and process 0 of {asked.count}: set "
                    "the same number in each"
                )
            return number, name, connection
    connection.close()
    return None


def _report(asked: Asked, mine: str, seconds: float, deadline: float) -> Present:
    """The part of every other process."""
    where = f"{asked.host}:{asked.port}"
    absent = GroupEnded(
        f"process 0 has not answered at {where} for {seconds:g} s: see whether it was started, and "
        "whether this machine reaches it there"
    )
    connection = None
    while connection is None:
        try:
            reached = socket.create_connection((asked.host, asked.port), GREETING_SECONDS)
        except OSError:
            if time.monotonic() > deadline:
                raise absent from None
            time.sleep(0.2)
            continue
        reached.setblocking(True)
        connection = Connection(reached.detach())
    try:
        send(
            connection,
            {"mark": MARK, "count": asked.count, "number": asked.number, "name": mine},
        )
        while not connection.poll(1.0):
            # The first one gives up at its own deadline, and says who is missing.
            if time.monotonic() > deadline + seconds:
                raise absent
        answer = receive(connection)
    except (OSError, EOFError, ValueError):
        raise GroupEnded(
            f"process 0 at {where} ended before all processes were there, or is not one of recsys"
        ) from None
    if "present" not in answer:
        raise GroupEnded(f"process 0 ended: {answer.get('refused')}", 2 if answer["bad"] else 1)
    return Present(answer["present"], {0: connection})


@contextlib.contextmanager
def _listening(asked: Asked) -> Iterator[socket.socket]:
    try:
        if asked.host in LOCAL:
            server = socket.create_server(
                (asked.host, asked.port),
                family=socket.AF_INET6 if asked.host == "::1" else socket.AF_INET,
            )
        elif socket.has_dualstack_ipv6():
            server = socket.create_server(
                ("", asked.port), family=socket.AF_INET6, dualstack_ipv6=True
            )
        else:
            server = socket.create_server(("", asked.port))
    except OSError as error:
        raise InputError(
            f"process 0 cannot await the others at port {asked.port}: {error.strerror}. Choose "
            "another port, in every process"
        ) from None
    with server:
        yield server


def _missing(asked: Asked, names: dict[int, str], seconds: float) -> str:
    missing = [str(number) for number in range(asked.count) if number not in names]
    those = "process" if len(missing) == 1 else "processes"
    has = "has" if len(missing) == 1 else "have"
    return (
        f"{those} {', '.join(missing)} of {asked.count} {has} not come within {seconds:g} s: "
        f"see whether each was started, and reaches {asked.host}:{asked.port}"
    )
