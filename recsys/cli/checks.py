"""What is wrong with an experiment is refused before anything heavy is imported."""

from pathlib import Path
from typing import TYPE_CHECKING

from recsys.experiment.precheck import refuse_early

if TYPE_CHECKING:
    from recsys.experiment.task import Task


def task_of(experiment: Path, overrides: list[str] | None) -> "Task | None":
    """The task that an installed package adds; None of `task: recommendation`."""
    from recsys.experiment.file import DEFAULT_TASK, read_document
    from recsys.experiment.task import load_task

    name = read_document(experiment, overrides)["task"]
    return None if name == DEFAULT_TASK else load_task(name, experiment)


def check_experiment(
    experiment: Path,
    overrides: list[str] | None,
    name: str | None,
    runs_dir: Path,
    overwrite: bool = False,
) -> None:
    """Refuses early what is wrong with an experiment, or with the runs that have its name."""

    def check() -> None:
        from recsys.api.steps import pipelines
        from recsys.experiment.schema import load_experiment

        list(pipelines(load_experiment(experiment, overrides, name), runs_dir, overwrite))

    refuse_early(["recsys.api.steps"], check)


def check_log(experiment: Path, overrides: list[str] | None) -> None:
    """Refuses early what is wrong with an experiment of any task that reads a log."""
    if (task := task_of(experiment, overrides)) is not None:
        task.check(experiment, overrides)
        return

    def check() -> None:
        from recsys.experiment.schema import load_experiment

        load_experiment(experiment, overrides)

    refuse_early(["recsys.experiment.schema"], check)
