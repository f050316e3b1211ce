"""The processes of a training hear of one another: values, signs of life, and how each ended.

Every other process holds a connection to the first, which passes on what concerns all. A sign of
life is sent every second, and no two clocks are compared: a process is lost if its connection
closes, or if nothing has come over it for so many seconds of the one that waits.
"""

import contextlib
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from recsys.errors import InputError
from recsys.system.display import show_error
from recsys.system.processes.ended import GroupEnded
from recsys.system.processes.roll_call import Present, receive, send
from recsys.system.stopping import STATUSES

BEAT_SECONDS = 1.0
# Within which work that another process has ended must have ended by itself.
GRACE_SECONDS = 10.0
# Within which it must be known that an error of the network was the end of another process.
VERDICT_SECONDS = 5.0
# Behind the others by a dispatch: told after the first, and ended after the second.
SLOW_SECONDS, STALLED_SECONDS = 60.0, 600.0
# What the first process tells the others when all is done.
END = "the end"
# Differences that a message names.
SHOWN = 5
CONTINUES = "The same command continues, with as many processes as there are"


class Group:
    """This process among those that train together.

    Args:
        number: its own.
        present: all of them.
        seconds: without a sign of life, after which a process counts as lost.
        warn: is given a line for people.

    Attributes:
        number: its own, from 0.
        names: of all, by number.
    """

    def __init__(
        self, number: int, present: Present, seconds: float, warn: Callable[[str], None]
    ) -> None:
        self.number = number
        self.names = present.names
        self._seconds = seconds
        self._warn = warn
        self._connections = present.connections
        self._sending = {peer: threading.Lock() for peer in self._connections}
        self._values: dict[int, queue.Queue[tuple[str, Any]]] = {
            peer: queue.Queue() for peer in self._connections
        }
        self._heard = {peer: threading.Event() for peer in self._connections}
        self._gone: set[int] = set()
        self._steps = dict.fromkeys(range(self.count), 0)
        self._verdict: GroupEnded | None = None
        self._decided = threading.Event()
        self._deciding = threading.Lock()
        self._is_over = False
        self._is_noticed = False
        self._has_passed_on = False
        for peer, connection in self._connections.items():
            self._start(self._listen, peer, connection)
        self._start(self._beat)

    @property
    def count(self) -> int:
        """How many processes there are."""
        return len(self.names)

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.number == 0

    @property
    def name(self) -> str:
        """Of this process."""
        return self.names[self.number]

    @property
    def verdict(self) -> GroupEnded | None:
        """Why the group cannot go on; None while it can."""
        return self._verdict

    def from_first(self, label: str, make: Callable[[], Any]) -> Any:
        """What the first process makes, in each.

        Args:
            label: what it is, the same in all.
            make: makes what JSON can hold; called by the first alone.

        Raises:
            GroupEnded: another process has ended.
        """
        if not self.is_first:
            return self._take(0, label)
        value = make()
        self._tell_all({"value": [label, value]})
        # As the others have it: lists for tuples.
        return json.loads(json.dumps(value))

    def agree(self, what: str, facts: dict[str, Any]) -> None:
        """Refuses processes that differ.

        Args:
            what: is compared, the same in all.
            facts: by name, what JSON can hold, and what must be the same in all.

        Raises:
            InputError: one differs from the first.
            GroupEnded: another process has ended.
        """
        if not self.is_first:
            self._tell(0, {"value": [what, facts]})
            refusal = self._take(0, what)
        else:
            ours = json.loads(json.dumps(facts))
            found = [
                f"{self.names[peer]} differs from {self.name} in {said}"
                for peer in self._connections
                if (said := _differences(ours, self._take(peer, what)))
            ]
            refusal = "; ".join(found)
            self._tell_all({"value": [what, refusal]})
        if refusal:
            raise InputError(
                f"{refusal}. All processes of a training run the same command, with the same "
                "versions, on the same files"
            )

    def advance(self) -> None:
        """A dispatch of the training begins: a process that falls behind is told by their count."""
        self._steps[self.number] += 1

    def pass_on(self, number: int) -> None:
        """Tells the first process of a signal that this one was given: it saves, and ends all."""
        if not self._has_passed_on:  # a second one would leave it no time to save
            self._has_passed_on = True
            self._tell_all({"stop": number})

    def begin(self) -> None:
        """From now on each process is needed.

        Raises:
            GroupEnded: one is gone already.
        """
        self._is_over = False
        for peer in self._gone:
            raise GroupEnded(f"{self.names[peer]} has ended")

    def finish(self) -> None:
        """All is done, and each process may end."""
        if self.is_first:
            self._is_over = True
        self.from_first(END, lambda: None)

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Within it, an error that another process caused is told as such.

        Raises:
            GroupEnded: another process has ended.
        """
        try:
            yield
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            # Of what else goes wrong another process may be the cause, which is heard of soon.
            is_told = isinstance(error, InputError | GroupEnded | SystemExit | KeyboardInterrupt)
            with contextlib.suppress(SystemExit, KeyboardInterrupt):  # the verdict sends a signal
                self._decided.wait(0 if is_told else VERDICT_SECONDS)
            if self._verdict is None:
                raise
            self._is_noticed = True
            raise self._verdict from error

    @contextlib.contextmanager
    def limited(self, what: str, seconds: float) -> Iterator[None]:
        """Within it, work that cannot be interrupted ends the group if it takes too long.

        Args:
            what: it is, for the message.
            seconds: that it may take.
        """

        def late() -> None:
            self._decide(GroupEnded(f"{self.name}: {what} took more than {seconds:g} s"))

        timer = threading.Timer(seconds, late)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def leave(self, status: int, message: str) -> None:
        """Tells the others how this process ends; unless in order, it ends here.

        What Python does at its end would wait for processes that are gone.

        Args:
            status: the exit status.
            message: for people; what the others say of this one.
        """
        self._is_noticed = True
        for peer in set(self._connections) - self._gone:
            with contextlib.suppress(OSError):
                self._tell(peer, {"ended": [status, message]})
        deadline = time.monotonic() + VERDICT_SECONDS
        for peer in set(self._connections) - self._gone:
            self._heard[peer].wait(max(0.0, deadline - time.monotonic()))
        if status:
            _exit(status)

    def _start(self, work: Callable[..., None], *arguments: Any) -> None:
        threading.Thread(target=work, args=arguments, daemon=True, name="processes").start()

    def _take(self, peer: int, label: str) -> Any:
        """The next value of a process."""
        while True:
            try:
                found, value = self._values[peer].get(timeout=0.2)
            except queue.Empty:
                if self._verdict is not None:
                    self._is_noticed = True
                    raise self._verdict from None
                if peer in self._gone:
                    raise GroupEnded(f"{self.names[peer]} has ended") from None
                continue
            if found != label:
                raise RuntimeError(f"{self.names[peer]} sent {found!r}; expected {label!r}")
            return value

    def _tell(self, peer: int, message: dict[str, Any]) -> None:
        with self._sending[peer]:
            send(self._connections[peer], message)

    def _tell_all(self, message: dict[str, Any]) -> None:
        for peer in self._connections:
            with contextlib.suppress(OSError):  # whoever listens to it finds out
                self._tell(peer, message)

    def _beat(self) -> None:
        behind = _Behind(self.names, self._warn)
        while len(self._gone) < len(self._connections):
            self._tell_all({"beat": self._steps[self.number]})
            if self.is_first and (late := behind.look(self._steps, time.monotonic())) is not None:
                self._decide(
                    GroupEnded(
                        f"{self.names[late]} stalls: the others have waited for it for "
                        f"{STALLED_SECONDS:g} s, and it shows signs of life. {CONTINUES}"
                    )
                )
            time.sleep(BEAT_SECONDS)

    def _listen(self, peer: int, connection: Connection) -> None:
        try:
            while connection.poll(self._seconds):
                self._hear(peer, receive(connection))
        except (EOFError, OSError, ValueError):
            if peer not in self._gone and not self._is_over:
                # A process that ended in order has said so.
                self._decide(
                    GroupEnded(
                        f"{self.names[peer]} has died: it was killed, or its machine is lost; its "
                        f"own log may say more. {CONTINUES}"
                    )
                )
            self._gone.add(peer)
            self._heard[peer].set()
            return
        self._decide(
            GroupEnded(
                f"{self.names[peer]} has given no sign of life for {self._seconds:g} s: it was "
                f"stopped, or its machine or the network stalls. {CONTINUES}"
            )
        )

    def _hear(self, peer: int, message: dict[str, Any]) -> None:
        match message:
            case {"beat": step}:
                self._steps[peer] = step
            case {"value": [label, value]}:
                if label == END:  # what the first says next may be that it leaves
                    self._is_over = True
                self._values[peer].put((label, value))
            case {"stop": number}:
                _signal(number)
            case {"heard": _}:
                self._heard[peer].set()
            case {"lost": [status, text]}:
                self._decide(GroupEnded(text, status))
            case {"ended": [status, text]}:
                self._gone.add(peer)
                with contextlib.suppress(OSError):
                    self._tell(peer, {"heard": True})
                if self.is_first and status in STATUSES:
                    _signal(status - 128)
                elif status or not self._is_over:
                    how = f"ended: {text}" if text else f"ended with status {status}"
                    self._decide(GroupEnded(f"{self.names[peer]} {how}", status or 1))

    def _decide(self, verdict: GroupEnded) -> None:
        """The group cannot go on."""
        with self._deciding:
            if self._verdict is not None:
                return
            self._verdict = verdict
        if self.is_first:
            self._tell_all({"lost": [verdict.status, str(verdict)]})
        # Sent before the verdict can be read, so that it interrupts nobody who is telling it.
        _signal(signal.SIGTERM)
        self._decided.set()
        self._start(self._end_at_last, verdict)

    def _end_at_last(self, verdict: GroupEnded) -> None:
        """Ends a process that waits in a library for one that is gone: nothing else can."""
        time.sleep(GRACE_SECONDS)
        if not self._is_noticed:
            show_error(f"error: {verdict}")
            _exit(verdict.status)


class _Behind:
    """Finds the process that the others wait for."""

    def __init__(self, names: list[str], warn: Callable[[str], None]) -> None:
        self._names = names
        self._warn = warn
        self._last: tuple[int, int] | None = None
        self._since = 0.0
        self._is_told = False

    def look(self, steps: dict[int, int], now: float) -> int | None:
        """The process that has been behind for too long; one that is slow is told.

        Args:
            steps: dispatches of each that have begun.
            now: in seconds.
        """
        late = min(steps, key=lambda number: steps[number])
        place = (late, steps[late])
        if steps[late] == max(steps.values()) or place != self._last:
            self._last, self._since, self._is_told = place, now, False
            return None
        waited = now - self._since
        if waited >= SLOW_SECONDS and not self._is_told:
            self._is_told = True
            self._warn(
                f"the others have waited for {self._names[late]} for {waited:.0f} s; after "
                f"{STALLED_SECONDS:g} s the training ends"
            )
        return late if waited >= STALLED_SECONDS else None


def _differences(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """What distinguishes the facts of two processes, in words."""
    keys = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
    shown = [f"{key} ({theirs.get(key)!r}, not {ours.get(key)!r})" for key in keys[:SHOWN]]
    more = [f"{len(keys) - SHOWN} more"] if len(keys) > SHOWN else []
    return ", ".join(shown + more)


def _signal(number: int) -> None:
    """Sends this process a signal, where it is answered."""
    if callable(signal.getsignal(number)):
        os.kill(os.getpid(), number)


def _exit(status: int) -> None:
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)
