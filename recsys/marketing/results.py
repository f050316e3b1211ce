"""What the functions of :mod:`recsys.marketing` give back: folders, read when they are asked."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from recsys.marketing.figures import Figures
    from recsys.marketing.measurement.off_policy import PolicyValue
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
            Damaged: the file is missing or has changed.
        """
        keys = ["chosen", "test", "baselines", "comparison"]
        return self._folder.files.read(self._folder.metrics, keys)

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
            A row per (metric, model): ``value``, and ``low`` and ``high`` of its 95 % interval.
            An infinite value, and the ends that there are not, are missing.
        """
        import pandas as pd

        chosen = self.document["chosen"]["kind"]
        models = {chosen: self.document["test"], **self.document["baselines"]}
        rows = {
            (metric, name): found[metric]
            for metric in self.document["test"]
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
        from recsys.marketing.figures import Figures

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
            lines.append(f"MLflow page: {page_command(self.path.parents[1])}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.summary()


@dataclass(frozen=True)
class Audience:
    """A saved audience.

    Attributes:
        path: the folder of its version, ``<runs-dir>/audiences/<name>/<version>``.

    Example:
        >>> audience = marketing.build_audience("quiet.yaml")
        >>> audience.members.columns.tolist()
        ['user']
    """

    path: Path

    @property
    def members(self) -> "pd.DataFrame":
        """The users of the audience: ``user``, the id as in the log."""
        return _versioned(self.path, "members.parquet")

    @property
    def counts(self) -> dict[str, Any]:
        """``audience.json``: how many users were picked, opted out, and are in each segment."""
        from recsys.marketing.versions import read_version

        return read_version(self.path, "audience.json", ["users", "of"])

    def summary(self) -> str:
        """How many users it has."""
        from recsys.marketing.audiences.summary import audience_summary

        return audience_summary(self.path)

    def __str__(self) -> str:
        return self.summary()


@dataclass(frozen=True)
class Campaign:
    """A built campaign file.

    Attributes:
        path: the folder of its version, ``<runs-dir>/campaigns/<name>/<version>``.

    Example:
        >>> campaign = marketing.build_campaign("spring.yaml")
        >>> campaign.assignments["held_out"].mean() > 0
        True
    """

    path: Path

    @property
    def assignments(self) -> "pd.DataFrame":
        """A row per user and campaign: ``held_out`` until when, or sent the campaign."""
        return _versioned(self.path, "assignments.parquet")

    @property
    def messages(self) -> "pd.DataFrame":
        """Which user is sent what, when."""
        return _versioned(self.path, "messages.parquet")

    @property
    def left_out(self) -> "pd.DataFrame":
        """Users whom a campaign cannot reach: ``user``, ``campaign`` and ``reason``."""
        return _versioned(self.path, "left_out.parquet")

    def summary(self) -> str:
        """Where the users of its audiences went."""
        from recsys.marketing.campaigns.summary import campaign_summary

        return campaign_summary(self.path)

    def __str__(self) -> str:
        return self.summary()


@dataclass(frozen=True)
class MeasuredUplift:
    """What a campaign changed.

    Attributes:
        path: ``uplift.json`` in the campaign's folder.

    Example:
        >>> uplift = marketing.measure("runs/campaigns/spring/1", "orders.csv")
        >>> uplift.table.loc["responded"]["difference"].notna().all()
        True
    """

    path: Path

    @cached_property
    def document(self) -> dict[str, Any]:
        """``uplift.json``: everything that was found."""
        from recsys.marketing.campaigns.uplift_summary import read_uplift

        return read_uplift(self.path)

    @property
    def table(self) -> "pd.DataFrame":
        """The uplift of each campaign, of everybody and by segment.

        Returns:
            A row per (outcome, campaign, segment), the segment ``""`` for everybody: the fields
            of :class:`recsys.marketing.measurement.uplift.Uplift`. The control group is
            the campaign ``"control"``.
        """
        import pandas as pd

        compared = list(self.document["campaigns"])
        if self.document["control"]:
            compared.append({"name": "control", **self.document["control"]})
        rows = {
            (outcome, campaign["name"], segment): found
            for campaign in compared
            for outcome in ("responded", "value")
            if outcome in campaign
            for segment, found in {
                "": campaign[outcome]["overall"],
                **campaign[outcome]["segments"],
            }.items()
        }
        names = ["outcome", "campaign", "segment"]
        if not rows:
            return pd.DataFrame(index=pd.MultiIndex.from_arrays([[]] * 3, names=names))
        index = pd.MultiIndex.from_tuples(rows, names=names)
        return pd.DataFrame(list(rows.values()), index=index)

    def summary(self) -> str:
        """What the campaigns changed, and what stands in the way of saying so."""
        from recsys.marketing.campaigns.uplift_summary import uplift_summary

        return uplift_summary(self.path)

    def __str__(self) -> str:
        return self.summary()


@dataclass(frozen=True)
class PolicyValues:
    """What another policy would have earned, by each estimator.

    Attributes:
        values: by ``ips``, ``snips`` and, with a model's rewards, ``doubly_robust``.

    Example:
        >>> marketing.policy("actions.csv").table.index.tolist()
        ['ips', 'snips']
    """

    values: Mapping[str, "PolicyValue"]

    @property
    def table(self) -> "pd.DataFrame":
        """A row per estimator: the fields of
        :class:`recsys.marketing.measurement.off_policy.PolicyValue`."""
        import pandas as pd

        return pd.DataFrame({name: asdict(found) for name, found in self.values.items()}).T

    def summary(self) -> str:
        """The value per action by each estimator."""
        from recsys.marketing.measurement.summary import policy_summary

        return policy_summary(self.values)

    def __str__(self) -> str:
        return self.summary()


@dataclass(frozen=True)
class Replay:
    """A replayed log.

    Attributes:
        path: its folder, ``<runs-dir>/replays/<name>``.

    Example:
        >>> marketing.replay("december.yaml").actions.columns[:3].tolist()
        ['user', 'trigger', 'time']
    """

    path: Path

    @property
    def actions(self) -> "pd.DataFrame":
        """A row per trigger that fired: its user, its time, and what was recommended."""
        from recsys.runs.folder import RunFolder

        return RunFolder(self.path).table(self.path / "actions.parquet")

    def summary(self) -> str:
        """What fired, what was held back, and how long answers took."""
        from recsys.marketing.realtime.summary import summary

        return summary(self.path)

    def __str__(self) -> str:
        return self.summary()


def _versioned(version: Path, name: str) -> "pd.DataFrame":
    """A table of a version, checked."""
    import pandas as pd

    from recsys.marketing.versions import MEND, checked
    from recsys.system.reading import reading

    path = checked(version, name)
    with reading(path, MEND):
        return pd.read_parquet(path)
