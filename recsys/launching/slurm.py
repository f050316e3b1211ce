"""Slurm: a job that prepares the dataset, and behind it an array with a task for each seed.

What is submitted is a script of bash that starts ``recsys run``, a command that continues by
itself. A library that sends Python functions to Slurm would serve it worse: submitit 1.5 pickles
them, takes the SIGTERM by which a training saves what it has, and asks ``sacct``, which a cluster
without accounting does not have.
"""

import contextlib
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, PositiveFloat, PositiveInt

from recsys.errors import InputError
from recsys.launching.outcome import Outcome
from recsys.launching.programs import ask, require_program
from recsys.launching.resources import Resources
from recsys.launching.work import HERE, Work, last_line

# Nothing comes after these (`man squeue`, JOB STATE CODES).
FINAL = frozenset(
    {
        "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY",
        "PREEMPTED", "TIMEOUT",
    }
)  # fmt: skip
DONE = "COMPLETED"
GONE = "Invalid job id"
# Looks in vain, one after the other, after which Slurm counts as lost.
PATIENCE = 20
SBATCH = ("sbatch", "--parsable")
PREPARATION = "preparation"


class SlurmConfig(Resources):
    """What a seed is given by Slurm, and where."""

    partition: str | None = Field(None, description="of the seeds; the cluster's own by default")
    prepare_partition: str | None = Field(
        None, description="of the preparation, which takes no GPU; that of the seeds by default"
    )
    account: str | None = Field(None, description="that is charged")
    qos: str | None = Field(None, description="quality of service")
    processes: PositiveInt = Field(
        1,
        description="that train a seed together, on one node or several, with `gpus` and `cpus` "
        "each (KERAS_BACKEND=jax)",
    )
    setup: list[str] = Field(
        [], description="lines of bash before a seed, such as `module load cuda`"
    )
    options: list[str] = Field(
        [], description="further options of sbatch, such as `--constraint=h100`"
    )
    poll_seconds: PositiveFloat = Field(
        10, le=120, description="between looks at the jobs, where they are waited for"
    )


@dataclass(frozen=True)
class Jobs:
    """What was submitted.

    Attributes:
        prepare: the number of the job that prepares.
        array: that of the seeds.
    """

    prepare: str
    array: str

    def __str__(self) -> str:
        return f"{self.prepare},{self.array}"


def prepare_script(work: Work, config: SlurmConfig) -> str:
    """The script of the job that prepares the dataset."""
    options = {
        **_common(work, config),
        "--partition": config.prepare_partition or config.partition,
        "--output": _log(work, "prepare-%j"),
    }
    return _script(options, config, f"exec {shlex.join(work.prepare(HERE))}\n")


def array_script(work: Work, config: SlurmConfig) -> str:
    """The script of the array: a task a seed, which is requeued where it is preempted."""
    limit = f"%{config.at_once}" if config.at_once else ""
    options = {
        **_common(work, config),
        "--partition": config.partition,
        "--array": f"0-{len(work.seeds) - 1}{limit}",
        **_shares(config),
        "--output": _log(work, "%A-%a"),
        "--requeue": "",
        "--kill-on-invalid-dep": "yes",
    }
    first = f"{shlex.join([*HERE, 'doctor', '--require-gpu'])}\n" if config.gpus else ""
    # The steps of a job do not have its cores by themselves.
    step = ["srun", "--kill-on-bad-exit=1", f"--cpus-per-task={config.cpus}"]
    within = step if config.processes > 1 else []
    run = work.run_by_index("SLURM_ARRAY_TASK_ID", [*within, *HERE])
    return _script(options, config, first + run)


def _shares(config: SlurmConfig) -> dict[str, str | None]:
    """What is asked for the processes of a seed."""
    if config.processes == 1:
        return {"--gres": f"gpu:{config.gpus}" if config.gpus else None}
    return {
        "--ntasks": str(config.processes),
        "--gpus-per-task": str(config.gpus) if config.gpus else None,
    }


def shown(work: Work, config: SlurmConfig) -> str:
    """What :func:`submit` gives to Slurm, as commands of a shell."""
    first, second = prepare_script(work, config), array_script(work, config)
    folder = shlex.quote(str(work.runs_dir.absolute() / work.name))
    return (
        f"mkdir -p {folder}  # of the logs, which Slurm does not make\n"
        f"prepare=$({' '.join(SBATCH)} <<'EOF'\n{first}EOF\n)\n"
        f"{' '.join(SBATCH)} --dependency=afterok:$prepare <<'EOF'\n{second}EOF\n"
    )


