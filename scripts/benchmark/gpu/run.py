"""Measures this framework and its peers on one GPU, row by row, in under nine minutes.

    python scripts/benchmark/gpu/run.py [ROW …] --results results.jsonl

Run it in the folder that ``pack.py`` wrote (``python FOLDER/scripts/benchmark/gpu/run.py``); no
network and no installation is needed. Each job is a process of its own with a limit; what is timed
has the card alone. Appends a line of JSON a job to RESULTS as soon as it ends, and prints a table
last. Run again, it measures what has no result yet for this commit and device. ``--toy`` runs the
same code at small sizes on generated data, on any machine; ``--count`` compiles our steps at full
size and counts their operations and bytes, without running them.

Exit status 0 if every row has a result, or cannot have one here (and says why); 1 otherwise.
"""

import argparse
import contextlib
import json
import os
import queue
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any, TextIO

from origin import REPOSITORY, commit, device, gpu, processes_on_gpu
from rows import JOBS, PHASES, Job, Phase
from table import read_lines, table
from worker import KINDS

HERE = Path(__file__).parent
# Seconds that a job must have left of the deadline to be started.
LEAST = 10.0
# Seconds that the turn of a job that is warm is reckoned with.
TURN = 6.0
# Of what a job that failed printed last, so many characters stand in its line.
SAID = 600


@dataclass
class Surroundings:
    """What all jobs of a run have in common.

    Attributes:
        packed: the folder that was packed.
        scratch: where datasets, compiled programs and logs lie.
        deadline: :func:`time.monotonic` when everything must have ended.
        trace: whether what takes longest is looked for.
        count: whether steps are compiled and not run.
        worker: the program of a job.
        gpu: whether there is one.
    """

    packed: Path
    scratch: Path
    deadline: float
    trace: bool = False
    count: bool = False
    worker: Path = HERE / "worker.py"
    gpu: bool = field(default_factory=lambda: gpu() is not None)

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()


