"""The tasks that experiments may name beside ``task: recommendation``: entry points of the core."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recsys.errors import InputError
from recsys.experiment.precheck import refuse_early

if TYPE_CHECKING:
    from recsys.data.prepare.prepare import DataConfig
    from recsys.runs.folder import RunFolder


@dataclass(frozen=True)
class TaskRun:
    """A finished run of a task.

    Attributes:
        folder: of the run.
        mlflow: the command that shows it in MLflow; None where it is not tracked.
    """

    folder: "RunFolder"
    mlflow: str | None = None

    @property
    def path(self) -> Path:
        return self.folder.path

    def summary(self) -> str:
        """The estimator beside the baselines, which of them is better, and where the report is."""
        from recsys.marketing.summary import summary

        lines = [summary(self.folder), f"report: {self.folder.report}"]
        if self.mlflow is not None:
            lines.append(f"MLflow page: {self.mlflow}")
        return "\n".join(lines)


class MarketingTask:
    """A task, see :class:`recsys.experiment.task.Task`; its modules are imported when needed."""

    def check(
        self, path: Path, overrides: Sequence[str] | None = None, name: str | None = None
    ) -> None:
        def load() -> object:
            from recsys.marketing.experiment import load_task

            return load_task(path, overrides, name)

        refuse_early(["recsys.marketing.experiment"], load)

    def data(self, path: Path, overrides: Sequence[str] | None = None) -> "DataConfig":
        from recsys.marketing.experiment import load_task

        data = getattr(load_task(path, overrides), "data", None)
        if data is None:
            raise InputError(f"{path} reads no log: it has no `data` section")
        return data

    def run(
        self,
        path: Path,
        overrides: Sequence[str] | None = None,
        name: str | None = None,
        runs_dir: Path = Path("runs"),
        overwrite: bool = False,
    ) -> TaskRun:
        from recsys.marketing.experiment import load_task
        from recsys.marketing.run import run_task
        from recsys.tracking import page_command

        experiment = load_task(path, overrides, name)
        folder = run_task(experiment, runs_dir, overwrite)
        mlflow = page_command(runs_dir) if experiment.tracking.enabled else None
        return TaskRun(folder, mlflow)


propensity = sentiment = MarketingTask()
