"""``recsys launch``: the seeds of an experiment, on this machine, in Docker, on a cluster."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recsys.cli.app import RUNS, ExperimentFile, Name, Overrides, Overwrite, RunsDir, app
from recsys.cli.checks import check_experiment, check_log
from recsys.errors import InputError
from recsys.runs.console import say
from recsys.system.display import show

if TYPE_CHECKING:
    from recsys.launching.work import Work

launch_app = typer.Typer(
    help="Run the seeds of an experiment: on this machine, in Docker, on a cluster.",
    no_args_is_help=True,
)
app.add_typer(launch_app, name="launch")

Settings = Annotated[
    Path | None,
    typer.Option(metavar="FILE.yaml", help="settings of places, such as `slurm: {partition: gpu}`"),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="print what would be started, and start nothing")
]
Gpus = Annotated[int | None, typer.Option(help="of a seed; 0: the CPU", show_default="1")]
Cpus = Annotated[int | None, typer.Option(help="cores of a seed", show_default="4")]
Memory = Annotated[int | None, typer.Option("--memory-gib", help="of a seed", show_default="32")]
Hours = Annotated[float | None, typer.Option(help="after which a seed is ended")]
AtOnce = Annotated[int | None, typer.Option(help="seeds at a time; all by default")]
Processes = Annotated[
    int | None,
    typer.Option(
        help="that train a seed together, on JAX, a share of its GPUs each", show_default="1"
    ),
]
Image = Annotated[str | None, typer.Option(help="built from Dockerfile.gpu")]


@launch_app.command()
def local(
    experiment: ExperimentFile,
    overrides: Overrides = None,
    name: Name = None,
    runs_dir: RunsDir = RUNS,
    overwrite: Overwrite = False,
    devices: Annotated[
        str | None,
        typer.Option(
            metavar="0,1|none",
            help="GPUs, a seed on each at a time; all that are visible by default; none: the CPU",
        ),
    ] = None,
    at_once: Annotated[
        int | None, typer.Option(help="seeds at a time on the CPU", show_default="1")
    ] = None,
    processes: Processes = None,
    settings: Settings = None,
    dry_run: DryRun = False,
) -> None:
    """Run several seeds on this machine, one on each GPU; stopped, the same command continues."""
    from recsys.launching import local as place
    from recsys.launching.outcome import exit_status, report
    from recsys.launching.settings import read_settings

    listed = None if devices is None else [] if devices == "none" else devices.split(",")
    given = {"devices": listed, "at_once": at_once, "processes": processes}
    config = read_settings(settings, "local", given).local
    _refuse_processes(config.processes)
    work = _work(experiment, overrides, name, runs_dir, overwrite)
    if dry_run:
        _print_commands(work, overwrite, place.commands(work, config))
        return
    if overwrite:
        work.remove_earlier()
    outcomes = place.launch(work, config, say)
    show(report(work, outcomes))
    raise typer.Exit(exit_status(outcomes))


@launch_app.command()
def docker(
    experiment: ExperimentFile,
    overrides: Overrides = None,
    name: Name = None,
    runs_dir: RunsDir = RUNS,
    overwrite: Overwrite = False,
    image: Image = None,
    gpus: Annotated[
        int | None, typer.Option(help="of the container; 0: none", show_default="all")
    ] = None,
    at_once: Annotated[
        int | None, typer.Option(help="seeds at a time on the CPU", show_default="1")
    ] = None,
    volume: Annotated[
        list[str] | None,
        typer.Option(metavar="FOLDER:PATH", help="a further folder, and its path in the container"),
    ] = None,
    settings: Settings = None,
    dry_run: DryRun = False,
) -> None:
    """Run the seeds in a container, as this user, on the folders of runs and data here."""
    from recsys.launching import docker as place
    from recsys.launching.outcome import pages
    from recsys.launching.settings import read_settings

    given = {"image": image, "gpus": gpus, "at_once": at_once, "volumes": _volumes(volume)}
    config = read_settings(settings, "docker", given).docker
    work = _work(experiment, overrides, name, runs_dir, overwrite)
    if dry_run:
        place.refuse_unmounted(work, config)
        _print_commands(work, overwrite, [place.command(work, config, os.environ)])
        return
    status = place.launch(work, config, overwrite)
    say(pages(work, work.seeds))
    raise typer.Exit(status)


@launch_app.command()
def slurm(
    experiment: ExperimentFile,
    overrides: Overrides = None,
    name: Name = None,
    runs_dir: RunsDir = RUNS,
    overwrite: Overwrite = False,
    partition: Annotated[str | None, typer.Option(help="of the seeds")] = None,
    gpus: Gpus = None,
    cpus: Cpus = None,
    memory_gib: Memory = None,
    hours: Hours = None,
    at_once: AtOnce = None,
    processes: Processes = None,
    wait: Annotated[bool, typer.Option("--wait", help="until the seeds have ended")] = False,
    settings: Settings = None,
    dry_run: DryRun = False,
) -> None:
    """Submit the seeds to Slurm as an array of jobs, which continue where they are preempted."""
    from recsys.launching import slurm as place
    from recsys.launching.outcome import exit_status, report
    from recsys.launching.settings import read_settings

    given = {
        "partition": partition, "gpus": gpus, "cpus": cpus, "memory_gib": memory_gib,
        "hours": hours, "at_once": at_once, "processes": processes,
    }  # fmt: skip
    config = read_settings(settings, "slurm", given).slurm
    _refuse_processes(config.processes)
    work = _work(experiment, overrides, name, runs_dir, overwrite)
    if dry_run:
        _print_commands(work, overwrite, [])
        print(place.shown(work, config), end="")
        return
    jobs = place.submit(work, config, overwrite)
    say(f"submitted: {jobs.prepare} prepares, {jobs.array} has the seeds behind it")
    say(f"look: squeue --jobs={jobs}    logs: {place.logs(work, jobs)}    end: scancel {jobs}")
    if not wait:
        say(f"results, once they have ended: recsys list --runs-dir {runs_dir}")
        return
    outcomes = place.follow(work, jobs, config, say)
    show(report(work, outcomes))
    raise typer.Exit(exit_status(outcomes))


@launch_app.command()
def kubernetes(
    experiment: ExperimentFile,
    overrides: Overrides = None,
    name: Name = None,
    image: Image = None,
    namespace: Annotated[str | None, typer.Option(help="of the job")] = None,
    runs_claim: Annotated[
        str | None, typer.Option(help="persistent volume claim of runs and datasets")
    ] = None,
    data_claim: Annotated[str | None, typer.Option(help="likewise, of logs")] = None,
    secret: Annotated[
        str | None, typer.Option(help="with variables, such as MLFLOW_TRACKING_URI")
    ] = None,
    gpus: Gpus = None,
    cpus: Cpus = None,
    memory_gib: Memory = None,
    hours: Hours = None,
    at_once: AtOnce = None,
    settings: Settings = None,
    dry_run: DryRun = False,
) -> None:
    """Apply a job with a pod for each seed to the cluster of kubectl."""
    from recsys.launching import kubernetes as place
    from recsys.launching.settings import read_settings

    given = {
        "image": image, "namespace": namespace, "runs_claim": runs_claim,
        "data_claim": data_claim, "secret": secret, "gpus": gpus, "cpus": cpus,
        "memory_gib": memory_gib, "hours": hours, "at_once": at_once,
    }  # fmt: skip
    config = read_settings(settings, "kubernetes", given).kubernetes
    check_log(experiment, overrides)
    from recsys.launching.work import Work

    made = place.manifest(Work.of(experiment, overrides, name, RUNS), config)
    if dry_run:
        print(made, end="")
        return
    job = place.apply(made)
    within = f" --namespace={config.namespace}" if config.namespace else ""
    pods = f"{within} --selector=app.kubernetes.io/instance={job}"
    say(f"applied: {job}")
    say(f"look: kubectl get pods{pods}")
    say(f"logs, which end with the MLflow page: kubectl logs{pods} --prefix --tail=-1")
    say(f"end: kubectl delete{within} job/{job} configmap/{job}")


def _work(
    experiment: Path,
    overrides: list[str] | None,
    name: str | None,
    runs_dir: Path,
    overwrite: bool,
) -> "Work":
    """What is launched; what is wrong with it is refused before anything is started."""
    from recsys.launching.work import Work

    work = Work.of(experiment, overrides, name, runs_dir)
    check_experiment(experiment, overrides, name, runs_dir, overwrite)
    return work


def _refuse_processes(processes: int) -> None:
    """Refuses several processes a seed where what runs them would."""
    if processes > 1 and os.environ.get("KERAS_BACKEND") != "jax":
        raise InputError(
            f"{processes} processes a seed train on JAX alone: set KERAS_BACKEND=jax before the "
            "command"
        )


def _print_commands(work: "Work", overwrite: bool, commands: list[list[str]]) -> None:
    from recsys.launching.work import shown

    removed = [["rm", "-r", str(folder.path)] for folder in work.earlier()] if overwrite else []
    sys.stdout.write(shown([*removed, *commands]))


def _volumes(given: list[str] | None) -> dict[str, Any] | None:
    """``FOLDER:PATH`` as the setting has it."""
    found = {}
    for each in given or []:
        here, colon, there = each.rpartition(":")
        if not (colon and here and there):
            raise InputError(f"--volume {each}: write FOLDER:PATH, such as /srv/logs:/srv/logs")
        found[here] = there
    return found or None
