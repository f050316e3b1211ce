"""`recsys` in a process to which something happens.

Usage: ``python -m tests.faults.victim FAULT ARGUMENT…``, where FAULT is JSON:

``{"stage": 3, "operation": 7, "delay": 0.01}``
    SIGKILL, so many seconds after the operation of that number in that stage; what never gets so
    far there is killed at the first operation of a later stage.
``{"clock": 86400}``
    the clock jumps by up to so many seconds, forwards and back, whenever it is read.
``{"denied": FOLDER, "stage": 3}``
    from that stage on nothing can be written in the folder, not even by root.
``{"signal": 15, "stage": 3, "operation": 7}``
    a signal.
``{}``
    nothing.

An operation is what changes a file or starts a process, in any thread. The last line of stdout is
JSON: how many of them each stage had, and ``seconds`` from the signal to the end.
"""

import ctypes
import functools
import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

# In their order; what comes before the first one, opens the run, and ends it, are stages, too.
STAGES = ("start", "prepare", "open", "train", "evaluate", "publish", "export", "register", "end")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
OPERATIONS = {
    *("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.chmod"),
    *("sqlite3.connect", "subprocess.Popen"),
}


class Stages:
    """Follows a run, and has something happen at an operation of a stage.

    Args:
        stage: number of the stage.
        operation: number of the operation in it, from 1.
        event: what happens, once; it says whether it could.
    """

    def __init__(self, stage: int, operation: int, event: Callable[[], bool]) -> None:
        self.counts: Counter[str] = Counter()
        self._now = 0
        self._at = (stage, operation)
        self._event: Callable[[], bool] | None = event

    def enter(self, name: str) -> None:
        self._now = max(self._now, STAGES.index(name))

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook."""
        if event not in OPERATIONS and not (
            event == "open" and len(arguments) > 2 and (arguments[2] or 0) & WRITES
        ):
            return
        self.counts[STAGES[self._now]] += 1
        if self._event is not None and (self._now, self.counts[STAGES[self._now]]) >= self._at:
            event, self._event = self._event, None  # which has operations of its own
            if not event():
                self._event = event

    def watch(self, owner: Any, method: str, inside: str, after: str | None = None) -> None:
        """Has a call of a method be a stage."""
        call = getattr(owner, method)

        @functools.wraps(call)
        def called(*arguments, **keywords):
            self.enter(inside)
            try:
                return call(*arguments, **keywords)
            finally:
                if after is not None:
                    self.enter(after)

        setattr(owner, method, called)


def killed(delay: float) -> Callable[[], bool]:
    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def happens() -> bool:
        if delay:
            threading.Timer(delay, kill).start()
        else:
            kill()
        return True

    return happens


def denied(folder: Path) -> Callable[[], bool]:
    """Makes a folder read-only, for root too: who lacks CAP_DAC_OVERRIDE is held to the mode."""

    def happens() -> bool:
        if not folder.is_dir():
            return False
        folder.chmod(0o555)
        libc = ctypes.CDLL(None, use_errno=True)
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)
        sets = (ctypes.c_uint32 * 6)()  # effective, permitted and inheritable, twice
        assert libc.capget(header, sets) == 0
        for index in (0, 1):
            sets[index] &= ~0b10
        assert libc.capset(header, sets) == 0, os.strerror(ctypes.get_errno())
        return True

    return happens


class Signalled:
    """Sends a signal, and remembers when."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._sent: float | None = None

    def __call__(self) -> bool:
        self._sent = time.monotonic()
        os.kill(os.getpid(), self._number)
        return True

    @property
    def seconds(self) -> float | None:
        return None if self._sent is None else time.monotonic() - self._sent


def jump(seconds: float) -> None:
    """Has the clock jump, as NTP and virtual machines that are resumed make it."""
    generator, clock, nanoseconds = random.Random(0), time.time, time.time_ns
    time.time = lambda: clock() + generator.uniform(-seconds, seconds)
    time.time_ns = lambda: nanoseconds() + int(1e9 * generator.uniform(-seconds, seconds))


def main() -> None:
    from recsys import cli
    from recsys.pipeline import Pipeline
    from recsys.tracking import models

    fault, arguments = json.loads(sys.argv[1]), sys.argv[2:]
    event: Callable[[], bool] = killed(fault.get("delay", 0.0))
    signalled = Signalled(fault.get("signal", signal.SIGTERM))
    if "signal" in fault:
        event = signalled
    if "denied" in fault:
        event = denied(Path(fault["denied"]))
    if "clock" in fault:
        jump(fault["clock"])
    never = len(STAGES)
    stages = Stages(fault.get("stage", never), fault.get("operation", 1), event)
    stages.watch(Pipeline, "prepare", "prepare", after="open")
    for name in ("train", "evaluate", "publish"):
        stages.watch(Pipeline, name, name)
    stages.watch(Pipeline, "export", "export", after="end")
    stages.watch(models, "log", "register")
    sys.addaudithook(stages.hear)
    sys.argv = ["recsys", *arguments]
    try:
        cli.main()
    finally:
        print(json.dumps({"operations": stages.counts, "seconds": signalled.seconds}))


if __name__ == "__main__":
    main()
