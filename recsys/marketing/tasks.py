"""What ``task: propensity`` and ``task: sentiment`` run: entry points of the core."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.errors import InputError
from recsys.experiment.precheck import refuse_early
from recsys.marketing.libraries import Extra, require_libraries

if TYPE_CHECKING:
    from recsys.data.prepare.config import DataConfig
    from recsys.marketing.results.task_run import TaskRun

# What `dotted.key=value` of the command line says.
Overrides = Sequence[str] | None
RUNS = Path("runs")


@dataclass(frozen=True)
class MarketingTask:
    """A task, see :class:`recsys.experiment.task.Task`; its modules are imported when needed.

    Attributes:
        experiment: module and class of its experiments.
        runner: module and function that runs one of them.
        without_log: what an experiment without a ``data`` section reads.
        extra: that brings its libraries.
    """

    experiment: tuple[str, str]
    runner: tuple[str, str]
    without_log: str
    extra: Extra

    def check(self, path: Path, overrides: Overrides = None, name: str | None = None) -> None:
        require_libraries(f"the task of {path}", self.extra)
        refuse_early([self.experiment[0]], lambda: self.load(path, overrides, name))

    def load(self, path: Path, overrides: Overrides = None, name: str | None = None) -> Any:
        """Reads an experiment."""
        from recsys.experiment.file import read_document, validated

        document = read_document(path, overrides, name)
        return validated(_imported(*self.experiment), document, str(path))

    def data(self, path: Path, overrides: Overrides = None) -> "DataConfig":
        data = getattr(self.load(path, overrides), "data", None)
        if data is None:
            raise InputError(
                f"{path} reads {self.without_log} and not a log: it has no `data` section"
            )
        return data

    def run(
        self,
        path: Path,
        overrides: Overrides = None,
        name: str | None = None,
        runs_dir: Path = RUNS,
        overwrite: bool = False,
    ) -> "TaskRun":
        """Runs an experiment, or finds the same run done."""
        from recsys.marketing.results.task_run import TaskRun

        experiment = self.load(path, overrides, name)
        return TaskRun(_imported(*self.runner)(experiment, runs_dir, overwrite).path)


def _imported(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


propensity = MarketingTask(
    experiment=("recsys.marketing.propensity.experiment", "PropensityExperiment"),
    runner=("recsys.marketing.propensity.run", "run_propensity"),
    without_log="a table",
    extra="marketing",
)
sentiment = MarketingTask(
    experiment=("recsys.marketing.sentiment.experiment", "SentimentExperiment"),
    runner=("recsys.marketing.sentiment.run", "run_sentiment"),
    without_log="reviews",
    extra="text",
)
TASKS: dict[str, MarketingTask] = {"propensity": propensity, "sentiment": sentiment}
