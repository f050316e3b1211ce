"""All that is looked for in a prepared log, and the limits that refuse it."""

from recsys.data.checks.events import event_findings
from recsys.data.checks.features import feature_findings
from recsys.data.checks.finding import Finding, beyond, judged
from recsys.data.checks.periods import period_findings
from recsys.data.checks.rows import row_findings
from recsys.data.dataset import Dataset
from recsys.data.limits import LimitsConfig
from recsys.errors import InputError


def check_dataset(dataset: Dataset, limits: LimitsConfig) -> list[Finding]:
    """What is odd about a prepared log, the worst first.

    Args:
        dataset: prepared.
        limits: beyond which a finding is an error.
    """
    found = [
        *row_findings(dataset),
        *event_findings(dataset, limits),
        *feature_findings(dataset),
        *period_findings(dataset, limits),
    ]
    return judged(found, limits)


def refuse_beyond(findings: list[Finding], limits: LimitsConfig, where: object) -> None:
    """Refuses a log that is beyond a limit.

    Args:
        findings: about it.
        limits: of the experiment.
        where: the log, for the message.

    Raises:
        InputError: naming each limit, what is beyond it, and what mends it.
    """
    told = []
    for finding in findings:
        if beyond(finding, limits):
            example = f", such as {finding.example}" if finding.example else ""
            told.append(
                f"{finding.what}: {finding.count:,} of {finding.of:,} "
                f"({finding.value:.4g}){example}. {finding.mend}"
            )
    if told:
        raise InputError(
            f"{where} is beyond {len(told)} of the limits in `data.limits`: " + "; ".join(told)
        )
