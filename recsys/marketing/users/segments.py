"""Segments by the log's own rhythm (new, loyal, active, cooling, dormant, lost); and clusters."""

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from sklearn.pipeline import Pipeline, make_pipeline

from recsys.errors import InputError
from recsys.marketing.users.encoding import encoding
from recsys.marketing.users.events import DAY, Events, occasions_before

Segment = Literal["new", "loyal", "active", "cooling", "dormant", "lost"]
SEGMENTS: tuple[Segment, ...] = get_args(Segment)
# Shares of the gaps between two occasions that are no longer than each threshold.
ACTIVE, COOLING, DORMANT = 0.8, 0.95, 0.99
LOYAL = 0.8
FEWEST_GAPS = 100
MOST_CLUSTERS = 8
SILHOUETTE_USERS = 5_000


@dataclass(frozen=True)
class Thresholds:
    """Where segments end.

    Attributes:
        active_days: since the last occasion; four of five gaps are no longer.
        cooling_days: likewise, 19 of 20.
        dormant_days: likewise, 99 of 100; a user who stays away longer is lost.
        loyal_occasions: as many as the most frequent fifth of those who came again has.
    """

    active_days: float
    cooling_days: float
    dormant_days: float
    loyal_occasions: float

    @property
    def ends(self) -> tuple[int, ...]:
        """Microseconds after the last occasion at which time alone moves a user, rising."""
        days = self.active_days, self.cooling_days, self.dormant_days
        return tuple(_first_beyond(each) for each in days)


def _first_beyond(days: float) -> int:
    """The fewest microseconds that are more than some days, by the division of the features."""
    found = math.floor(days * DAY)
    while found / DAY <= days:
        found += 1
    return found


def learn_thresholds(events: Events, cutoff: int) -> Thresholds:
    """Reads the rhythm of a log before a cutoff from the gaps between users' occasions.

    Only gaps that ended are seen, so the thresholds lean towards users who come often.

    Args:
        events: what happened.
        cutoff: microseconds since 1970 UTC.

    Raises:
        InputError: too few users came twice to know a rhythm.
    """
    occasions = occasions_before(events, cutoff)
    gaps = occasions.filter(occasions.gap.notnull())
    quantiles = [gaps.gap.quantile(share) for share in (ACTIVE, COOLING, DORMANT)]
    counts = occasions.group_by("user").aggregate(occasions=occasions.count())
    again = counts.filter(counts.occasions > 1)
    found = events.con.to_pandas(
        gaps.aggregate(
            gaps=gaps.count(), active=quantiles[0], cooling=quantiles[1], dormant=quantiles[2]
        )
    ).iloc[0]
    if found["gaps"] < FEWEST_GAPS:
        raise InputError(
            f"users came back {int(found['gaps']):,} times before the cutoff, and {FEWEST_GAPS} "
            "times are needed to know a rhythm: give a longer log, or a later cutoff"
        )
    loyal = events.con.to_pandas(again.aggregate(loyal=again.occasions.quantile(LOYAL)))
    return Thresholds(
        float(found["active"]),
        float(found["cooling"]),
        float(found["dormant"]),
        float(loyal["loyal"].iloc[0]),
    )


def segments(features: pd.DataFrame, thresholds: Thresholds) -> pd.Series:
    """The segment of each user, the first that holds.

    *new* came once, and lately; *loyal* is active and came often; *active*, *cooling* and
    *dormant* were last here no longer ago than their threshold; all others are *lost*.

    Args:
        features: of :func:`recsys.marketing.users.behaviour.behaviour`.
        thresholds: of one cutoff, for all cutoffs that are compared.

    Returns:
        Categories of :data:`SEGMENTS`, by the features' index.
    """
    rules = _rules(features["recency_days"], features["occasions"], thresholds)
    names = np.select(rules, SEGMENTS[:-1], default=SEGMENTS[-1])
    return pd.Series(pd.Categorical(names, SEGMENTS), index=features.index, name="segment")


def segment(recency_days: float, occasions: int, thresholds: Thresholds) -> Segment:
    """The segment of one user, as :func:`segments` has it."""
    rules = _rules(recency_days, occasions, thresholds)
    return next((name for name, holds in zip(SEGMENTS, rules, strict=False) if holds), SEGMENTS[-1])


def _rules(recency_days: Any, occasions: Any, thresholds: Thresholds) -> list[Any]:
    """Whether each segment but the last holds; of numbers, or of columns of them."""
    active = recency_days <= thresholds.active_days
    return [
        active & (occasions == 1),
        active & (occasions >= thresholds.loyal_occasions),
        active,
        recency_days <= thresholds.cooling_days,
        recency_days <= thresholds.dormant_days,
    ]


def transitions(before: pd.Series, after: pd.Series) -> pd.DataFrame:
    """How many users of each segment (rows) are in each segment later (columns).

    Args:
        before: of :func:`segments`.
        after: at a later cutoff; users who came in between are in the row ``not yet``.
    """
    earlier = before.cat.add_categories("not yet").reindex(after.index).fillna("not yet")
    table = pd.crosstab(earlier, after, dropna=False)
    return table.reindex(index=["not yet", *SEGMENTS], columns=SEGMENTS, fill_value=0)


@dataclass(frozen=True)
class Clusters:
    """Users who behave alike.

    Attributes:
        labels: of each user, from 0; the larger cluster first.
        silhouette: how far clusters are apart, -1 to 1 (Rousseeuw, 1987), by their number.
        model: assigns users to clusters by its own numbers.
    """

    labels: pd.Series
    silhouette: dict[int, float]
    model: Pipeline


def cluster(features: pd.DataFrame, seed: int) -> Clusters:
    """Clusters users by k-means, as many clusters as are the farthest apart.

    Args:
        features: of :func:`recsys.marketing.users.behaviour.behaviour`.
        seed: of what is drawn.

    Raises:
        InputError: there are too few users.
    """
    if len(features) <= MOST_CLUSTERS:
        raise InputError(f"{len(features):,} users are too few for clusters")
    found = {}
    for count in range(2, MOST_CLUSTERS + 1):
        model = make_pipeline(encoding(scale=True), KMeans(count, n_init=10, random_state=seed))
        labels = model.fit_predict(features)
        apart = silhouette_score(
            model[:-1].transform(features),
            labels,
            sample_size=min(SILHOUETTE_USERS, len(features)),
            random_state=seed,
        )
        found[count] = float(apart), model, labels
    _, model, labels = max(found.values(), key=lambda each: each[0])
    by_size = np.argsort(-np.bincount(labels), kind="stable")
    return Clusters(
        pd.Series(np.argsort(by_size)[labels], index=features.index, name="cluster"),
        {count: apart for count, (apart, _, _) in found.items()},
        model,
    )