class Running:
    """The process of a job.

    Args:
        job: the job.
        surroundings: of all jobs.
        memory: share of the device's memory that JAX may take.
        hold: whether it imports its libraries only, until :meth:`proceed` is called.
    """

    def __init__(
        self, job: Job, surroundings: Surroundings, memory: float, hold: bool = False
    ) -> None:
        self.job = job
        self.outcome: dict[str, Any] | None = None
        self.is_ready = False
        self._held = hold
        self._so_far: dict[str, Any] = {}
        self._surroundings = surroundings
        self._left = job.limit
        self._running_since: float | None = None if hold else time.monotonic()
        name = "".join(each if each.isalnum() else "-" for each in job.name)
        surroundings.scratch.mkdir(parents=True, exist_ok=True)
        self._log = surroundings.scratch / f"{name}.log"
        told = surroundings.scratch / f"{name}.json"
        told.write_text(
            json.dumps(
                {
                    "kind": job.kind,
                    "settings": job.settings,
                    "packed": str(surroundings.packed),
                    "site": str(surroundings.packed / "site"),
                    "scratch": str(surroundings.scratch / "datasets"),
                    "gpu": surroundings.gpu,
                    "trace": surroundings.trace,
                    "count": surroundings.count,
                    "hold": hold,
                    "started": time.time(),
                }
            )
        )
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(surroundings.worker), str(told)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_environment(job, surroundings, memory),
                text=True,
                start_new_session=True,
            )
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        assert self._process.stdout is not None
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()

    def _read(self, stdout: TextIO) -> None:
        for line in stdout:
            with contextlib.suppress(json.JSONDecodeError):
                self._answers.put(json.loads(line))
        self._answers.put(None)

    @property
    def seconds_left(self) -> float:
        """Of its limit, and until the deadline."""
        used = 0.0 if self._running_since is None else time.monotonic() - self._running_since
        return min(self._left - used, self._surroundings.left)

    def listen(self, seconds: float) -> None:
        """Takes up what it says within so many seconds, until it is ready or has an outcome."""
        until = time.monotonic() + max(seconds, 0.0)
        was_ready = self.is_ready
        while self.outcome is None and self.is_ready == was_ready:
            try:
                answer = self._answers.get(timeout=max(until - time.monotonic(), 0.001))
            except queue.Empty:
                break
            if answer is None:
                self._fail(f"ended without a result: {self._last_words()}")
            else:
                self._take(answer)
        if self.outcome is None and self.seconds_left <= 0:
            deadline = self._surroundings.left <= 0
            self.cut_off("the deadline" if deadline else f"its limit of {self.job.limit:g} s")

    def cut_off(self, why: str) -> None:
        """Gives it up."""
        self._fail(f"cut off for {why}{', while it warmed up' * (not self.is_ready)}")

    def _take(self, answer: dict[str, Any]) -> None:
        event = answer.pop("event", None)
        if event == "ready":
            self.is_ready = True
        elif event == "so_far":
            self._so_far = answer
        elif event == "unavailable":
            self.outcome = {"unavailable": answer["why"]}
        elif event == "result":
            self.outcome = {"result": answer}

    def _fail(self, why: str) -> None:
        self.outcome = {"failed": why}
        if self._so_far:
            self.outcome["so_far"] = self._so_far

    def _last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        lines = self._log.read_text(errors="replace").strip().splitlines()
        said = " / ".join(line.strip() for line in lines[-4:])[-SAID:]
        return f"exit {self._process.returncode}, {said or 'it printed nothing'}"

    def go(self) -> None:
        """Lets it measure; or, if it was held, touch the device."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write("go\n")
            self._process.stdin.flush()

    def pause(self) -> None:
        """Stops it and its own workers: threads that wait may spin."""
        self._signal(signal.SIGSTOP)
        if self._running_since is not None:
            self._left -= time.monotonic() - self._running_since
            self._running_since = None

    def proceed(self) -> None:
        """Ends :meth:`pause`, and lets it touch the device if it was held."""
        if self._running_since is None:
            self._running_since = time.monotonic()
        self._signal(signal.SIGCONT)
        if self._held:
            self._held = False
            self.go()

    def stop(self) -> None:
        """Ends it and what it started."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def _environment(job: Job, surroundings: Surroundings, memory: float) -> dict[str, str]:
    """The variables of a job's process."""
    # JAX's own folder would come before RECSYS_CACHE.
    inherited = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}
    return inherited | {
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
        "KERAS_BACKEND": "jax",
        "RECSYS_CACHE": str(_cache(job, surroundings)),
        "XLA_PYTHON_CLIENT_MEM_FRACTION": f"{memory:.3f}",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TORCHINDUCTOR_CACHE_DIR": str(surroundings.scratch / "inductor"),
        "TORCHINDUCTOR_COMPILE_THREADS": "4",  # several compile side by side
        **job.environment,
    }


def _cache(job: Job, surroundings: Surroundings) -> Path:
    name = "shared" if job.cache == "shared" else f"{job.row}-{job.digest}"
    return surroundings.scratch / "compiled" / name


def measure(phase: Phase, surroundings: Surroundings, results: "Results") -> None:
    """Runs the jobs of a phase; the outcome of each is written as soon as there is one."""
    if phase.together:
        _together(phase, surroundings, results)
        return
    held: Running | None = None
    for job, following in zip_longest(phase.jobs, phase.jobs[1:]):
        running, held = held, None
        try:
            why = _not_now(job, surroundings)
            if why is not None:
                results.write(job, {"failed": why})
                continue
            _say(job, "starts")
            if job.cache == "new":
                shutil.rmtree(_cache(job, surroundings), ignore_errors=True)
            running = running or Running(job, surroundings, ALL_MEMORY)
            running.proceed()
            running.listen(running.seconds_left)
            if running.outcome is None:
                if following is not None and following.kind != "train":
                    # It imports its libraries meanwhile, and leaves the device alone.
                    held = Running(following, surroundings, ALL_MEMORY, hold=True)
                running.go()
                running.listen(running.seconds_left)
        finally:
            if running is not None:
                running.stop()
        results.write(job, running.outcome, running)


