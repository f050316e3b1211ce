"""A log held against what a model was trained on: drift and skew, feature by feature.

What is compared are distributions over events, as a model meets them: of the items, of the
features of items, users and events, of values, channels, campaigns and hours.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from recsys.data.checks.distances import jensen_shannon, l_infinity
from recsys.data.checks.features import is_there
from recsys.data.checks.finding import Finding, judged
from recsys.data.dataset import NAMED_ROLES, Dataset
from recsys.data.feature import Feature, Side
from recsys.data.limits import LimitsConfig
from recsys.data.manifest import Part
from recsys.data.prepare.features.encode import decode_feature
from recsys.data.prepare.features.kinds import FEATURES

HOUR = 3_600_000_000
EXAMPLES = 3
# What is odd, of shares, distances and divergences alike.
ODD = 0.1
TRAIN = "train more often, or read the log as it was read then"


@dataclass(frozen=True)
class Distribution:
    """What events have of one thing, as counts.

    Attributes:
        kind: whether values or numbers are counted.
        events: how many there are.
        missing: how many have no value.
        counts: of values, how often there is each.
        numbers: of numbers, each.
        weights: of numbers, how often there is each.
    """

    kind: Literal["values", "numbers"]
    events: int
    missing: int
    counts: pd.Series | None = None
    numbers: np.ndarray | None = None
    weights: np.ndarray | None = None


@dataclass(frozen=True)
class Comparison:
    """One distribution in both logs.

    Attributes:
        name: of what is compared.
        measure: L-infinity (values) or Jensen-Shannon (numbers, to base 2).
        distance: 0 (equal) to 1.
        farthest: the value whose share differs most.
        new: share of events with a value that the reference does not have.
        missing: share of events without a value.
        missing_before: that of the reference.
    """

    name: str
    measure: str
    distance: float
    farthest: str
    new: float
    missing: float
    missing_before: float


def compare(current: Dataset, reference: Dataset, last_part: Part) -> list[Comparison]:
    """Every distribution that both datasets have.

    Args:
        current: all of its events count.
        reference: what a model was trained on.
        last_part: the last part of the reference that it was fitted on.
    """
    now, before = dict(_distributions(current, "test")), dict(_distributions(reference, last_part))
    return [_comparison(name, now[name], before[name]) for name in now if name in before]


def against_findings(
    current: Dataset,
    reference: Dataset,
    last_part: Part,
    compared: list[Comparison],
    limits: LimitsConfig,
) -> list[Finding]:
    """What of a comparison is odd, the worst first; see :func:`compare`."""
    found = [*_features(current, reference), *_unknown(current, reference, last_part)]
    for each in compared:
        found += _findings(each, current.events, limits)
    return judged(found, limits)


def _features(current: Dataset, reference: Dataset) -> Iterator[Finding]:
    """Features that only one of them has, or that are of another kind."""
    for side in get_args(Side):
        kinds = [
            {feature.name: feature.kind for feature in dataset.manifest.features(side)}
            for dataset in (current, reference)
        ]
        odd = sorted(kinds[0].items() ^ kinds[1].items())
        if names := list(dict.fromkeys(name for name, _ in odd)):
            yield Finding(
                check="features",
                severity="error",
                what=f"features of {side}s that one dataset does not have, or as another kind",
                count=len(names),
                of=len(kinds[0].keys() | kinds[1].keys()),
                example=", ".join(map(repr, names)),
                mend="read both with the same features",
            )


def _unknown(current: Dataset, reference: Dataset, last_part: Part) -> Iterator[Finding]:
    """Events with items and by users that the reference does not have."""
    for side in ("item", "user"):
        if side == "item" and not (current.manifest.has_items and reference.manifest.has_items):
            continue
        counts, known = _ids(current, side, "test"), _ids(reference, side, last_part)
        new = counts[~counts.index.isin(known.index)].sort_values(ascending=False, kind="stable")
        if not len(new):
            continue
        share = float(new.sum() / counts.sum())
        yield Finding(
            check=f"unknown_{side}s",
            severity="warning" if share > ODD else "note",
            what=f"events of {len(new):,} {side}s that the other dataset does not have",
            count=int(new.sum()),
            of=int(counts.sum()),
            example=", ".join(f"{name!r} ({count:,})" for name, count in new[:EXAMPLES].items()),
            mend=f"{TRAIN}; ids that are written otherwise now are other ids",
            value=share,
        )


def _findings(found: Comparison, events: int, limits: LimitsConfig) -> Iterator[Finding]:
    check = "categorical_distance" if found.measure == "L-infinity" else "numeric_divergence"
    changes = {
        check: (found.distance, f"{found.measure} of {found.name} is {found.distance:.3f}"),
        "new_values": (found.new, f"{found.name}: values that the other dataset does not have"),
        "missing_increase": (
            found.missing - found.missing_before,
            f"{found.name} is missing for {found.missing:.1%} of the events, and was for "
            f"{found.missing_before:.1%}",
        ),
    }
    for name, (value, what) in changes.items():
        if value > ODD or (value > 0 and getattr(limits, name) is not None):
            yield Finding(
                check=name,
                severity="warning" if value > ODD else "note",
                what=what,
                count=round(value * events),
                of=events,
                example=found.farthest if name == check else "",
                mend=TRAIN,
                value=value,
            )


def _comparison(name: str, now: Distribution, before: Distribution) -> Comparison:
    missing = now.missing / max(now.events, 1), before.missing / max(before.events, 1)
    if now.counts is not None and before.counts is not None:
        distance, farthest = l_infinity(now.counts, before.counts)
        is_new = ~now.counts.index.isin(before.counts.index[before.counts > 0])
        new = float(now.counts[is_new].sum() / max(now.counts.sum(), 1))
        if farthest:
            both = before.counts, now.counts
            shares = (float(each.get(farthest, 0) / max(each.sum(), 1)) for each in both)
            farthest = "{!r}: {:.1%} before, {:.1%} now".format(farthest, *shares)
        # Items have findings of their own.
        return Comparison(name, "L-infinity", distance, farthest, new if name != ITEMS else 0.0,
                          *missing)  # fmt: skip
    assert now.numbers is not None and before.numbers is not None
    distance = jensen_shannon(now.numbers, before.numbers, now.weights, before.weights)
    means = (np.average(d.numbers, weights=d.weights) if len(d.numbers) else np.nan
             for d in (before, now) if d.numbers is not None)  # fmt: skip
    farthest = "mean {:.4g} before, {:.4g} now".format(*means)
    return Comparison(name, "Jensen-Shannon", distance, farthest, 0.0, *missing)


ITEMS = "items"


def _distributions(dataset: Dataset, last_part: Part) -> Iterator[tuple[str, Distribution]]:
    events = dataset.fitted_events(last_part)
    if dataset.manifest.has_items:
        counts = _ids(dataset, "item", last_part)
        yield ITEMS, Distribution("values", len(events), 0, counts=counts)
    if dataset.manifest.has_time:
        hours = np.asarray(dataset.event_times)[events] // HOUR % 24
        counts = pd.Series(np.bincount(hours, minlength=24), index=[f"{h} h" for h in range(24)])
        yield "hours of the day in UTC", Distribution("values", len(events), 0, counts=counts)
    for role in NAMED_ROLES:
        if (dataset.path / f"event_{role}s.npy").exists():
            codes = np.asarray(dataset.array(f"event_{role}s"))[events]
            names = dataset.event_names(role)
            counts = pd.Series(np.bincount(codes[codes >= 0], minlength=len(names)), index=names)
            yield f"{role}s", Distribution("values", len(events), int((codes < 0).sum()), counts)
    if (dataset.path / "event_values.npy").exists():
        values = np.asarray(dataset.array("event_values"))[events]
        there = np.isfinite(values)
        missing = len(events) - int(there.sum())
        yield "values", Distribution("numbers", len(events), missing, numbers=values[there])
    for side in get_args(Side):
        for feature in dataset.manifest.features(side):
            found = _of_feature(dataset, side, feature, events)
            if found is not None:
                yield f"{side} feature {feature.name!r}", found


def _of_feature(
    dataset: Dataset, side: Side, feature: Feature, events: np.ndarray
) -> Distribution | None:
    """What events have of a feature; None where people read nothing of it."""
    array = np.asarray(dataset.feature(side, feature.name))
    weights = np.ones(len(events), dtype=np.int64)
    if side == "event":
        array = array[events]
    else:
        of_events = np.asarray(dataset.event_items) if side == "item" else _users(dataset)
        weights = np.bincount(of_events[events], minlength=len(array))
    holds, there = FEATURES[feature.kind].holds, is_there(array)
    if holds == "numbers" and feature.mean and not there.any():
        there = ~there  # a number that never varies is its own mean
    there &= weights > 0
    missing = int(weights.sum() - weights[there].sum())
    array, weights = array[there], weights[there]
    if holds == "numbers":
        numbers = decode_feature(dataset, side, feature, array).astype(np.float64)
        return Distribution("numbers", len(events), missing, numbers=numbers, weights=weights)
    if holds == "categories":
        codes = array.reshape(len(array), -1)
        counts = np.bincount(
            codes.ravel(), np.repeat(weights, codes.shape[1]), feature.vocabulary_size
        )
        words = dataset.vocabulary(side, feature.name)
        return Distribution("values", len(events), missing, pd.Series(counts[1:], index=words))
    return None


def _users(dataset: Dataset) -> np.ndarray:
    """int64 [events]: the user of each."""
    return np.repeat(np.arange(dataset.users), np.diff(dataset.user_offsets))


def _ids(dataset: Dataset, side: str, last_part: Part) -> pd.Series:
    """How many events each item, or each user, has up to a part; only those that have some."""
    if side == "item":
        items = np.asarray(dataset.event_items)[dataset.fitted_events(last_part)]
        counts, ids = np.bincount(items, minlength=dataset.items), dataset.item_ids
    else:
        counts = dataset.part_range(last_part)[1] - dataset.user_offsets[:-1]
        ids = dataset.user_ids
    there = np.flatnonzero(counts)
    return pd.Series(counts[there], index=[ids[place] for place in there])
