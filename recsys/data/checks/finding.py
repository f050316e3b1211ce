"""What is odd about a log: how bad it is, how often it is there, and the setting that mends it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from recsys.data.limits import LimitsConfig

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
# Checks whose examples are users, or rows.
OF_USERS = ("max_quarantined", "fast_events", "single_event_users", "unknown_users")


@dataclass(frozen=True)
class Finding:
    """One thing that is odd about a log.

    Attributes:
        check: what was looked for; a field of :class:`recsys.data.limits.LimitsConfig` where a
            limit may be set.
        severity: error (beyond a limit, or it cannot be right), warning or note.
        what: a sentence.
        count: how many rows, users, items, events or values.
        of: of how many.
        example: one or several of them; empty: there is none to show.
        mend: the setting that changes it, or what to do.
        value: what the limit is about; None: nothing is.
    """

    check: str
    severity: Severity
    what: str
    count: int
    of: int
    example: str = ""
    mend: str = ""
    value: float | None = None


def without_users(finding: Finding) -> Finding:
    """A finding that shows neither ids of users nor rows."""
    of_users = finding.check in OF_USERS or finding.what.startswith("user ids")
    if not of_users:
        return finding
    mend = "`data.log.where`" if "NOT IN" in finding.mend else finding.mend
    return replace(finding, example="", mend=mend)


def judged(found: Iterable[Finding], limits: LimitsConfig) -> list[Finding]:
    """Findings in order of severity; those beyond a limit are errors, which say so."""
    told = [_held_against(finding, limits) for finding in found]
    return sorted(told, key=lambda finding: SEVERITIES.index(finding.severity))


def beyond(finding: Finding, limits: LimitsConfig) -> bool:
    """Whether there is more of it than a limit allows."""
    limit = getattr(limits, finding.check, None)
    return limit is not None and finding.value is not None and finding.value > limit


def _held_against(finding: Finding, limits: LimitsConfig) -> Finding:
    if finding.severity == "error" or not beyond(finding, limits):
        return finding
    limit = getattr(limits, finding.check)
    what = f"{finding.what} (the limit `data.limits.{finding.check}` is {limit:g})"
    return replace(finding, severity="error", what=what)