def _not_now(job: Job, surroundings: Surroundings) -> str | None:
    """Why a job cannot be started; None: it can."""
    if surroundings.left < LEAST:
        return "not started: too little time was left"
    if job.cache == "left" and not _cache(job, surroundings).exists():
        return "not started: no job before it left compiled programs"
    return None


# Of the device's; what libraries take beside JAX's own is left to them.
ALL_MEMORY = 0.9


def _together(phase: Phase, surroundings: Surroundings, results: "Results") -> None:
    """Warms the jobs up side by side; then measures them one by one, or all at once."""
    startable = []
    for job in phase.jobs:
        why = _not_now(job, surroundings)
        if why is not None:
            results.write(job, {"failed": why})
            continue
        _say(job, "starts, beside others")
        startable.append(job)
    share = ALL_MEMORY / max(len(startable), 1)
    processes = [Running(job, surroundings, share) for job in startable]
    try:
        if phase.timed:
            _in_turns(processes, surroundings, results)
        else:
            _at_once(processes, results)
    finally:
        for running in processes:
            running.stop()


def _in_turns(processes: list[Running], surroundings: Surroundings, results: "Results") -> None:
    warming, waiting = list(processes), []
    while warming:
        for running in list(warming):
            running.listen(0.1)
            if running.outcome is None and surroundings.left < TURN * len(waiting):
                running.cut_off("the turns of those that are warm")
            if running.outcome is not None:
                running.stop()
                results.write(running.job, running.outcome, running)
                warming.remove(running)
            elif running.is_ready:
                running.pause()
                warming.remove(running)
                waiting.append(running)
    while waiting:
        running = waiting.pop(0)
        running.proceed()
        running.go()
        running.listen(running.seconds_left)
        running.stop()
        results.write(running.job, running.outcome, running, paused=len(waiting))


def _at_once(processes: list[Running], results: "Results") -> None:
    left, waiting = list(processes), list(processes)
    while left:
        for running in list(left):
            running.listen(0.1)
            if running.outcome is not None:
                left.remove(running)
                running.stop()
                results.write(running.job, running.outcome, running, beside=len(processes) - 1)
            elif running.is_ready and running in waiting:
                waiting.remove(running)
                running.go()


