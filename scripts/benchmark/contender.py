"""What every contender of a benchmark does: warm up, then train on command.

Imported by the contenders, each in an environment of its own: the standard library
alone. A contender is started as ``python CONTENDER.py CASE.json`` and talks through
its standard streams: it says ``ready`` once it is warm, and for each number of
seconds that it reads it works as long and says how much it did.
"""

import json
import sys
import time
from collections.abc import Callable


def read_case() -> dict:
    """The case that the command line names."""
    with open(sys.argv[1], encoding="utf-8") as file:
        return json.load(file)


def serve(work: Callable[[], int], warm: Callable[[], None] | None = None) -> None:
    """Works on command until standard input ends.

    Args:
        work: does a little (a step, a block) and returns how much it did (events,
            users); it waits until it is done.
        warm: everything that is paid once; default: a few calls of ``work``.
    """
    answers = sys.stdout
    sys.stdout = sys.stderr  # libraries print what they like
    if warm is not None:
        warm()
    for _ in range(3):
        work()
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        seconds, done, began = float(line), 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            done += work()
        answer = {"done": done, "seconds": time.perf_counter() - began}
        print(json.dumps(answer), file=answers, flush=True)