def submit(work: Work, config: SlurmConfig, overwrite: bool = False) -> Jobs:
    """Submits the preparation, and the seeds behind it; both or none.

    Args:
        work: what is launched.
        config: where.
        overwrite: remove earlier runs of the seeds before.

    Raises:
        InputError: Slurm is not here, or refuses; the message is Slurm's.
    """
    require_program("sbatch", "launch from a machine that submits to the cluster")
    if overwrite:
        work.remove_earlier()
    folder = work.runs_dir / work.name
    folder.mkdir(parents=True, exist_ok=True)  # Slurm makes no folder of a log
    try:
        prepare = _submitted(prepare_script(work, config))
    except BaseException:
        with contextlib.suppress(OSError):  # something else is in it
            folder.rmdir()
        raise
    try:
        array = _submitted(array_script(work, config), f"--dependency=afterok:{prepare}")
    except BaseException:
        with contextlib.suppress(InputError):  # what was refused first is told
            ask(["scancel", prepare])
        raise
    return Jobs(prepare, array)


def follow(
    work: Work, jobs: Jobs, config: SlurmConfig, tell: Callable[[str], None]
) -> list[Outcome]:
    """Waits until every seed has ended.

    Args:
        work: that was submitted.
        jobs: that have it.
        config: how often it is looked.
        tell: is given a line whenever a seed begins, waits again or ends.

    Returns:
        How each seed ended.

    Raises:
        InputError: Slurm does not answer any more; the jobs go on.
    """
    known: dict[str, str] = {}
    names = {str(place): f"seed {seed}" for place, seed in enumerate(work.seeds)}
    misses = 0
    while not all(known.get(place) in FINAL for place in names):
        try:
            now, misses = states(jobs), 0
        except InputError as error:
            if GONE in str(error) and known:
                break
            misses += 1
            if misses == PATIENCE:
                raise InputError(
                    f"{error}. The jobs go on: `squeue --jobs={jobs}` shows them"
                ) from error
            now = {}
        for place, state in now.items():
            if known.get(place) != state:
                failed = state in FINAL and state != DONE
                why = last_line(_log_of(work, jobs, place)) if failed else ""
                tell(f"{names.get(place, PREPARATION)}: {state}" + (f": {why}" if why else ""))
        known |= now
        time.sleep(config.poll_seconds)
    return [
        Outcome(
            seed,
            "done" if (state := known.get(str(place), "unknown")) == DONE else state,
            int(state != DONE),
            _log_of(work, jobs, str(place)),
        )
        for place, seed in enumerate(work.seeds)
    ]


def states(jobs: Jobs) -> dict[str, str]:
    """By place of the seed, the state of its task; that of the preparation by its name.

    Raises:
        InputError: Slurm does not answer, or has forgotten the jobs.
    """
    # Of `sacct`, not every cluster has what it needs.
    said = ask(
        ["squeue", "--noheader", "--array", "--states=all", f"--jobs={jobs}", "--format=%F|%K|%T"]
    )
    found = {}
    for line in said.splitlines():
        job, place, state = line.strip().split("|")
        found[PREPARATION if job == jobs.prepare else place] = state
    return found


def logs(work: Work, jobs: Jobs) -> str:
    """Where the seeds write what they say, as a shell finds it."""
    return _log(work, f"{jobs.array}-*")


def _log_of(work: Work, jobs: Jobs, place: str) -> Path:
    """What a task says, or the preparation."""
    is_first = place == PREPARATION
    return Path(_log(work, f"prepare-{jobs.prepare}" if is_first else f"{jobs.array}-{place}"))


def _submitted(script: str, *options: str) -> str:
    """Submits a script, and gives the number of its job."""
    return ask([*SBATCH, *options], script).strip().partition(";")[0]


def _common(work: Work, config: SlurmConfig) -> dict[str, str | None]:
    minutes = None if config.hours is None else max(1, round(config.hours * 60))
    return {
        "--job-name": f"recsys-{work.name}",
        "--account": config.account,
        "--qos": config.qos,
        "--cpus-per-task": str(config.cpus),
        "--mem": f"{config.memory_gib}G",
        "--time": None if minutes is None else str(minutes),
        "--chdir": str(Path.cwd()),
        "--open-mode": "append",
    }


def _log(work: Work, name: str) -> str:
    return str(work.runs_dir.absolute() / work.name / f"slurm-{name}.log")


def _script(options: Mapping[str, str | None], config: SlurmConfig, body: str) -> str:
    asked = [
        f"{name}={shlex.quote(value)}" if value else name
        for name, value in options.items()
        if value is not None
    ]
    lines = [
        "#!/bin/bash",
        *(f"#SBATCH {option}" for option in [*asked, *config.options]),
        "set -euo pipefail",
        "chmod 600 /dev/stdout  # the log, whose notes may name users",
        *config.setup,
    ]
    return "\n".join(lines) + f"\n{body}"
