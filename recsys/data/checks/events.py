"""Users who do more than people do, what happened once only, and ids that are unlike the others."""

from collections.abc import Iterator, Sequence

import numpy as np

from recsys.data.checks.finding import Finding
from recsys.data.dataset import Dataset
from recsys.data.limits import LimitsConfig
from recsys.system.display import counted

EXAMPLES = 3
HOUR = 3_600_000_000
DAY = 24 * HOUR
# Share of the ids up to which those of another form are odd.
MINORITY = 0.1
# Share of users or items with one event from which there is little to learn.
MOSTLY_SINGLE = 0.5


def event_findings(dataset: Dataset, limits: LimitsConfig) -> Iterator[Finding]:
    """Implausible rates, users and items of one event, ids of another form."""
    if dataset.manifest.has_time:
        yield from _fast_users(dataset, limits.fast_rate)
    per_user = np.diff(dataset.user_offsets)
    yield from _single(per_user, dataset.user_ids, "user")
    yield from _mixed(dataset.user_ids, "user", dataset)
    if dataset.manifest.has_items:
        known = dataset.manifest.known_items["test"]
        per_item = np.asarray(dataset.item_counts[:known]).sum(axis=1)
        yield from _single(per_item, dataset.item_ids, "item")
        yield from _mixed(dataset.item_ids[:known], "item", dataset)


def _fast_users(dataset: Dataset, most: int) -> Iterator[Finding]:
    """Users with more events in one clock hour than a person has."""
    times = np.asarray(dataset.event_times)
    # Days of a zone begin at one time, or at two where clocks change.
    whole_days = len(np.unique(times[:: max(len(times) // 10_000, 1)] % DAY)) <= 2
    unit, name = (DAY, "day") if whole_days else (HOUR, "hour")
    lengths = np.diff(dataset.user_offsets)
    users = np.repeat(np.arange(dataset.users, dtype=np.int64), lengths)
    periods = times // unit
    periods -= periods.min()
    keys, counts = np.unique(users * (periods.max() + 1) + periods, return_counts=True)
    fastest = np.zeros(dataset.users, dtype=np.int64)
    np.maximum.at(fastest, keys // (periods.max() + 1), counts)
    fast = np.flatnonzero(fastest > most)
    if not len(fast):
        return
    fast = fast[np.argsort(-fastest[fast], kind="stable")]
    events = int(lengths[fast].sum())
    shown = [dataset.user_ids[user] for user in fast[:EXAMPLES]]
    yield Finding(
        check="fast_events",
        severity="warning",
        what=f"events of {counted(len(fast), 'user')} with more than {most:,} events in one {name}",
        count=events,
        of=dataset.events,
        example=", ".join(
            f"{user!r} ({fastest[place]:,} in one {name})"
            for user, place in zip(shown, fast, strict=False)
        ),
        mend=f"`data.log.where: {_not_in(dataset, 'user', shown)}`; `data.limits.fast_rate` is "
        "where it begins",
        value=events / dataset.events,
    )


def _single(counts: np.ndarray, ids: Sequence[str], side: str) -> Iterator[Finding]:
    single = np.flatnonzero(counts == 1)
    if not len(single):
        return
    share = len(single) / len(counts)
    yield Finding(
        check=f"single_event_{side}s",
        severity="warning" if share > MOSTLY_SINGLE else "note",
        what=f"{side}s with one event",
        count=len(single),
        of=len(counts),
        example=", ".join(repr(ids[place]) for place in single[:EXAMPLES]),
        mend=f"`data.minimum_{side}_events: 2`",
        value=share,
    )


def _mixed(ids: Sequence[str], side: str, dataset: Dataset) -> Iterator[Finding]:
    """A few ids that are not whole numbers where the others are, or the other way around."""
    is_number = np.fromiter((each.isascii() and each.isdigit() for each in ids), bool, len(ids))
    numbers = int(is_number.sum())
    odd = np.flatnonzero(~is_number if 2 * numbers >= len(ids) else is_number)
    if not 0 < len(odd) <= MINORITY * len(ids):
        return
    shown = [ids[place] for place in odd[:EXAMPLES]]
    mostly = 2 * numbers >= len(ids)
    are = "not whole numbers, as the others are" if mostly else "whole numbers, unlike the others"
    yield Finding(
        check="mixed_ids",
        severity="warning",
        what=f"{side} ids that are {are}",
        count=len(odd),
        of=len(ids),
        example=", ".join(map(repr, shown)),
        mend=f"if they are not {side}s: `data.log.where: {_not_in(dataset, side, shown)}`",
        value=len(odd) / len(ids),
    )


def _not_in(dataset: Dataset, role: str, ids: Sequence[str]) -> str:
    """The condition that leaves some ids out, on the column of the log."""
    if role == "user" and dataset.manifest.pseudonyms is not None:
        return "…"  # the log has other ids than the dataset
    column = dataset.manifest.settings["log"]["columns"][role].replace('"', '""')
    quoted = ", ".join("'" + each.replace("'", "''") + "'" for each in ids)
    return f'"{column}" NOT IN ({quoted})'
