"""What ``task: propensity`` and ``task: sentiment`` run: entry points of the core."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recsys.errors import InputError
from recsys.experiment.precheck import refuse_early
from recsys.marketing.libraries import Extra, require_libraries

if TYPE_CHECKING:
    from recsys.data.prepare.config import DataConfig
    from recsys.marketing.propensity.experiment import PropensityExperiment
    from recsys.marketing.results.task_run import TaskRun
    from recsys.marketing.sentiment.experiment import SentimentExperiment

# What `dotted.key=value` of the command line says.
Overrides = Sequence[str] | None
RUNS = Path("runs")


class MarketingTask(ABC):
    """A task, see :class:`recsys.experiment.task.Task`; its modules are imported when needed."""

    @property
    @abstractmethod
    def module(self) -> str:
        """The module that types its experiments."""

    @property
    @abstractmethod
    def extra(self) -> Extra:
        """The extra that brings its libraries."""

    def check(self, path: Path, overrides: Overrides = None, name: str | None = None) -> None:
        require_libraries(f"the task of {path}", self.extra)
        refuse_early([self.module], lambda: self.load(path, overrides, name))

    @abstractmethod
    def load(self, path: Path, overrides: Overrides = None, name: str | None = None) -> object:
        """Reads an experiment."""

    @abstractmethod
    def data(self, path: Path, overrides: Overrides = None) -> "DataConfig":
        """The log that an experiment reads."""

    @abstractmethod
    def run(
        self,
        path: Path,
        overrides: Overrides = None,
        name: str | None = None,
        runs_dir: Path = RUNS,
        overwrite: bool = False,
    ) -> "TaskRun":
        """Runs an experiment, or finds the same run done."""


@dataclass(frozen=True)
class Propensity(MarketingTask):
    """What users will do."""

    module: str = "recsys.marketing.propensity.experiment"
    extra: Extra = "marketing"

    def load(
        self, path: Path, overrides: Overrides = None, name: str | None = None
    ) -> "PropensityExperiment":
        from recsys.experiment.file import read_document, validated
        from recsys.marketing.propensity.experiment import PropensityExperiment

        return validated(PropensityExperiment, read_document(path, overrides, name), str(path))

    def data(self, path: Path, overrides: Overrides = None) -> "DataConfig":
        data = self.load(path, overrides).data
        if data is None:
            raise InputError(f"{path} reads a table and not a log: it has no `data` section")
        return data

    def run(
        self,
        path: Path,
        overrides: Overrides = None,
        name: str | None = None,
        runs_dir: Path = RUNS,
        overwrite: bool = False,
    ) -> "TaskRun":
        from recsys.marketing.propensity.run import run_propensity
        from recsys.marketing.results.task_run import TaskRun

        experiment = self.load(path, overrides, name)
        return TaskRun(run_propensity(experiment, runs_dir, overwrite).path)


@dataclass(frozen=True)
class Sentiment(MarketingTask):
    """What reviews say."""

    module: str = "recsys.marketing.sentiment.experiment"
    extra: Extra = "text"

    def load(
        self, path: Path, overrides: Overrides = None, name: str | None = None
    ) -> "SentimentExperiment":
        from recsys.experiment.file import read_document, validated
        from recsys.marketing.sentiment.experiment import SentimentExperiment

        return validated(SentimentExperiment, read_document(path, overrides, name), str(path))

    def data(self, path: Path, overrides: Overrides = None) -> "DataConfig":
        self.load(path, overrides)
        raise InputError(f"{path} reads reviews and not a log: it has no `data` section")

    def run(
        self,
        path: Path,
        overrides: Overrides = None,
        name: str | None = None,
        runs_dir: Path = RUNS,
        overwrite: bool = False,
    ) -> "TaskRun":
        from recsys.marketing.results.task_run import TaskRun
        from recsys.marketing.sentiment.run import run_sentiment

        experiment = self.load(path, overrides, name)
        return TaskRun(run_sentiment(experiment, runs_dir, overwrite).path)


propensity, sentiment = Propensity(), Sentiment()
TASKS: dict[str, MarketingTask] = {"propensity": propensity, "sentiment": sentiment}
