"""Features that say nothing, that are often missing, or whose numbers cannot be right."""

from collections.abc import Iterator
from typing import get_args

import numpy as np

from recsys.data.checks.finding import Finding
from recsys.data.dataset import Dataset
from recsys.data.feature import Feature, Side
from recsys.data.prepare.features.encode import decode_feature
from recsys.data.prepare.features.kinds import FEATURES

# Share of rows without a value from which a feature is more often missing than there.
MOSTLY_MISSING = 0.5
# Deviations from the mean.
FAR = 10
SECTIONS = {"user": "data.users.features", "item": "data.items.features",
            "event": "data.log.features"}  # fmt: skip


def feature_findings(dataset: Dataset) -> Iterator[Finding]:
    """What is odd about each feature of users, items and events."""
    constant, features = [], 0
    for side in get_args(Side):
        for feature in dataset.manifest.features(side):
            features += 1
            array = np.asarray(dataset.feature(side, feature.name))
            there = is_there(array)
            # A number that never varies is its own mean.
            if not there.any() or bool((array[there] == array[np.argmax(there)]).all()):
                constant.append(f"{side} feature {feature.name!r}")
            else:
                yield from _findings(dataset, side, feature, array, there)
    if constant:
        yield Finding(
            check="constant_features",
            severity="warning",
            what="features that have one value, or none",
            count=len(constant),
            of=features,
            example=", ".join(constant),
            mend="leave them out of "
            + ", ".join(f"`{each}`" for each in SECTIONS.values())
            + ", or name another `column`",
            value=len(constant),
        )


def is_there(array: np.ndarray) -> np.ndarray:
    """bool [n]: the rows that have a value; a number that equals the mean looks like none."""
    return np.asarray((array != 0).reshape(len(array), -1).any(axis=1))


def _findings(
    dataset: Dataset, side: Side, feature: Feature, array: np.ndarray, there: np.ndarray
) -> Iterator[Finding]:
    holds, known = FEATURES[feature.kind].holds, int(there.sum())
    if known < len(there):
        share = 1 - known / len(there)
        yield Finding(
            check="missing_values",
            severity="warning" if share > MOSTLY_MISSING else "note",
            what=f"{side} feature {feature.name!r} has no value"
            + (", or the mean" if holds == "numbers" else ""),
            count=len(there) - known,
            of=len(there),
            mend=f"fill the column, or leave the feature out of `{SECTIONS[side]}`",
            value=share,
        )
    if holds == "numbers":
        yield from _outliers(dataset, side, feature, array, known)


def _outliers(
    dataset: Dataset, side: Side, feature: Feature, array: np.ndarray, known: int
) -> Iterator[Finding]:
    far = np.flatnonzero(np.abs(array) > FAR)
    if len(far):
        farthest = far[np.argmax(np.abs(array[far]))]
        (shown,) = decode_feature(dataset, side, feature, array[farthest : farthest + 1])
        yield Finding(
            check="outliers",
            severity="warning",
            what=f"{side} feature {feature.name!r} is more than {FAR} deviations from its mean, "
            f"{feature.mean:.4g}",
            count=len(far),
            of=known,
            example=f"{shown:g}",
            mend="correct the values, which decide about the deviation of all others",
            value=len(far) / known,
        )
