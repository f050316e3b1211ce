"""What a command of marketing leaves behind, in a few lines."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recsys.marketing.audiences.suppression import suppression_notes
from recsys.marketing.measurement.off_policy import PolicyValue
from recsys.marketing.versions import read_version
from recsys.runs.folder import RunFolder
from recsys.runs.summary import as_text, metrics_table
from recsys.system.reading import read_json

AGAINST_CONTROL = "all against the control"


def summary(folder: RunFolder) -> str:
    """The headline of a run's ``metrics.json``: the estimator beside the rules, and who wins.

    Args:
        folder: of a finished run.
    """
    metrics = folder.files.read(folder.metrics, ["chosen", "test", "baselines", "comparison"])
    rows = {metrics["chosen"]["kind"].replace("_", " "): metrics["test"], **metrics["baselines"]}
    table = metrics_table(f"{folder.path}: test", list(metrics["test"]), rows)
    asked = [f"\n{each['sentence']}" for each in metrics.get("giveaways", [])]
    return table + metrics["comparison"]["sentence"] + "".join(asked)


def audience_summary(folder: Path) -> str:
    """How many users a saved audience has.

    Args:
        folder: of its version.
    """
    counts = read_version(folder, "audience.json", ["users", "of"])
    picked = counts["users"] + counts["opted_out"]
    lines = [f"{folder}: {picked:,} of {counts['of']:,} users picked"]
    if counts["opted_out"]:
        lines.append(f"{counts['opted_out']:,} opted out: {counts['users']:,} users left")
    lines += suppression_notes(counts)
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
    keys = ["campaigns", "at", "until", "outcome", "control", "holdouts", "held_out_elsewhere"]
    document = read_version(folder, "campaign.json", [*keys, "notes"])
    columns = ("audience", "picked", "opted out", "left out", "held out", "sent", "shows")
    rows = [
        (
            f"{each['name']} ({each['channel']})",
            each["audience"]["name"],
            f"{each['audience']['users'] + each['audience']['opted_out']:,}",
            f"{each['audience']['opted_out'] + each['opted_out_of_channel']:,}",
            f"{sum(each['left_out'].values()):,}",
            f"{each['held_out']:,}",
            f"{each['sent']:,}",
            _points(each["smallest_uplift"]),
        )
        for each in document["campaigns"]
    ]
    text = as_text(f"{folder}: to be sent on {document['at']}", columns, rows)
    text += "shows: the smallest uplift of the response rate that the holdout probably shows"
    lines = [line for each in document["campaigns"] for line in _not_reached(each)]
    lines += [*_who_gets_nothing(document), *suppression_notes(document), *document["notes"]]
    return "\n".join([text, *lines])


def _not_reached(campaign: Mapping[str, Any]) -> list[str]:
    """Why users of a campaign are left out, and contact details unused; the commonest first."""
    kinds = {"left_out": "left out", "unusable_details": "contact details that cannot be used"}
    return [
        f"{campaign['name']}: {kind}: "
        + ", ".join(f"{users:,} ({reason})" for reason, users in campaign[counted].items())
        for counted, kind in kinds.items()
        if campaign[counted]
    ]


def _points(share: float | None) -> str:
    """A difference of shares, in percentage points."""
    return "" if share is None else f"{100 * share:+.1f} points"


def _who_gets_nothing(document: Mapping[str, Any]) -> list[str]:
    lines = []
    if held_out := sum(each["held_out"] for each in document["campaigns"]):
        lines.append(
            f"{held_out:,} held out: nothing that is to move {document['outcome']} may go to them "
            f"until {document['until']}"
        )
    if (control := document["control"]) and control["share"]:
        shows = control["smallest_uplift"]
        lines.append(
            f"{control['users']:,} of them are in the global control group"
            + ("" if shows is None else f", which probably shows an uplift of {_points(shows)}")
        )
    if users := document["held_out_elsewhere"]:
        names = [
            f"{each['left_out']:,} of {each['name']}, {each['at']}"
            for each in document["holdouts"]
            if each["left_out"]
        ]
        told = f" ({'; '.join(names)})" if names else ""
        lines.append(f"{users:,} left out, as another campaign holds them out{told}")
    return lines


def uplift_summary(file: Path) -> str:
    """What a campaign changed.

    Args:
        file: ``uplift.json``.
    """
    mend = "Measure the campaign again (`recsys campaign measure`)"
    document = read_json(file, mend, ["days", "before_days", "campaigns", "control", "notes"])
    rows, notes = [], []
    compared = document["campaigns"]
    if document["control"]:
        compared = [*compared, {"name": AGAINST_CONTROL, **document["control"]}]
        notes.append(
            f"{AGAINST_CONTROL}: `sent` is everybody outside the control, held out by a campaign "
            "or not; `held out` is the control"
        )
    for campaign in compared:
        notes += [f"{campaign['name']}: {why}" for why in campaign["not_measured"].values()]
        for outcome in ("responded", "value"):
            if outcome in campaign:
                found = campaign[outcome]
                rows.append(_uplift_row(f"{campaign['name']}: {outcome}", found["overall"]))
                rows += [_uplift_row(f"  {name}", each) for name, each in found["segments"].items()]
        notes += _contaminated(campaign["name"], campaign["sent_others"])
    notes += document["notes"]
    if document["before_days"]:
        notes.append(f"value: adjusted for the money of the {document['before_days']} days before")
    columns = ("sent", "held out", "mean sent", "mean held out", "uplift (95 %)", "p")
    return as_text(f"{file}: within {document['days']} days", columns, rows) + "\n".join(notes)


def _contaminated(name: str, sent_others: Mapping[str, Any]) -> list[str]:
    """Who was sent something else while the outcome counted, and what that means."""
    held_out, treated = sent_others["held_out"], sent_others["treated"]
    lines = []
    if held_out["users"]:
        lines.append(
            f"{name}: contaminated: {_part(held_out)} of those held out were sent other campaigns "
            f"within the days ({_by(held_out)}): they are compared as held out all the same, and "
            "the uplift is diluted"
        )
    if (perhaps := held_out["any_version"]) > held_out["users"]:
        lines.append(
            f"{name}: {perhaps:,} of those held out, if earlier versions of these campaigns were "
            "sent"
        )
    if treated["users"]:
        lines.append(
            f"{name}: {_part(treated)} of the others were sent other campaigns within the days "
            f"({_by(treated)}): the uplift is of all of them together"
        )
    return lines


def _part(found: Mapping[str, Any]) -> str:
    return f"{found['users']:,} ({found['share']:.1%})"


def _by(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {users:,}" for name, users in found["by"].items())


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
