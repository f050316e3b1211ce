"""Several seeds on this machine, one on each GPU, or so many at a time on the CPU."""

import os
import socket
import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, PositiveInt

from recsys.config import Distinct, StrictConfig
from recsys.errors import InputError
from recsys.launching.outcome import Outcome
from recsys.launching.programs import ended_in_order
from recsys.launching.work import HERE, Work, last_line
from recsys.system.display import show_error
from recsys.system.files import PRIVATE
from recsys.system.processes.asked import ADDRESSES, COUNT, NUMBER
from recsys.system.stopping import STATUSES, check, deferred

POLL_SECONDS = 0.2
GPUS = ("nvidia-smi", "--query-gpu=index", "--format=csv,noheader")
VISIBLE = "CUDA_VISIBLE_DEVICES"
LOOPBACK = "127.0.0.1"


# What each process of a seed is shown of the GPUs; None: what this process is shown.
Place = tuple[str | None, ...]


class LocalConfig(StrictConfig):
    """Where the seeds of this machine run."""

    devices: Distinct[list[str]] | None = Field(
        None,
        description="GPUs as CUDA_VISIBLE_DEVICES names them, a seed on each at a time; none: the "
        "CPU; by default those that are visible",
    )
    at_once: PositiveInt = Field(1, description="seeds at a time where there is no GPU")
    processes: PositiveInt = Field(
        1, description="that train a seed together, a GPU each (KERAS_BACKEND=jax)"
    )

    def places(self) -> list[Place]:
        """Where the seeds of a time run.

        Raises:
            InputError: there are fewer GPUs than a seed has processes.
        """
        devices = visible_devices() if self.devices is None else self.devices
        if not devices:
            shown = None if self.devices is None else ""
            return [(shown,) * self.processes] * self.at_once
        if len(devices) < self.processes:
            raise InputError(
                f"{self.processes} processes need a GPU each, and there are {len(devices)}: ask "
                "for fewer, or for the CPU with --devices none"
            )
        last = len(devices) - self.processes + 1
        return [
            tuple(devices[first : first + self.processes])
            for first in range(0, last, self.processes)
        ]


def visible_devices() -> list[str]:
    """The NVIDIA GPUs that a process started now may use."""
    asked = os.environ.get(VISIBLE)
    if asked is not None:
        return [] if asked in ("", "-1") else asked.split(",")
    return _there()


