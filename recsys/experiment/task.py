"""Tasks that installed packages add: what else an experiment's ``task:`` may name.

A package adds a task by an entry point of the group ``recsys.tasks``, whose name is the task's and
whose object is a :class:`Task`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from recsys.errors import InputError
from recsys.experiment.file import DEFAULT_TASK, Overrides
from recsys.system.plugins import load_plugin, plugins

if TYPE_CHECKING:
    from recsys.data.prepare.config import DataConfig

TASKS = "recsys.tasks"


class FinishedTask(Protocol):
    """What a task leaves behind: what :func:`recsys.run` returns of an experiment of that task."""

    @property
    def path(self) -> Path:
        """The run's folder."""
        ...

    def summary(self) -> str:
        """What the run found, in a few lines."""
        ...


class Task(Protocol):
    """A task: how its experiments are checked and run.

    ``path``, ``overrides`` and ``name`` are those of
    :func:`recsys.experiment.file.read_document`. Importing the task's module should import little:
    it happens before anything is checked.
    """

    def check(self, path: Path, overrides: Overrides = None, name: str | None = None) -> None:
        """Refuses a wrong setting soon, before a backend is started.

        Raises:
            InputError: a setting is wrong.
        """
        ...

    def data(self, path: Path, overrides: Overrides = None) -> "DataConfig":
        """The log that an experiment reads.

        Raises:
            InputError: the experiment reads no log, or a setting is wrong.
        """
        ...

    def run(
        self,
        path: Path,
        overrides: Overrides = None,
        name: str | None = None,
        runs_dir: Path = Path("runs"),
        overwrite: bool = False,
    ) -> FinishedTask:
        """Runs an experiment, or finds the same run done.

        Args:
            path, overrides, name: of the experiment.
            runs_dir: where runs, datasets and the MLflow store lie.
            overwrite: replace another run of the same name.

        Raises:
            InputError: a setting is wrong, or what it names cannot be used.
        """
        ...


def load_task(name: str, path: Path) -> Task:
    """The task of an experiment, which is not ``task: recommendation``.

    Args:
        name: of the task.
        path: of the experiment, for messages.

    Raises:
        InputError: no installed package has such a task, or its package cannot be imported.
    """
    if name not in plugins(TASKS):
        there = ", ".join([DEFAULT_TASK, *plugins(TASKS)])
        raise InputError(f"{path}: there is no `task: {name}`; choose one of {there}")
    return load_plugin(TASKS, name)
