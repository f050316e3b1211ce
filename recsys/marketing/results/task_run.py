"""A finished run of ``task: propensity`` or ``task: sentiment``."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from recsys.marketing.results.figures import Figures
    from recsys.runs.folder import RunFolder


@dataclass(frozen=True)
class TaskRun:
    """A finished run of ``task: propensity`` or ``task: sentiment``.

    Attributes:
        path: the run's folder, ``<runs-dir>/<name>/<seed>``.

    Example:
        >>> run = marketing.run("buys.yaml")
        >>> run.metrics.loc["auc"].index.tolist()
        ['linear', 'recency']
    """

    path: Path

    @cached_property
    def _folder(self) -> "RunFolder":
        from recsys.runs.folder import RunFolder

        return RunFolder(self.path)

    @cached_property
    def document(self) -> dict[str, Any]:
        """``metrics.json``: everything that was found.

        Raises:
            Damaged: the file is missing or has changed, or another version of recsys wrote it.
        """
        keys = ["chosen", "test", "baselines", "comparison"]
        return self._folder.read_metrics(keys)

    @cached_property
    def experiment(self) -> dict[str, Any]:
        """The experiment, every default spelled out."""
        return self._folder.files.read(self._folder.experiment, ["task", "name", "tracking"])

    @property
    def report(self) -> Path:
        """The one-file page of the run."""
        return self._folder.report

    @property
    def metrics(self) -> "pd.DataFrame":
        """Metrics on the test part of the chosen estimator and of the baselines.

        Returns:
            A row per (metric, model), the metric that decides first: ``value``, and ``low`` and
            ``high`` of its 95 % interval. An infinite value, and the ends that there are not, are
            missing.
        """
        import pandas as pd

        chosen = self.document["chosen"]["kind"]
        headline = self.document["comparison"]["metric"]
        models = {chosen: self.document["test"], **self.document["baselines"]}
        rows = {
            (metric, name): found[metric]
            for metric in sorted(self.document["test"], key=lambda each: each != headline)
            for name, found in models.items()
        }
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=["value", "low", "high"])
        frame.index = pd.MultiIndex.from_tuples(rows, names=["metric", "model"])
        return frame.astype(float)

    @property
    def users(self) -> "pd.DataFrame":
        """All users now: prediction, segment, cluster, reasons and features; a row per user.

        Raises:
            InputError: the run asked nobody about what comes next, as where every row of a table
                has its label; or it is a run of ``task: sentiment``.
        """
        return self._table("users.parquet")

    @property
    def predictions(self) -> "pd.DataFrame":
        """Users of the test part: what each model predicted, and what came true.

        Raises:
            InputError: it is a run of ``task: sentiment``.
        """
        return self._table("predictions.parquet")

    @property
    def reviews(self) -> "pd.DataFrame":
        """Every review with its ``sentiment``, 0 (negative) to 1 (positive).

        Raises:
            InputError: it is a run of ``task: propensity``.
        """
        return self._table("reviews.parquet")

    def _table(self, name: str) -> "pd.DataFrame":
        if not (self.path / name).is_file():
            raise InputError(f"{self.path} has no {name}: its task is {self.experiment['task']!r}")
        return self._folder.table(self.path / name)

    @property
    def plot(self) -> "Figures":
        """The figures of its page, one by one."""
        from recsys.marketing.results.figures import Figures

        return Figures(self.document)

    def summary(self) -> str:
        """The chosen estimator beside the baselines, which is better, and where the report is."""
        from recsys.runs.summary import metrics_table
        from recsys.tracking import page_command

        found = self.document
        rows = {found["chosen"]["kind"].replace("_", " "): found["test"], **found["baselines"]}
        table = metrics_table(f"{self.path}: test", list(found["test"]), rows)
        lines = [table + found["comparison"]["sentence"]]
        lines += [each["sentence"] for each in found.get("giveaways", [])]
        lines.append(f"report: {self.report}")
        if self.experiment["tracking"]["enabled"]:
            lines.append(f"MLflow page: {page_command(self.path.parents[1], self.path)}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.summary()
