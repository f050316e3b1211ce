"""A built campaign file in a few lines: where the users of its audiences went."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recsys.marketing.audiences.suppression import suppression_notes
from recsys.marketing.measurement.enough import beside_control, not_measured
from recsys.marketing.versions import read_version
from recsys.system.text_table import text_table


def campaign_summary(folder: Path) -> str:
    """Where the users of a campaign's audiences went.

    Args:
        folder: of its version.
    """
    keys = ["campaigns", "at", "until", "outcome", "control", "holdouts", "held_out_elsewhere"]
    document = read_version(folder, "campaign.json", [*keys, "notes"])
    # Those of the control group are not compared with the campaign: they get nothing for longer.
    control = any(each["control"] for each in document["campaigns"])
    held_out = ("held out", "control") if control else ("held out",)
    columns = ("audience", "picked", "opted out", "left out", *held_out, "sent", "shows")
    rows = [
        (
            f"{each['name']} ({each['channel']})",
            each["audience"]["name"],
            f"{each['audience']['users'] + each['audience']['opted_out']:,}",
            f"{each['audience']['opted_out'] + each['opted_out_of_channel']:,}",
            f"{sum(each['left_out'].values()):,}",
            f"{each['held_out'] - each['control']:,}",
            *([f"{each['control']:,}"] if control else []),
            f"{each['sent']:,}",
            _points(each["smallest_uplift"]),
        )
        for each in document["campaigns"]
    ]
    text = text_table(f"{folder}: to be sent on {document['at']}", columns, rows)
    text += "shows: the smallest uplift of the response rate that the holdout probably shows"
    lines = [
        f"{each['name']}: {not_measured(why)}{beside_control(each['control'])}"
        for each in document["campaigns"]
        if (why := each["shows_nothing"])
    ]
    lines += [line for each in document["campaigns"] for line in _not_reached(each)]
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
        shows = f"which probably shows an uplift of {_points(control['smallest_uplift'])}"
        if why := control["shows_nothing"]:
            shows = f"with which the others cannot be compared: {why}"
        lines.append(f"{control['users']:,} of them are in the global control group, {shows}")
    if users := document["held_out_elsewhere"]:
        names = [
            f"{each['left_out']:,} of {each['name']}, {each['at']}"
            for each in document["holdouts"]
            if each["left_out"]
        ]
        told = f" ({'; '.join(names)})" if names else ""
        lines.append(f"{users:,} left out, as another campaign holds them out{told}")
    return lines
