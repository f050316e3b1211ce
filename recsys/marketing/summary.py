"""What a command of marketing leaves behind, in a few lines."""

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from recsys.marketing.measurement.off_policy import PolicyValue
from recsys.marketing.versions import read_version
from recsys.reading import read_json
from recsys.run_folder import RunFolder
from recsys.summary import as_text, metrics_table


def summary(folder: RunFolder) -> str:
    """The headline of a run's ``metrics.json``: the estimator beside the rules, and who wins.

    Args:
        folder: of a finished run.
    """
    metrics = folder.files.read(folder.metrics, ["chosen", "test", "baselines", "comparison"])
    rows = {metrics["chosen"]["kind"].replace("_", " "): metrics["test"], **metrics["baselines"]}
    table = metrics_table(f"{folder.path}: test", list(metrics["test"]), rows)
    return table + metrics["comparison"]["sentence"]


def audience_summary(folder: Path) -> str:
    """How many users a saved audience has.

    Args:
        folder: of its version.
    """
    counts = read_version(folder, "audience.json", ["users", "of"])
    lines = [f"{folder}: {counts['users']:,} of {counts['of']:,} users"]
    if counts["opted_out"]:
        lines.append(f"{counts['opted_out']:,} more opted out")
    if segments := counts.get("segments"):
        few = f"fewer than {counts['minimum_size']}, or kept back with them"
        lines += [
            f"  {name}: {few if users is None else f'{users:,}'}"
            for name, users in segments.items()
        ]
    if likeness := counts.get("likeness"):
        lines.append(likeness["sentence"])
    return "\n".join(lines)


def campaign_summary(folder: Path) -> str:
    """Where the users of a campaign's audiences went.

    Args:
        folder: of its version.
    """
    document = read_version(folder, "campaign.json", ["campaigns", "at"])
    columns = ("audience", "users", "opted out", "left out", "held out", "sent", "shows")
    rows = [
        (
            f"{each['name']} ({each['channel']})",
            each["audience"]["name"],
            f"{each['audience']['users'] + each['audience']['opted_out']:,}",
            f"{each['audience']['opted_out'] + each['opted_out_of_channel']:,}",
            f"{sum(each['left_out'].values()):,}",
            f"{each['held_out']:,}",
            f"{each['sent']:,}",
            "" if each["smallest_uplift"] is None else f"{each['smallest_uplift']:+.1%}",
        )
        for each in document["campaigns"]
    ]
    text = as_text(f"{folder}: to be sent on {document['at']}", columns, rows)
    return text + "shows: the smallest uplift of the response rate that the holdout probably shows"


def uplift_summary(file: Path) -> str:
    """What a campaign changed.

    Args:
        file: ``uplift.json``.
    """
    mend = "Measure the campaign again (`recsys campaign measure`)"
    document = read_json(file, mend, ["days", "last_outcome", "campaigns"])
    at = read_version(file.parent, "campaign.json", ["at"])["at"]
    last_day = date.fromisoformat(at) + timedelta(days=document["days"] - 1)
    rows, notes = [], []
    if date.fromisoformat(document["last_outcome"]) < last_day:
        notes.append(
            f"the last outcome is of {document['last_outcome']}, and the days are over after "
            f"{last_day}: what comes until then is not in it"
        )
    for campaign in document["campaigns"]:
        if "not_measured" in campaign:
            notes.append(f"{campaign['name']}: {campaign['not_measured']}")
        for outcome in ("responded", "value"):
            if outcome in campaign:
                found = campaign[outcome]
                rows.append(_uplift_row(f"{campaign['name']}: {outcome}", found["overall"]))
                rows += [_uplift_row(f"  {name}", each) for name, each in found["segments"].items()]
    columns = ("sent", "held out", "mean sent", "mean held out", "uplift (95 %)", "p")
    return as_text(f"{file}: within {document['days']} days", columns, rows) + "\n".join(notes)


def policy_summary(values: Mapping[str, PolicyValue]) -> str:
    """What a new policy is worth by each estimator."""
    rows = [
        (
            name.replace("_", " "),
            f"{found.value:.4f} ({found.low:.4f} to {found.high:.4f})",
            f"{found.effective_rows:,.0f}",
            f"{found.largest_weight:.1f}",
        )
        for name, found in values.items()
    ]
    columns = ("value of the new policy (95 %)", "effective rows", "largest weight")
    return as_text("per action", columns, rows)


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
