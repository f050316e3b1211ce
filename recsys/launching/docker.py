"""A container on a machine with Docker, in which the seeds run as on any machine.

Docker's own command is called, not its SDK for Python: it forwards signals to the container, knows
the contexts and credential helpers that its user has set up, and can be typed again as shown.
"""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, PositiveInt

from recsys.config import StrictConfig
from recsys.errors import InputError
from recsys.launching.programs import ended_in_order, require_program
from recsys.launching.resources import Variable
from recsys.launching.work import SEEDS, Work
from recsys.system.stopping import check, deferred

# Where Dockerfile.gpu has them.
APP = Path("/app")
PROGRAM = "recsys"
# Variables that a container is given by name, where they are set: what they hold is not shown.
PASSED_ON = ("MLFLOW_TRACKING_", "RECSYS_KEY_")
# Of `docker run`: the engine failed, the program of the container could not be started.
NOT_STARTED = range(125, 128)

Mount = Annotated[str, Field(pattern=r"^/[^:]*$")]


class DockerConfig(StrictConfig):
    """How a container is started."""

    image: str = Field(
        "recsys:jax", min_length=1, description="built from Dockerfile.gpu, as its head says"
    )
    gpus: int | None = Field(
        None, ge=0, description="GPUs that it is given; 0: none; all by default"
    )
    cpus: PositiveInt | None = Field(None, description="CPU cores; all by default")
    memory_gib: PositiveInt | None = Field(None, description="main memory, in GiB; all by default")
    at_once: PositiveInt = Field(1, description="seeds at a time where there is no GPU")
    volumes: dict[str, Mount] = Field(
        {}, description="further folders, by their path here: the path in the container"
    )
    env: list[Variable] = Field(
        [],
        description="further variables that it is given, by name; those of MLflow's server and "
        "keys (RECSYS_KEY_…) are given anyway",
    )


def command(work: Work, config: DockerConfig, environment: Mapping[str, str]) -> list[str]:
    """What :func:`launch` runs: ``docker run …``.

    The container works as the user who calls, on the folders ``runs`` and ``data`` that lie here.

    Args:
        work: what is launched.
        config: how.
        environment: of this process; only names are taken from it.
    """
    inside = work.within(APP / "launched.yaml", APP / "runs")
    named = [
        name for name in sorted(environment) if name.startswith(PASSED_ON) or name in config.env
    ]
    mounts = {
        str(work.runs_dir.absolute()): str(inside.runs_dir),
        str(Path("data").absolute()): str(APP / "data"),
        str(work.experiment.absolute()): f"{inside.experiment}:ro",
        **{
            str(Path(here).expanduser().absolute()): there for here, there in config.volumes.items()
        },
    }
    options = {
        "--gpus": {None: "all", 0: None}.get(config.gpus, str(config.gpus)),
        "--cpus": config.cpus,
        "--memory": config.memory_gib and f"{config.memory_gib}g",
        # The start of Dockerfile.gpu refuses where there is no GPU.
        "--entrypoint": PROGRAM if config.gpus == 0 else None,
    }
    return [
        *("docker", "run", "--rm", "--init", "--user", f"{os.getuid()}:{os.getgid()}"),
        *("--env", "HOME=/tmp"),
        *(word for name in named for word in ("--env", name)),
        *(word for here, there in mounts.items() for word in ("--volume", f"{here}:{there}")),
        *(word for name, value in options.items() if value for word in (name, str(value))),
        *(config.image, "launch", "local", str(inside.experiment)),
        *(*work.overrides, f"{SEEDS}=[{','.join(map(str, work.seeds))}]"),
        *(("--name", work.name) if inside.is_named else ()),
        *("--runs-dir", str(inside.runs_dir)),
        *(("--at-once", str(config.at_once)) if config.at_once > 1 else ()),
    ]


def launch(work: Work, config: DockerConfig, overwrite: bool = False) -> int:
    """Runs a container until all seeds have ended; what it says is shown.

    Args:
        work: what is launched.
        config: how.
        overwrite: remove earlier runs of the seeds before.

    Returns:
        The exit status of the container, which is that of the seeds.

    Raises:
        InputError: Docker is not here, or did not start it; a file that the experiment reads would
            not be in it.
    """
    require_program("docker", "launch from a machine with Docker, or run `recsys launch local`")
    refuse_unmounted(work, config)
    if overwrite:
        work.remove_earlier()
    for folder in (work.runs_dir, Path("data")):
        folder.mkdir(parents=True, exist_ok=True)  # as this user: Docker would make it as root
    # Of a session of its own: Docker sends signals on, and one is enough.
    running: list[subprocess.Popen[bytes]] = []
    with ended_in_order(lambda: running):
        with deferred():
            running.append(
                subprocess.Popen(command(work, config, os.environ), start_new_session=True)
            )
        check()
        status = running[0].wait()
    if status in NOT_STARTED:
        raise InputError(
            f"docker did not start a container of {config.image} (what it says is above): see "
            "that its engine runs (`docker info`), that the image is there (`docker images`; "
            "Dockerfile.gpu says how it is built), and, for GPUs, that NVIDIA's container toolkit "
            "is installed"
        )
    return status if status >= 0 else 128 - status


def refuse_unmounted(work: Work, config: DockerConfig) -> None:
    """Refuses an experiment that reads a file of this machine that the container would not have.

    Raises:
        InputError: it does; the message names the volume that is missing.
    """
    mounted = [APP / "runs", APP / "data", *map(Path, config.volumes.values())]
    for mount in config.volumes.values():
        if APP.is_relative_to(os.path.normpath(mount)):
            raise InputError(
                f"volumes: {mount} would hide {APP}, where the image has its program: mount the "
                f"folder below it, such as {APP / 'data'}, or elsewhere, such as /logs"
            )
    if found := work.outside(APP, mounted):
        key, path = found
        here, there = Path(path).absolute().parent, (APP / path).parent
        mend = "move it into data/"
        if not APP.is_relative_to(there):
            mend += f", or name the volume, such as --volume {here}:{there}"
        raise InputError(
            f"{key}: {path} would not be in the container, which has the folders "
            f"{', '.join(map(str, mounted))}: {mend}"
        )
