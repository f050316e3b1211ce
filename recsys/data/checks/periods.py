"""How a log changes with time: volume, popularity, and items and users that are new."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from recsys.data.checks.distances import l_infinity
from recsys.data.checks.finding import Finding
from recsys.data.dataset import Dataset
from recsys.data.dataset_statistics import DatasetStatistics
from recsys.data.limits import LimitsConfig
from recsys.data.manifest import PARTS

EXAMPLES = 3
# Periods without which a median means nothing.
FEWEST = 5
# Times the median, either way, that are odd.
ODD_VOLUME = 5.0
ODD_DRIFT = 0.05
ODD_SHARE = 0.3
MENDS = {
    "items": "`data.items.features` describe new items, with `model.item.cold_start`; or train "
    "more often",
    "users": "users are known by their histories alone, where `model.query` has no user features",
}


def period_findings(dataset: Dataset, limits: LimitsConfig) -> Iterator[Finding]:
    """Odd volumes, and what held-out events have that training has not."""
    if dataset.manifest.has_time:
        most = ODD_VOLUME if limits.volume_factor is None else limits.volume_factor
        yield from _volume(DatasetStatistics(dataset).volume(), most)
    yield from _new(dataset)
    if dataset.manifest.has_items:
        yield from _drift(dataset)


def _volume(table: pd.DataFrame, most: float) -> Iterator[Finding]:
    """Periods with far more or fewer events than most; the first and the last may be cut off."""
    inner = table[list(PARTS)].sum(axis=1).iloc[1:-1]
    # Where most periods are empty, the log is sparse, and an empty one is not odd.
    middle = float(inner.median()) if len(inner) >= FEWEST else 0.0
    if not middle:
        return
    factor = (inner / middle).combine(middle / inner.clip(lower=0.5), max)
    odd = factor[factor > most].sort_values(ascending=False, kind="stable")
    if not len(odd):
        return
    yield Finding(
        check="volume_factor",
        severity="warning",
        what=f"{table.index.name}s with more than {most:g} times as many events as the "
        f"median, {middle:,.0f}, or as few; the first and the last are not looked at",
        count=len(odd),
        of=len(inner),
        example="; ".join(
            f"{begin:%Y-%m-%d %H:%M}: {inner[begin]:,.0f} events" for begin in odd.index[:EXAMPLES]
        ),
        mend="look for days that are missing or were loaded twice; `data.log.where` leaves "
        "periods out",
        value=float(factor.max()),
    )


def _new(dataset: Dataset) -> Iterator[Finding]:
    """Test events with items and by users that training has not."""
    begins, ends = dataset.part_range("test")
    trained_begins, trained_ends = dataset.part_range("train")
    tested = int((ends - begins).sum())
    if not tested:
        return
    new = {"users": int((ends - begins)[trained_begins == trained_ends].sum())}
    if dataset.manifest.has_items:
        counts = np.asarray(dataset.item_counts)
        new["items"] = int(counts[counts[:, 0] == 0, 2].sum())
    for side, events in new.items():
        if events:
            share = events / tested
            by = "with an item" if side == "items" else "by a user"
            yield Finding(
                check=f"new_{side}",
                severity="warning" if share > ODD_SHARE else "note",
                what=f"test events {by} that training never saw",
                count=events,
                of=tested,
                mend=MENDS[side],
                value=share,
            )


def _drift(dataset: Dataset) -> Iterator[Finding]:
    """How far the popularity of items in test is from that in training."""
    counts = np.asarray(dataset.item_counts)
    items = pd.Index(dataset.item_ids)
    trained, tested = (pd.Series(counts[:, part], index=items) for part in (0, 2))
    if not (trained.sum() and tested.sum()):
        return
    distance, item = l_infinity(tested, trained)
    shares = trained[item] / trained.sum(), tested[item] / tested.sum()
    yield Finding(
        check="item_drift",
        severity="warning" if distance > ODD_DRIFT else "note",
        what=f"popularity of items in training and in test: L-infinity distance {distance:.3f}",
        count=int(tested[item]),
        of=int(tested.sum()),
        example=f"{item!r}: {shares[0]:.1%} of the training events, {shares[1]:.1%} of the test "
        "events",
        mend="train on newer events (`data.log.where`), or test on a longer time "
        "(`data.split.test_from`)",
        value=distance,
    )
