"""A measured campaign in a few lines: what it changed."""

from pathlib import Path
from typing import Any

from recsys.marketing.formats import of_this_format
from recsys.marketing.reports.contamination_notes import contamination_notes
from recsys.system.reading import read_json
from recsys.system.text_table import text_table

AGAINST_CONTROL = "all against the control"


def read_uplift(file: Path) -> dict[str, Any]:
    """What a measurement found.

    Args:
        file: ``uplift.json``.

    Raises:
        Damaged: it is missing, another document, or of another format.
    """
    mend = "Measure the campaign again (`recsys campaign measure`)"
    of_this_format(read_json(file, mend), file, mend)
    return read_json(file, mend, ["days", "before_days", "campaigns", "control", "notes"])


def uplift_summary(file: Path) -> str:
    """What a campaign changed.

    Args:
        file: ``uplift.json``.
    """
    document = read_uplift(file)
    rows, notes = [], []
    compared = document["campaigns"]
    if document["control"]:
        compared = [*compared, {"name": AGAINST_CONTROL, **document["control"]}]
        notes.append(
            f"{AGAINST_CONTROL}: `sent` is every user outside the control group, held out by a "
            "campaign or not; `held out` is the control group"
        )
    for campaign in compared:
        # One reason may keep both outcomes from being compared.
        reasons = dict.fromkeys(campaign["not_measured"].values())
        notes += [f"{campaign['name']}: {why}" for why in reasons]
        for outcome in ("responded", "value"):
            if outcome in campaign:
                found = campaign[outcome]
                rows.append(_uplift_row(f"{campaign['name']}: {outcome}", found["overall"]))
                rows += [_uplift_row(f"  {name}", each) for name, each in found["segments"].items()]
        notes += contamination_notes(campaign["name"], campaign["sent_others"])
    notes += document["notes"]
    if document["before_days"]:
        notes.append(f"value: adjusted for the money of the {document['before_days']} days before")
    columns = ("sent", "held out", "mean sent", "mean held out", "uplift (95 %)", "p")
    return text_table(f"{file}: within {document['days']} days", columns, rows) + "\n".join(notes)


def _uplift_row(name: str, found: dict[str, Any]) -> tuple[str, ...]:
    return (
        name,
        f"{found['treated']:,}",
        f"{found['held_out']:,}",
        f"{found['treated_mean']:.4f}",
        f"{found['held_out_mean']:.4f}",
        f"{found['difference']:+.4f} ({found['low']:+.4f} to {found['high']:+.4f})",
        f"{found['p_value']:.3f}",
    )
