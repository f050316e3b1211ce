"""Several seeds on this machine, one on each GPU, or so many at a time on the CPU."""

import os
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
from recsys.system.stopping import STATUSES, check, deferred

POLL_SECONDS = 0.2
GPUS = ("nvidia-smi", "--query-gpu=index", "--format=csv,noheader")
VISIBLE = "CUDA_VISIBLE_DEVICES"


class LocalConfig(StrictConfig):
    """Where the seeds of this machine run."""

    devices: Distinct[list[str]] | None = Field(
        None,
        description="GPUs as CUDA_VISIBLE_DEVICES names them, a seed on each at a time; none: the "
        "CPU; by default those that are visible",
    )
    at_once: PositiveInt = Field(1, description="seeds at a time where there is no GPU")

    def places(self) -> list[str | None]:
        """What each seed of a time is shown of the GPUs; None: what this process is shown."""
        if self.devices is not None:
            return list(self.devices) or [""] * self.at_once
        return list(visible_devices()) or [None] * self.at_once


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

    Raises:
        InputError: one is not.
    """
    if not config.devices:
        return
    there = _there()
    if missing := [each for each in config.devices if each.isdigit() and each not in there]:
        has = f"the GPUs {', '.join(there)}" if there else "no NVIDIA GPU (nvidia-smi lists none)"
        raise InputError(
            f"devices: {', '.join(missing)} is not here; this machine has {has}. Name those that "
            "it has, or `none` for the CPU"
        )


def commands(work: Work, config: LocalConfig, program: Sequence[str] = HERE) -> list[list[str]]:
    """What :func:`launch` runs: first once for all seeds, then each seed.

    Args:
        work: what is launched.
        config: where.
        program: that starts recsys.
    """
    places = config.places()
    first = [[*program, "doctor", "--require-gpu"]] if any(places) else []
    seeds = []
    for number, seed in enumerate(work.seeds):
        place = places[number % len(places)]
        shown = [] if place is None else ["env", f"{VISIBLE}={place}"]
        seeds.append([*shown, *work.run(seed, program)])
    return [*first, work.prepare(program), *seeds]


@dataclass
class _Child:
    """A seed at work."""

    seed: int
    place: str | None
    process: subprocess.Popen[bytes]
    log: Path


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
        InputError: see :func:`refuse_missing`.
        SystemExit: TensorFlow or JAX cannot use the GPU, or the dataset cannot be prepared;
            what failed has said why.
    """
    refuse_missing(config)
    places = config.places()
    if any(places):
        _first([*program, "doctor", "--require-gpu"])
    _first(work.prepare(program))
    free, waiting = deque(places), deque(work.seeds)
    running: list[_Child] = []
    outcomes = {}
    with ended_in_order(lambda: [child.process for child in running]):
        while waiting or running:
            while waiting and free:
                with deferred():  # a seed that has begun is one that a signal ends
                    child = _start(work, waiting.popleft(), free.popleft(), program)
                    running.append(child)
                check()
                on = f" on GPU {child.place}" if child.place else ""
                tell(f"seed {child.seed}{on}: {child.log}")
            time.sleep(POLL_SECONDS)
            for child in [each for each in running if each.process.poll() is not None]:
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


def _start(work: Work, seed: int, place: str | None, program: Sequence[str]) -> _Child:
    log = work.runs_dir / work.name / f"{seed}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = os.environ if place is None else os.environ | {VISIBLE: place}
    # Notes on the log may name users.
    with open(os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, PRIVATE), "ab") as output:
        process = subprocess.Popen(
            work.run(seed, program),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            # Ctrl-C in a terminal reaches this process alone, which tells the seeds once: a second
            # signal would end them before they have saved what they trained.
            start_new_session=True,
        )
    return _Child(seed, place, process, log)


def _outcome(child: _Child) -> Outcome:
    status = child.process.returncode
    status = status if status >= 0 else 128 - status  # as shells have it
    state = "done" if status == 0 else "stopped" if status in STATUSES else "failed"
    return Outcome(child.seed, f"{state} (status {status})" if status else state, status, child.log)


def _why(outcome: Outcome) -> str:
    """What a seed that failed said last."""
    said = last_line(outcome.log) if outcome.status and outcome.log is not None else ""
    return f": {said}" if said else ""
