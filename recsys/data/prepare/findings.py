"""What became of a log, in a few lines: what was left out, and what to know of the rest."""

from dataclasses import dataclass, field
from pathlib import Path

from recsys.data.manifest import Manifest
from recsys.system.display import counted


@dataclass
class Quality:
    """What became of the rows of a log; ``quality`` in the dataset's manifest."""

    rows_read: int = 0
    rows_kept: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)
    exact_repeats: int = 0
    repeats_collapsed: int = 0
    removed_by_k_core: int = 0
    tables: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def findings(manifest: Manifest, quarantine: Path | None = None) -> list[str]:
    """A line each: rows left out by reason, rows that repeat, events removed, notes, newcomers.

    Args:
        manifest: of a dataset.
        quarantine: where the rows left out are, to be named.
    """
    quality, settings = Quality(**manifest.quality), manifest.settings
    found = []
    if bad := sum(quality.quarantined.values()):
        reasons = ", ".join(f"{reason} {rows:,}" for reason, rows in quality.quarantined.items())
        where = f"; see {quarantine}" if quarantine else ""
        found.append(
            f"left out: {_of(bad, quality.rows_read, 'rows of the log')}: {reasons}{where}"
        )
    if quality.exact_repeats:
        usable = quality.rows_read - bad
        was = "was" if quality.exact_repeats == 1 else "were"
        fate = (
            f"{was} kept (`data.repeats: first` keeps one of each)"
            if settings.get("repeats", "keep") == "keep"
            else f"{was} left out as {'a repeat' if was == 'was' else 'repeats'}"
        )
        repeat = "repeats" if quality.exact_repeats == 1 else "repeat"
        found.append(
            f"{_of(quality.exact_repeats, usable, 'rows')} {repeat} another one in every column "
            f"that is read, and {fate}"
        )
    if quality.repeats_collapsed:
        found.append(
            f"left out: {counted(quality.repeats_collapsed, 'repeat')} of the same user, item and "
            f"event type (`data.repeats: {settings['repeats']}`)"
        )
    if quality.removed_by_k_core:
        least = {side: settings[f"minimum_{side}_events"] for side in ("user", "item")}
        rare = [f"{side}s with fewer than {n} events" for side, n in least.items() if n > 1]
        if (users := settings.get("minimum_item_users", 1)) > 1:
            rare.append(f"items of fewer than {users} users")
        found.append(
            f"removed: {counted(quality.removed_by_k_core, 'event')} of {' or '.join(rare)}"
        )
    return found + quality.notes + _newcomers(manifest)


def _newcomers(manifest: Manifest) -> list[str]:
    """The users and items that are tested and were never seen in training."""
    found = []
    for side in ("items", "users"):
        tested = manifest.split.get(side, {}).get("test", 0)
        share = manifest.split.get(f"share_of_test_{side}_unseen_in_training", 0.0)
        if unseen := round(share * tested):
            found.append(_of(unseen, tested, f"test {side}"))
    return [f"never seen in training: {', '.join(found)}"] if found else []


def _of(count: int, total: int, what: str) -> str:
    share = "under 0.1%" if count * 1000 < total else f"{count / total:.1%}"
    return f"{count:,} of {total:,} {what} ({share})"
