"""The one-file page of what is odd about a log."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from recsys.data.checks.against import Comparison
from recsys.data.checks.finding import SEVERITIES, Finding
from recsys.data.dataset import Dataset
from recsys.data.prepare.findings import Quality
from recsys.reports.dataset_plots import DatasetPlots
from recsys.reports.page import Picture, inline, write_page
from recsys.system.display import LONGEST_LINE, counted, printable


def write_data_check(
    path: Path,
    name: str,
    dataset: Dataset,
    findings: Sequence[Finding],
    comparisons: Sequence[Comparison] = (),
    reference: str | None = None,
) -> Path:
    """Writes the page, readable by its owner alone: it shows ids and rows.

    Args:
        path: of the page.
        name: of the experiment.
        dataset: what was looked at.
        findings: the worst first.
        comparisons: with another dataset.
        reference: what that is called.
    """
    manifest = dataset.manifest
    quality = Quality(**manifest.quality)
    items = counted(manifest.items, "item") if manifest.has_items else "no items"
    size = f"{counted(manifest.events, 'event')} of {counted(manifest.users, 'user')} with {items}"
    audited = manifest.split if manifest.split.get("kind") != "none" else {}
    return write_page(
        path,
        "data_check.html",
        filters={"code": _code},
        name=name,
        reference=reference,
        lead=summary(findings),
        size=size,
        findings=findings,
        comparisons=comparisons,
        images=_images(dataset),
        notes=quality.notes,
        rows=_accounts(quality),
        split=audited,
    )


def summary(findings: Sequence[Finding]) -> str:
    """How many findings there are of each severity, in words."""
    counts = {each: sum(f.severity == each for f in findings) for each in SEVERITIES}
    told = [counted(count, severity) for severity, count in counts.items() if count]
    return f"{', '.join(told)}." if told else "Nothing odd was found."


def _code(text: str) -> Markup:
    """Text with what stands between backticks as code."""
    told = str(escape(printable(text, LONGEST_LINE)))
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", told))


def _accounts(quality: Quality) -> dict[str, Any]:
    """What became of the rows; they add up."""
    found: dict[str, Any] = {"rows read": quality.rows_read, "events kept": quality.rows_kept}
    if quality.quarantined:
        found["left out"] = quality.quarantined
    found["repeats collapsed"] = quality.repeats_collapsed
    found["removed as too rare"] = quality.removed_by_k_core
    return found | ({"side tables": quality.tables} if quality.tables else {})


def _images(dataset: Dataset) -> dict[str, Picture]:
    plots = DatasetPlots(dataset)
    drawn = {"events_per_user": plots.events_per_user}
    if dataset.manifest.has_items:
        drawn["long_tail"] = plots.long_tail
    if dataset.manifest.has_time:
        drawn |= {"volume": plots.volume, "drift": plots.drift}
    return {name: inline(draw()) for name, draw in drawn.items()}
