"""The same ranking by groups of users or items, and how far each is from all others.

A group is a value of an attribute: of the user who asks, or of the held-out item. Other targets
keep their ranks, so a group is a view of one ranking. The gap of a group is its metric minus that
of all other targets. Both are ratios of sums over users, and a user may be in both (one who took
items of several categories), so the variance of the gap is that of its linearisation, clustered by
user (Taylor; Cochran, *Sampling Techniques*, 1977, section 6.3).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import stats

from recsys.data.dataset import ATTRIBUTES, Dataset
from recsys.data.feature import Feature, Side
from recsys.data.manifest import Part
from recsys.errors import InputError
from recsys.evaluation.comparison import LEVEL
from recsys.evaluation.confidence import FEW_USERS
from recsys.evaluation.holm import holm
from recsys.evaluation.metrics import parse_metric, ranking_metrics
from recsys.evaluation.ranking import RankedQueries
from recsys.evaluation.slices import (
    item_activity,
    temperatures,
    user_activity,
    with_targets,
)

MISSING, OTHERS = "(missing)", "(other)"
# Values of an attribute that are told apart, the most frequent ones, and users that each has.
MOST, FEWEST_USERS = 20, 5
# Kinds of features whose values group users or items.
GROUPING = ("categorical", "multivalued", "numeric")
TEMPERATURES = ("cold", "warm", "hot")
QUARTERS = 4
DAY = 86_400_000_000  # microseconds


@dataclass(frozen=True)
class Group:
    """Held-out items that have a value of an attribute in common.

    Attributes:
        name: the value.
        keep: bool [targets].
    """

    name: str
    keep: np.ndarray


@dataclass(frozen=True)
class Gap:
    """How a group fares beside all others.

    Attributes:
        group: the value of the attribute.
        metric: such as ``ndcg@10``.
        value: of the group; ``low`` and ``high``: its 95 % interval.
        gap: the group's metric minus that of all others; ``gap_low`` and ``gap_high``: its 95 %
            interval.
        p_adjusted: of no gap, corrected for all gaps computed together (Holm); None: one user.
        real: whether ``p_adjusted`` is below 0.05.
        queries: of the group; ``users``: who asked them.
    """

    group: str
    metric: str
    value: float
    low: float | None
    high: float | None
    gap: float
    gap_low: float | None
    gap_high: float | None
    p_adjusted: float | None
    real: bool
    queries: int
    users: int

    def sentence(self, model: str) -> str:
        """In words."""
        what = f"{model}, {self.group}: {self.metric} {self.value:.4f}"
        if self.gap_low is None:
            return f"{what}; one user cannot show a gap."
        interval = f"95 % interval {self.gap_low:+.4f} to {self.gap_high:+.4f}"
        way = "above" if self.gap > 0 else "below"
        shown = (
            f"{abs(self.gap):.4f} {way} the others ({interval})"
            if self.real
            else f"no gap to the others that {self.users:,} users can show ({interval})"
        )
        few = f" {self.users} users are too few to rely on this." if self.users < FEW_USERS else ""
        return f"{what}, {shown}.{few}"


def groups(by: str, ranked: RankedQueries, dataset: Dataset, part: Part) -> list[Group]:
    """The groups of an attribute, the largest one first.

    Args:
        by: ``user.NAME`` or ``item.NAME``: a feature of the users or items, an attribute of the
            items, or one that every log has: ``user.activity`` and ``item.popularity`` (cold, warm,
            hot, as :mod:`recsys.evaluation.slices` has them), ``user.history`` (how many events
            precede the query) and ``item.age`` (days since the item's first fitted event).
            Numbers are cut at the quartiles of the held-out items; one that a feature lacks is the
            mean, as models read it.
        ranked: what was asked.
        dataset: where attributes are.
        part: the last part that the scorer was fitted on.

    Raises:
        InputError: there is no such attribute, or it does not group (text, pictures).
    """
    side, _, name = by.partition(".")
    there = _names(dataset)
    if by not in there:
        raise InputError(
            f"nothing is called {by!r} here: groups are made by one of {', '.join(there)}. "
            "Columns of the side tables are there if they are features (`data.users.features`, "
            "`data.items.features`) or attributes of items (`data.items.attributes`)"
        )
    found = list(_groups(side, name, ranked, dataset, part))
    return _large(found, ranked)


def gaps(found: Sequence[Group], ranked: RankedQueries, metrics: Sequence[str]) -> list[Gap]:
    """How each group fares beside all others; p-values are corrected for all of them together.

    Args:
        found: groups; one that holds everything has no gap, and is left out.
        ranked: the ranking that they are of.
        metrics: such as ``["ndcg@10"]``.

    Raises:
        InputError: an unknown metric, or there is no group but one of everything.
    """
    found = [group for group in found if not group.keep.all()]
    if not found:
        raise InputError("all held-out items are in one group: there is nothing to compare it with")
    raw = [_gap(group, ranked, metric) for metric in metrics for group in found]
    adjusted = iter(holm([p_value for _, p_value in raw if p_value is not None]))
    return [
        _adjusted(gap, None if p_value is None else float(next(adjusted))) for gap, p_value in raw
    ]


def _adjusted(gap: Gap, p_value: float | None) -> Gap:
    return replace(gap, p_adjusted=p_value, real=p_value is not None and p_value < LEVEL)


def _gap(group: Group, ranked: RankedQueries, metric: str) -> tuple[Gap, float | None]:
    """A gap, and its p-value on its own."""
    ours, rest = with_targets(ranked, group.keep), with_targets(ranked, ~group.keep)
    users = np.unique(ranked.queries.users)
    value, part, counts = _linearised(ours, metric, users)
    other, other_part, _ = _linearised(rest, metric, users)
    difference = value - other
    asked = int(np.count_nonzero(counts))
    low, high, _ = _interval(value, part, asked)
    gap_low, gap_high, p_value = _interval(difference, part - other_part, len(users))
    if asked < 2:
        gap_low = gap_high = p_value = None
    gap = Gap(
        group.name, metric, value, low, high, difference, gap_low, gap_high, None, False,
        len(ours.queries), asked,
    )  # fmt: skip
    return gap, p_value


def _linearised(
    ranked: RankedQueries, metric: str, users: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """A mean over queries; by user what the user adds to its error, and the queries."""
    values = ranking_metrics(ranked, [parse_metric(metric)[1]])[metric]
    places = np.searchsorted(users, ranked.queries.users)
    counts = np.bincount(places, minlength=len(users))
    sums = np.bincount(places, weights=values, minlength=len(users))
    mean = float(values.mean())
    return mean, (sums - mean * counts) / len(values), counts


def _interval(
    value: float, parts: np.ndarray, clusters: int
) -> tuple[float | None, float | None, float | None]:
    """The ends of a 95 % interval, and the p-value of zero."""
    if clusters < 2:
        return None, None, None
    error = float(np.sqrt(clusters / (clusters - 1) * (parts**2).sum()))
    if error == 0.0:
        return value, value, float(value == 0.0)
    reach = error * float(stats.t.ppf(1 - LEVEL / 2, clusters - 1))
    return value - reach, value + reach, 2 * float(stats.t.sf(abs(value) / error, clusters - 1))


def _names(dataset: Dataset) -> list[str]:
    """What groups can be made by."""
    manifest = dataset.manifest
    features = [("user", each) for each in manifest.user_features]
    features += [("item", each) for each in manifest.item_features]
    found = [f"{side}.{each.name}" for side, each in features if each.kind in GROUPING]
    found += [f"item.{name}" for name in _attributes(dataset)]
    always = ["user.activity", "user.history", "item.popularity"]
    return list(dict.fromkeys([*found, *always, *(["item.age"] if manifest.has_time else [])]))


def _groups(
    side: str, name: str, ranked: RankedQueries, dataset: Dataset, part: Part
) -> Iterator[Group]:
    queries = ranked.queries
    users, items = queries.users[queries.target_queries], queries.target_items
    rows = users if side == "user" else items
    own: Side = "user" if side == "user" else "item"
    features = {each.name: each for each in _features(dataset, own)}
    if name in features:
        yield from _of_feature(dataset, own, features[name], rows)
    elif own == "item" and name in _attributes(dataset):
        yield from _of_attribute(dataset.attribute(name), rows)
    elif name == "history":
        lengths = queries.history_ends - dataset.user_offsets[queries.users]
        yield from _quarters(lengths[queries.target_queries], "events")
    elif name == "age":
        yield from _quarters(_ages(ranked, dataset, part), "days")
    else:
        activity = user_activity if own == "user" else item_activity
        found = temperatures(activity(dataset, part))[rows]
        yield from (Group(each, found == code) for code, each in enumerate(TEMPERATURES))


def _attributes(dataset: Dataset) -> list[str]:
    file = dataset.path / ATTRIBUTES
    return pq.read_schema(file).names if ATTRIBUTES in dataset.manifest.files else []


def _features(dataset: Dataset, side: Side) -> Iterable[Feature]:
    manifest = dataset.manifest
    return manifest.user_features if side == "user" else manifest.item_features


def _of_feature(
    dataset: Dataset, side: Side, feature: Feature, rows: np.ndarray
) -> Iterator[Group]:
    from recsys.data.prepare.features.encode import decode_feature

    given = np.asarray(dataset.feature(side, feature.name))
    values = decode_feature(dataset, side, feature, given)
    if feature.kind == "numeric":
        yield from _quarters(values[rows].astype(float), "")
        return
    matrix = values.reshape(len(values), -1)
    owners, places = np.nonzero(matrix != "")
    yield from _of_words(owners, matrix[owners, places], len(values), rows)


def _of_attribute(column: pa.ChunkedArray, rows: np.ndarray) -> Iterator[Group]:
    if pa.types.is_floating(column.type):
        yield from _quarters(column.to_numpy()[rows].astype(float), "")
        return
    lists = column.combine_chunks()
    owners = np.repeat(np.arange(len(lists)), lists.value_lengths().fill_null(0).to_numpy())
    words = np.array(lists.flatten().to_pylist(), object)
    yield from _of_words(owners, words, len(lists), rows)


def _of_words(
    owners: np.ndarray, words: np.ndarray, size: int, rows: np.ndarray
) -> Iterator[Group]:
    """Groups by the values of users or items: the most frequent among the held-out items.

    Args:
        owners: int [values], whose each is.
        words: object [values].
        size: how many users or items there are.
        rows: int [targets], whose each target is.
    """
    targets = np.bincount(rows, minlength=size)
    has_one = np.zeros(size, bool)
    has_one[owners] = True
    yield Group(MISSING, ~has_one[rows])
    found, codes = np.unique(words.astype(str), return_inverse=True)
    asked = np.bincount(codes, weights=targets[owners], minlength=len(found))
    # The others are one group: an attribute may have a value for each item.
    for code in np.argsort(-asked, kind="stable")[:MOST]:
        has = np.zeros(size, bool)
        has[owners[codes == code]] = True
        yield Group(str(found[code]), has[rows])


def _quarters(values: np.ndarray, unit: str) -> Iterator[Group]:
    """Numbers of held-out items, cut at their quartiles; equal numbers stay together."""
    known = ~np.isnan(values)
    yield Group(MISSING, ~known)
    if not known.any():
        return
    ends = np.unique(np.quantile(values[known], np.linspace(0, 1, QUARTERS + 1)[1:]))
    begin = -np.inf
    for end in ends:
        keep = known & (values > begin) & (values <= end)
        if keep.any():
            inside = values[keep]
            yield Group(f"{inside.min():.6g} to {inside.max():.6g} {unit}".strip(), keep)
        begin = end


def _ages(ranked: RankedQueries, dataset: Dataset, part: Part) -> np.ndarray:
    """Days from an item's first fitted event to each held-out one; NaN: it has none."""
    ends = dataset.part_range(part)[1]
    places = np.arange(dataset.events)
    owners = np.searchsorted(dataset.user_offsets, places, side="right") - 1
    fitted = places < ends[owners]
    times = np.asarray(dataset.event_times).astype(np.int64)
    first = np.full(dataset.items, np.iinfo(np.int64).max)
    np.minimum.at(first, np.asarray(dataset.event_items)[fitted], times[fitted])
    queries = ranked.queries
    begun = first[queries.target_items]
    passed = (times[queries.target_events] - begun) / DAY
    return np.where(begun == np.iinfo(np.int64).max, np.nan, np.maximum(passed, 0))


def _large(found: list[Group], ranked: RankedQueries) -> list[Group]:
    """The groups of enough users, the largest first; the others' held-out items are one group."""
    users = ranked.queries.users[ranked.queries.target_queries]
    found = [group for group in found if group.keep.any()]
    found.sort(key=lambda group: -int(group.keep.sum()))
    few = [len(np.unique(users[group.keep])) < FEWEST_USERS for group in found]
    kept = [group for group, is_few in zip(found, few, strict=True) if not is_few][:MOST]
    others = np.ones(len(users), bool)
    for group in kept:
        others &= ~group.keep
    return [*kept, *([Group(OTHERS, others)] if others.any() else [])]
