"""What every contender of a benchmark does: warm up, then work on command.

Imported by the contenders, each in an environment of its own: the standard library
alone. A contender is started as ``python CONTENDER.py CASE.json`` and talks through
its standard streams: it says ``ready`` once it is warm, and for each number of
seconds that it reads it works as long and says how much it did, and the most memory
that it ever had.
"""

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any


def read_case() -> dict[str, Any]:
    """The case that the command line names."""
    with open(sys.argv[1], encoding="utf-8") as file:
        return json.load(file)


def serve(
    work: Callable[[], int], warm: Callable[[], None] | None = None, first_calls: int = 3
) -> None:
    """Works on command until standard input ends.

    Args:
        work: does a little (some steps, a block) and returns how much it did (events,
            users); it returns when that is done, not when it is under way.
        warm: everything that is paid once, such as compilation, but for the first
            calls of ``work``.
        first_calls: calls of ``work`` that are not timed.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print what they like
    if warm is not None:
        warm()
    for _ in range(first_calls):
        work()
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        seconds, done, began = float(line), 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            done += work()
        answer = {
            "done": done,
            "seconds": time.perf_counter() - began,
            "peak_gib": _peak_gib(),
        }
        print(json.dumps(answer), file=answers, flush=True)
    os._exit(0)  # a library's training may still be held in its thread


def _peak_gib() -> float:
    """The most memory that this program ever had; ``getrusage`` counts who started it, too."""
    with open("/proc/self/status", encoding="utf-8") as file:
        lines = dict(line.split(":", 1) for line in file)
    return int(lines["VmHWM"].split()[0]) / 2**20


def endless(shuffle: Callable[[], Sequence], size: int) -> Iterator[Sequence]:
    """Batches of one size, shuffled anew each time that fewer than a batch are left.

    Args:
        shuffle: everything in a new order; a sequence that can be sliced.
        size: of a batch.
    """
    while True:
        order = shuffle()
        for begin in range(0, len(order) - size + 1, size):
            yield order[begin : begin + size]


class Stepper:
    """Lets a library's own training loop take one step at a time.

    The loop runs in a thread; what it calls around each step waits here.

    Args:
        train: the library's training, which calls :meth:`began` before and
            :meth:`ended` after each step.
    """

    def __init__(self, train: Callable[["Stepper"], object]) -> None:
        self._allowed = threading.Semaphore(0)
        self._finished = threading.Semaphore(0)
        self._done = 0
        self._failed = False
        self._running = False
        threading.Thread(target=self._run, args=(train,), daemon=True).start()

    def _run(self, train: Callable[["Stepper"], object]) -> None:
        try:
            while True:
                train(self)
        except BaseException:
            traceback.print_exc()
            self._failed = True
            self._finished.release()

    def began(self) -> None:
        """Waits until a step is asked for."""
        if not self._running:
            self._allowed.acquire()
            self._running = True

    def ended(self, done: int) -> None:
        """Says that a step did so much."""
        self._running = False
        self._done = done
        self._finished.release()

    def work(self) -> int:
        """Takes one step."""
        self._allowed.release()
        self._finished.acquire()
        if self._failed:
            raise SystemExit("the library's training failed")
        return self._done
