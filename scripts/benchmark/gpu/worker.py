"""One job, in a process of its own; started by ``run.py``.

    python worker.py JOB.json

Prints lines of JSON: ``{"event": "imported"}``, where it is to be held, and ``{"event": "ready"}``
when it is warm, upon each of which it waits for a line of its standard input; ``{"event":
"so_far", …}``, what a job that may be cut off knows already; and last ``{"event": "result", …}``,
or ``{"event": "unavailable", …}`` where a peer is not installed. What libraries print goes to
standard error.
"""

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.extend([str(HERE.parent), str(HERE.parent / "contenders")])
# The module and the function of each kind of job.
KINDS = {
    "products": ("products", "measure"),
    "train": ("ours", "train"),
    "speed": ("ours", "speed"),
    "ranking": ("ours", "ranking"),
    "torch_sequence": ("peers", "sequence"),
    "rectools_sequence": ("peers", "rectools_sequence"),
    "torch_ranking": ("peers", "ranking"),
}
VERSIONS = (
    "jax", "jaxlib", "jax-cuda12-plugin", "jax-cuda13-plugin", "keras", "numpy",
    "nvidia-cudnn-cu12", "nvidia-cudnn-cu13", "torch", "triton", "rectools",
)  # fmt: skip


class Task:
    """What a job is told, and how it answers.

    Args:
        told: ``kind`` and ``settings`` of the job; ``packed`` and ``scratch``, folders;
            ``started``, when its process was; ``gpu``, whether it is to run on one; ``hold``,
            whether it waits before it touches the device; ``trace``, whether the operations that
            take longest are looked for; ``count``, whether a step is compiled and not run.
    """

    def __init__(self, told: dict[str, Any]) -> None:
        self.settings: dict[str, Any] = told["settings"]
        self.packed = Path(told["packed"])
        self.scratch = Path(told["scratch"])
        self.gpu: bool = told["gpu"]
        self.trace: bool = told["trace"]
        self.count: bool = told["count"]
        self._started: float = told["started"]
        self._answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)

    @property
    def seconds(self) -> float:
        """Since the process was started, but for those in which it was held."""
        return time.time() - self._started

    def answer(self, event: str, **further: Any) -> None:
        print(json.dumps({"event": event, **further}), file=self._answers, flush=True)

    def hold(self) -> None:
        """Says that the libraries are imported, and waits until the device may be touched."""
        waits = time.time()
        self._ask("imported")
        self._started += time.time() - waits

    def ready(self) -> None:
        """Says that it is warm, and waits until it has the card."""
        self._ask("ready")

    def _ask(self, event: str) -> None:
        self.answer(event)
        if not sys.stdin.readline():
            raise SystemExit("not asked for any more")

    def repeat(self, work: Callable[[], int]) -> tuple[int, float]:
        """Works for the seconds of the settings; what was done, and how long it took.

        Args:
            work: does a little, returns how much when it is done and not only under way.
        """
        done, began = 0, time.perf_counter()
        while time.perf_counter() - began < self.settings["seconds"]:
            done += work()
        return done, time.perf_counter() - began


def versions() -> dict[str, str]:
    """Of Python and of what is installed of :data:`VERSIONS`."""
    found = {"python": platform.python_version()}
    for name in VERSIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def main() -> None:
    told = json.loads(Path(sys.argv[1]).read_text())
    task = Task(told)
    # What the machine has comes first, what was packed fills up.
    sys.path.append(told["site"])
    module, function = KINDS[told["kind"]]
    try:
        loaded = import_module(module)
        if told["hold"]:
            task.hold()
        result = getattr(loaded, function)(task)
    except ModuleNotFoundError as missing:
        if missing.name is not None and missing.name.partition(".")[0] in ("torch", "rectools"):
            task.answer("unavailable", why=f"{missing.name} is not installed")
            return
        raise
    task.answer("result", versions=versions(), **result)
    sys.stdout.flush()
    os._exit(0)  # threads of libraries may be at work still


if __name__ == "__main__":
    main()
