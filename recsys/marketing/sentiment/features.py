"""How good items are found and in what mood users are, as of a cutoff."""

import pandas as pd

# Reviews of average sentiment that everybody is credited with.
PRIOR_REVIEWS = 5.0


def quality_before(scored: pd.DataFrame, cutoff: int, prior: float = PRIOR_REVIEWS) -> pd.DataFrame:
    """What reviews before a cutoff say of each item.

    Args:
        scored: of :class:`recsys.marketing.sentiment.model_selection.Selected`: ``item``,
            ``time`` and ``sentiment`` are read.
        cutoff: microseconds since 1970 UTC; only earlier reviews are read.
        prior: reviews that the mean of all reviews counts as.

    Returns:
        By ``item``: ``reviews``, ``sentiment`` (their mean, 0 to 1), ``quality`` (the same,
        shrunk to the mean of all: (sum + prior · mean) / (reviews + prior)). Items without a
        review are not there.
    """
    return _summary(scored, "item", cutoff, prior).rename(columns={"shrunk": "quality"})


def mood_before(scored: pd.DataFrame, cutoff: int, prior: float = PRIOR_REVIEWS) -> pd.DataFrame:
    """What reviews before a cutoff say of each user's mood.

    Args:
        scored: as in :func:`quality_before`, with ``user``.
        cutoff: microseconds since 1970 UTC; only earlier reviews are read.
        prior: reviews that the mean of all reviews counts as.

    Returns:
        By ``user``: ``reviews``, ``sentiment`` (their mean, 0 to 1), ``mood`` (shrunk as in
        :func:`quality_before`), ``mood_trend``: the mean of the later half of the reviews
        minus that of the earlier half, -1 to 1. Reviews in the middle are in neither, those of
        one time in the same; 0 where no half is later.
    """
    summary = _summary(scored, "user", cutoff, prior).rename(columns={"shrunk": "mood"})
    past = scored[scored["time"] < cutoff]
    users = past.groupby("user")
    place = users["time"].rank(method="average") - (users["time"].transform("size") + 1) / 2
    later = past[place > 0].groupby("user")["sentiment"].mean()
    earlier = past[place < 0].groupby("user")["sentiment"].mean()
    trend = (later - earlier).reindex(summary.index).fillna(0.0)
    return summary.assign(mood_trend=trend)


def _summary(scored: pd.DataFrame, by: str, cutoff: int, prior: float) -> pd.DataFrame:
    past = scored[scored["time"] < cutoff]
    found = past.groupby(by)["sentiment"].agg(reviews="size", sentiment="mean")
    weight = found["reviews"] + prior
    total = found["sentiment"] * found["reviews"] + prior * past["sentiment"].mean()
    return found.assign(shrunk=total / weight)
