"""A saved audience in a few lines."""

from pathlib import Path

from recsys.marketing.audiences.suppression import suppression_notes
from recsys.marketing.versions import read_version
from recsys.system.display import counted


def audience_summary(folder: Path) -> str:
    """How many users a saved audience has.

    Args:
        folder: of its version.
    """
    counts = read_version(folder, "audience.json", ["users", "of"])
    picked = counts["users"] + counts["opted_out"]
    lines = [f"{folder}: {picked:,} of {counts['of']:,} users picked"]
    if counts["opted_out"]:
        lines.append(f"{counts['opted_out']:,} opted out: {counted(counts['users'], 'user')} left")
    lines += suppression_notes(counts)
    if segments := counts.get("segments"):
        few = f"fewer than {counts['minimum_size']}, or kept back with them"
        lines += [
            f"  {name}: {few if users is None else f'{users:,}'}"
            for name, users in segments.items()
        ]
    if found := counts.get("seed_holdout"):
        lines.append(found["sentence"])
    return "\n".join(lines)
