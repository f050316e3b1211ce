"""What is odd about a log, looked at before a run, or against what a model was trained on."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from recsys.api.data import data_of
from recsys.data.checks.against import Comparison, against_findings, compare
from recsys.data.checks.check import check_dataset, refuse_beyond
from recsys.data.checks.finding import Finding, judged, without_users
from recsys.data.dataset import Dataset
from recsys.data.limits import LimitsConfig
from recsys.data.prepare.config import DataConfig, WholeLogConfig
from recsys.experiment.file import Overrides
from recsys.runs.opening import open_reference
from recsys.runs.preparation import log_of, open_dataset
from recsys.system.files import given_path

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class DataCheck:
    """What :func:`check_data` found.

    Attributes:
        dataset: the log as it was prepared.
        found: the findings, the worst first.
        compared: each distribution, where there is another dataset.
        page: the page with all of it.
        limits: of the experiment.
        log: its log, for messages.
    """

    dataset: Dataset
    found: list[Finding]
    compared: list[Comparison]
    page: Path
    limits: LimitsConfig
    log: str

    @property
    def findings(self) -> "pd.DataFrame":
        """A row per finding: ``check``, ``severity``, ``what``, ``count``, ``of``, ``example``,
        ``mend`` and ``value``."""
        return _table(self.found, Finding)

    @property
    def comparisons(self) -> "pd.DataFrame":
        """A row per distribution: ``name``, ``measure``, ``distance``, ``farthest``, ``new``,
        ``missing`` and ``missing_before``."""
        return _table(self.compared, Comparison)

    def refuse(self) -> None:
        """Refuses a log that is beyond a limit of the experiment.

        Raises:
            InputError: naming every limit and what is beyond it.
        """
        refuse_beyond(self.found, self.limits, self.log)

    def __repr__(self) -> str:
        from recsys.reports.data_check import summary

        return f"DataCheck({self.dataset.fingerprint!r}): {summary(self.found)}"


def check_data(
    experiment: str | Path,
    overrides: Overrides = None,
    *,
    against: str | Path | None = None,
    runs_dir: str | Path = "runs",
    output: str | Path | None = None,
) -> DataCheck:
    """Looks for what is odd about the log of an experiment, and writes a page of it.

    Limits in the experiment (``data.limits``) make errors of findings; :meth:`DataCheck.refuse`
    raises them, as `recsys run` does. Where tables of users are encrypted
    (``data.protection.encryption``), no user and no row is shown as an example.

    Args:
        experiment: a YAML file, of any task that reads a log.
        overrides: values by dotted key, such as ``{"data.log.path": "yesterday.csv"}``.
        against: the folder of a prepared dataset, or of a run, whose dataset it is: the log is
            read as it is, nothing is removed or held out, and every distribution is compared with
            that of the events that were trained on.
        runs_dir: prepared datasets lie in its folder ``datasets``.
        output: the page; beside the prepared dataset by default.

    Returns:
        ``findings`` and ``comparisons`` as DataFrames, and the ``page``.

    Raises:
        InputError: the experiment or the log does not suit, or there is no dataset to compare with.

    Example:
        >>> check = recsys.check_data("circle.yaml")
        >>> check.page.name == f"{check.dataset.fingerprint}.html"
        True
        >>> check.findings.columns.tolist()
        ['check', 'severity', 'what', 'count', 'of', 'example', 'mend', 'value']
        >>> recsys.check_data("circle.yaml", against=data.path).comparisons["name"].tolist()
        ['items', 'hours of the day in UTC']
    """
    from recsys.reports.data_check import write_data_check

    path, datasets = Path(experiment), given_path(runs_dir, "runs_dir") / "datasets"
    data: DataConfig = data_of(path, overrides)
    reference = None if against is None else open_reference(given_path(against, "against"))
    if reference is not None:
        data = WholeLogConfig.of(data)
    dataset = open_dataset(data, Path(runs_dir), brief=True)
    found, compared, name = check_dataset(dataset, data.limits), [], dataset.fingerprint
    if reference is not None:
        other, last_part = reference
        compared = compare(dataset, other, last_part)
        found += against_findings(dataset, other, last_part, compared, data.limits)
        found = judged(found, data.limits)
        name = f"{name}-against-{other.fingerprint}"
    if data.protection.encryption is not None:
        found = [without_users(finding) for finding in found]  # a page is not encrypted
    page = datasets / f"{name}.html" if output is None else given_path(output, "output")
    write_data_check(
        page, path.stem, dataset, found, compared, None if against is None else str(against)
    )
    return DataCheck(dataset, found, compared, page, data.limits, log_of(data))


def _table(
    rows: list[Finding] | list[Comparison], kind: type[Finding] | type[Comparison]
) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(
        [asdict(row) for row in rows], columns=[field.name for field in fields(kind)]
    )