class Results:
    """The file of results.

    Args:
        file: JSON lines; may be there.
        common: what every line says: device, commit, command and so on.
        log: what the jobs have printed is appended to it.
    """

    def __init__(self, file: Path, common: dict[str, Any], log: Path | None = None) -> None:
        self._file = file
        self._common = common
        self._log = log
        self.lines = read_lines(file) if file.exists() else []

    def has(self, job: Job) -> bool:
        """Whether it has ended well on this device with this code, or cannot run here."""
        return any(self._is_of(line, job) and "failed" not in line for line in self.lines)

    def of_now(self) -> list[dict[str, Any]]:
        """The lines of this device and commit: of each job the last, if it failed only then."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for line in filter(self._is_ours, self.lines):
            name = line["row"], line["contender"]
            if "failed" not in line or "failed" in found.get(name, line):
                found[name] = line
        return list(found.values())

    def _is_ours(self, line: dict[str, Any]) -> bool:
        same = ("commit", "device", "toy", "count")
        return all(line.get(name) == self._common[name] for name in same)

    def _is_of(self, line: dict[str, Any], job: Job) -> bool:
        named = line["row"], line["contender"], line["settings_digest"]
        return self._is_ours(line) and named == (job.row, job.contender, job.digest)

    def write(
        self,
        job: Job,
        outcome: dict[str, Any] | None,
        running: Running | None = None,
        beside: int = 0,
        paused: int = 0,
    ) -> None:
        """Appends the line of a job.

        Args:
            job: the job.
            outcome: ``result``, or why there is none.
            running: its process, if there was one.
            beside: processes of ours that worked on the device at the same time.
            paused: processes of ours that held memory of it, stopped.
        """
        assert outcome is not None
        others = processes_on_gpu()  # now that this one has ended
        line = {
            "row": job.row,
            "contender": job.contender,
            **outcome,
            "settings_digest": job.digest,
            "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "sharing": {"beside": beside, "paused": paused, "processes_on_device": others},
            **self._common,
        }
        self.lines.append(line)
        with self._file.open("a") as file:
            file.write(json.dumps(line) + "\n")
        if self._log is not None and running is not None:
            with self._log.open("a") as log:
                log.write(f"===== {job.name}\n{running.log()}\n")
        said = next(iter(outcome))
        _say(job, said if said == "result" else f"{said}: {outcome[said]}")


def _say(job: Job, what: str) -> None:
    print(f"{datetime.now():%H:%M:%S} {job.name}: {what}", file=sys.stderr, flush=True)


def left_to_do(
    phases: Sequence[Phase],
    rows: Sequence[str],
    kinds: Collection[str],
    toy: bool,
    results: Results,
) -> list[Phase]:
    """The phases with the jobs that are asked for and have no result yet.

    A job that reads what another has left comes with it.
    """
    found = []
    for phase in phases:
        jobs = [job.toy() if toy else job for job in phase.jobs]
        jobs = [job for job in jobs if job.kind in kinds and (not rows or job.row in rows)]
        missing = [job for job in jobs if not results.has(job)]
        needed = {job.row for job in missing if job.cache == "left"}
        missing = [
            job for job in jobs if job in missing or (job.cache == "new" and job.row in needed)
        ]
        if missing:
            found.append(replace(phase, jobs=tuple(missing)))
    return found


def main() -> int:
    names = list(dict.fromkeys(job.row for job in JOBS))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(names)}; all")
    parser.add_argument("--results", type=Path, required=True, help="file, JSON lines")
    parser.add_argument("--deadline", type=float, default=530, help="seconds for everything")
    parser.add_argument(
        "--scratch",
        type=Path,
        help="folder to keep datasets and compiled programs in; otherwise a temporary one",
    )
    parser.add_argument("--toy", action="store_true", help="small sizes, generated data")
    parser.add_argument("--count", action="store_true", help="compile our steps, run none")
    parser.add_argument("--trace", action="store_true", help="of ours, what takes longest")
    arguments = parser.parse_args()
    unknown = [row for row in arguments.rows if row not in names]
    if unknown:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(names)}")
    if not arguments.toy and not (REPOSITORY / "experiments.json").is_file():
        parser.error(
            "there are no datasets here: pack them with scripts/benchmark/gpu/pack.py and run the "
            "packed copy, or ask for --toy"
        )
    deadline = time.monotonic() + arguments.deadline
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    found = device()
    common = {
        "device": found["name"],
        "driver": found.get("driver"),
        "device_memory": found.get("memory"),
        "device_memory_used_before": found.get("memory_used_before"),
        "commit": commit(),
        "command": shlex.join(["python", *sys.argv]),
        "toy": arguments.toy,
        "count": arguments.count,
    }
    results = Results(arguments.results, common, arguments.results.with_suffix(".log"))

    def wanted() -> list[Phase]:
        kinds = ("speed",) if arguments.count else KINDS
        return left_to_do(PHASES, arguments.rows, kinds, arguments.toy, results)

    with _folder(arguments.scratch) as scratch:
        surroundings = Surroundings(REPOSITORY, scratch, deadline, arguments.trace, arguments.count)
        for phase in wanted():
            measure(phase, surroundings, results)
    print(table(results.of_now()))
    missing = [job.name for phase in wanted() for job in phase.jobs]
    for name in missing:
        print(f"no result: {name}", file=sys.stderr)
    return int(bool(missing))


def _folder(named: Path | None) -> contextlib.AbstractContextManager[Path]:
    """The folder that is named, which stays; or a new one for as long as it is needed."""
    if named is not None:
        return contextlib.nullcontext(named)
    return _temporary_folder()


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="recsys-gpu-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


if __name__ == "__main__":
    sys.exit(main())
