"""Users who were sent other campaigns while an outcome counted, in sentences."""

from collections.abc import Mapping
from typing import Any


def contamination_notes(name: str, sent_others: Mapping[str, Any]) -> list[str]:
    """How many users other campaigns reached, and what that means for what is shown.

    Args:
        name: of the campaign.
        sent_others: of ``uplift.json``: of those ``held_out`` and of those ``treated`` the
            ``users``, their ``share``, the users ``by`` campaign, and ``any_version``: how many
            users it would be if earlier versions of these campaigns were sent.
    """
    held_out, treated = sent_others["held_out"], sent_others["treated"]
    notes = []
    if held_out["users"]:
        notes.append(
            f"{name}: contaminated: {_part(held_out)} of the users held out were sent other "
            f"campaigns within the days ({_by(held_out)}); they still count as held out, so the "
            "uplift shown is smaller than what the campaign changed"
        )
    if (perhaps := held_out["any_version"]) > held_out["users"]:
        notes.append(
            f"{name}: {perhaps:,} of the users held out, if earlier versions of these campaigns "
            "were sent"
        )
    if treated["users"]:
        notes.append(
            f"{name}: {_part(treated)} of the other users were sent other campaigns within the "
            f"days ({_by(treated)}); the uplift shown is that of all of them together"
        )
    return notes


def _part(found: Mapping[str, Any]) -> str:
    return f"{found['users']:,} ({found['share']:.1%})"


def _by(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {users:,}" for name, users in found["by"].items())