def _there() -> list[str]:
    """The numbers of this machine's NVIDIA GPUs."""
    try:
        done = subprocess.run(GPUS, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.split() if done.returncode == 0 else []


def refuse_missing(config: LocalConfig) -> None:
    """Refuses GPUs that are named by number and are not here.

    Where ``nvidia-smi`` lists none, as in containers that lack it, the doctor decides.

    Raises:
        InputError: one is not.
    """
    there = _there() if config.devices else []
    numbers = [each for each in config.devices or [] if each.isdigit()]
    if there and (missing := [each for each in numbers if each not in there]):
        raise InputError(
            f"devices: this machine has the GPUs {', '.join(there)}, and not "
            f"{', '.join(missing)}. Name those that it has, or `none` for the CPU"
        )


def commands(work: Work, config: LocalConfig, program: Sequence[str] = HERE) -> list[list[str]]:
    """What :func:`launch` runs: first once for all seeds, then each seed.

    Args:
        work: what is launched.
        config: where.
        program: that starts recsys.
    """
    places = config.places()
    first = [[*program, "doctor", "--require-gpu"]] if _has_gpus(places) else []
    seeds = []
    for number, seed in enumerate(work.seeds):
        # Ports are found when they are needed; here each seed has one that is rarely taken.
        for variables in _environments(places[number % len(places)], 55_000 + number):
            shown = ["env", *(f"{name}={value}" for name, value in variables.items())]
            seeds.append([*(shown if variables else []), *work.run(seed, program)])
    return [*first, work.prepare(program), *seeds]


def _has_gpus(places: Sequence[Place]) -> bool:
    return any(shown for place in places for shown in place)


def _environments(place: Place, port: int) -> list[dict[str, str]]:
    """By process of a seed, the variables that it is given beside those of this process."""
    found = []
    for number, shown in enumerate(place):
        variables = {} if shown is None else {VISIBLE: shown}
        if len(place) > 1:
            variables |= {ADDRESSES: f"{LOOPBACK}:{port}", COUNT: str(len(place))}
            variables[NUMBER] = str(number)
        found.append(variables)
    return found


@dataclass
class _Child:
    """A seed at work."""

    seed: int
    place: Place
    processes: list[subprocess.Popen[bytes]]
    log: Path

    @property
    def has_ended(self) -> bool:
        """Whether all its processes have; where one fails, the others end by themselves."""
        return all([process.poll() is not None for process in self.processes])


def launch(
    work: Work,
    config: LocalConfig,
    tell: Callable[[str], None],
    program: Sequence[str] = HERE,
) -> list[Outcome]:
    """Prepares the dataset, then runs every seed; one that fails leaves the others alone.

    A signal that ends this process ends the seeds in order: each saves what it has trained, and
    the same launch continues. What a seed prints is appended to ``<runs-dir>/<name>/<seed>.log``.

    Args:
        work: what is launched.
        config: where.
        tell: is given a line whenever a seed begins or ends.
        program: that starts recsys.

    Returns:
        How each seed ended.

    Raises:
        InputError: GPUs that are named are not here, or cannot be used.
        SystemExit: those that are visible cannot be used, or the dataset cannot be prepared; what
            failed has said why.
    """
    refuse_missing(config)
    places = config.places()
    if _has_gpus(places):
        try:
            _first([*program, "doctor", "--require-gpu"])
        except SystemExit as error:
            if config.devices is None or error.code in STATUSES:
                raise
            raise InputError(
                f"devices: of {', '.join(config.devices)} none can be used here; above stands what "
                "`recsys doctor` found. `none` is the CPU"
            ) from None
    _first(work.prepare(program))
    free, waiting = deque(places), deque(work.seeds)
    running: list[_Child] = []
    outcomes = {}
    with ended_in_order(lambda: [process for child in running for process in child.processes]):
        while waiting or running:
            while waiting and free:
                with deferred():  # a seed that has begun is one that a signal ends
                    child = _start(work, waiting.popleft(), free.popleft(), program)
                    running.append(child)
                check()
                gpus = ",".join(filter(None, child.place))
                on = f" on GPU {gpus}" if gpus else ""
                tell(f"seed {child.seed}{on}: {child.log}")
            time.sleep(POLL_SECONDS)
            for child in [each for each in running if each.has_ended]:
                running.remove(child)
                free.append(child.place)
                outcomes[child.seed] = outcome = _outcome(child)
                tell(f"seed {child.seed}: {outcome.state}{_why(outcome)}")
    return [outcomes[seed] for seed in work.seeds]


def _first(command: Sequence[str]) -> None:
    """Runs what comes before the seeds; what it printed is shown where it fails."""
    running: list[subprocess.Popen[str]] = []
    with ended_in_order(lambda: running):
        with deferred():
            running.append(
                subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
            )
        check()
        said, _ = running[0].communicate()
    if status := running[0].returncode:
        show_error(said.rstrip())
        raise SystemExit(status if status > 0 else 128 - status)


def _start(work: Work, seed: int, place: Place, program: Sequence[str]) -> _Child:
    log = work.runs_dir / work.name / f"{seed}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    port = _free_port() if len(place) > 1 else 0
    # Notes on the log may name users.
    with open(os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, PRIVATE), "ab") as output:
        processes = [
            subprocess.Popen(
                work.run(seed, program),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | variables,
                # Ctrl-C in a terminal reaches this process alone, which tells the seeds once: a
                # second signal would end them before they have saved what they trained.
                start_new_session=True,
            )
            for variables in _environments(place, port)
        ]
    return _Child(seed, place, processes, log)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        return free.getsockname()[1]


def _outcome(child: _Child) -> Outcome:
    # The first process knows best; the others end with it.
    status = next((each for process in child.processes if (each := process.returncode)), 0)
    status = status if status >= 0 else 128 - status  # as shells have it
    state = "done" if status == 0 else "stopped" if status in STATUSES else "failed"
    return Outcome(child.seed, f"{state} (status {status})" if status else state, status, child.log)


def _why(outcome: Outcome) -> str:
    """What a seed that failed said last."""
    said = last_line(outcome.log) if outcome.status and outcome.log is not None else ""
    return f": {said}" if said else ""
