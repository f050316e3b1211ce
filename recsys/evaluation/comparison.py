"""Which differences between two rankings of the same queries are real."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import stats

from recsys.errors import InputError
from recsys.evaluation.confidence import FEW_USERS, user_sums
from recsys.evaluation.holm import holm
from recsys.evaluation.metrics import Ratio, parse_metric, ranking_metrics
from recsys.evaluation.ranking import RankedQueries
from recsys.evaluation.slices import with_targets
from recsys.system.display import counted

LEVEL = 0.05


@dataclass(frozen=True)
class Comparison:
    """The paired difference of one metric between two scorers.

    Attributes:
        model: the scorer that is compared.
        other: the scorer it is compared with.
        metric: such as ``ndcg@10``.
        difference: the model's metric minus the other's.
        low: lower end of the difference's 95 % interval; None with one user.
        high: upper end, likewise.
        p_value: of no difference, two-sided, on its own; None with one user.
        p_adjusted: the same, corrected for all comparisons made together.
        real: whether ``p_adjusted`` is below 0.05.
        queries: how many were compared.
        users: how many users asked them.
        sentence: the verdict in words.
    """

    model: str
    other: str
    metric: str
    difference: float
    low: float | None
    high: float | None
    p_value: float | None
    p_adjusted: float | None
    real: bool
    queries: int
    users: int
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """As written to ``metrics.json``."""
        return asdict(self)


@dataclass(frozen=True)
class Contender:
    """A scorer's name and how it ranked the queries.

    Attributes:
        name: for the verdict.
        ranked: what it answered.
        further: what its other seeds answered to the same queries. The metric of a query is the
            mean over all seeds then.
    """

    name: str
    ranked: RankedQueries
    further: Sequence[RankedQueries] = ()

    @property
    def seeds(self) -> list[RankedQueries]:
        """The rankings of all its seeds."""
        return [self.ranked, *self.further]

    def values(self, metric: str) -> np.ndarray:
        """A metric of each query, float64 [queries]."""
        cut = [parse_metric(metric)[1]]
        return np.mean([ranking_metrics(each, cut)[metric] for each in self.seeds], axis=0)

    def within(self, keep: np.ndarray) -> "Contender":
        """The same, of some targets (bool [targets])."""
        one, *further = (with_targets(each, keep) for each in self.seeds)
        return Contender(self.name, one, further)


def compare(
    pairs: Iterable[tuple[Contender, Contender]], metrics: Sequence[str]
) -> list[Comparison]:
    """Compares scorers pairwise, all as one family of tests.

    Each difference is a mean over queries, clustered by user: the linearised
    variance of a ratio of sums over users, with Student's t at one degree of
    freedom less than there are users. P-values are corrected by Holm (1979)
    over everything passed in one call, so that the chance of calling any of
    these differences real by luck stays below 5 %.

    Args:
        pairs: (model, compared with); both over identical queries.
        metrics: such as ``["ndcg@10"]``.

    Raises:
        InputError: an unknown metric, or two scorers that answered different queries.
    """
    found = []
    for model, other in pairs:
        check_same_queries(model, other)
        for metric in metrics:
            paired = model.values(metric) - other.values(metric)
            difference = clustered_mean(paired, model.ranked.queries.users)
            found.append((model, other, metric, difference))
    adjusted = iter(holm([each.p_value for *_, each in found if each.p_value is not None]))
    return [
        _compared(*each, p_adjusted=None if each[-1].p_value is None else float(next(adjusted)))
        for each in found
    ]


def check_same_queries(model: Contender, other: Contender) -> None:
    """Refuses two scorers that answered different queries.

    Raises:
        InputError: they did.
    """
    ours = model.ranked.queries
    for ranked in (*model.further, *other.seeds):
        for name in ("users", "history_ends", "target_offsets", "target_items"):
            if not np.array_equal(getattr(ours, name), getattr(ranked.queries, name)):
                raise InputError(
                    f"{model.name} and {other.name} cannot be compared: they were evaluated on "
                    f"different queries ({name} differ). Evaluate both on the same dataset, the "
                    "same part and the same `seen`."
                )


@dataclass(frozen=True)
class ClusteredMean:
    """A mean over queries with its cluster-robust 95 % interval and p-value of zero."""

    mean: float
    low: float | None
    high: float | None
    p_value: float | None
    queries: int
    users: int


def clustered_mean(values: np.ndarray, users: np.ndarray) -> ClusteredMean:
    """Tests whether a mean over queries is zero, users being independent of each other.

    The mean is sum(values) / number of queries, both summed by user; its
    variance is U / (U - 1) · sum over users of (sum of values - mean · number
    of queries)² / queries² (Cochran, 1977, section 6.3).

    Args:
        values: float [queries].
        users: int [queries].
    """
    sums, counts = (terms[:, 0] for terms in user_sums([Ratio.mean(values)], users))
    mean, clusters, queries = float(values.mean()), len(sums), len(values)
    if clusters < 2:
        return ClusteredMean(mean, None, None, None, queries, clusters)
    residuals = sums - mean * counts
    error = float(np.sqrt(clusters / (clusters - 1) * (residuals**2).sum()) / queries)
    if error == 0.0:
        return ClusteredMean(mean, mean, mean, float(mean == 0.0), queries, clusters)
    reach = error * float(stats.t.ppf(1 - LEVEL / 2, clusters - 1))
    p_value = 2 * float(stats.t.sf(abs(mean) / error, clusters - 1))
    return ClusteredMean(mean, mean - reach, mean + reach, p_value, queries, clusters)


def _compared(
    model: Contender,
    other: Contender,
    metric: str,
    difference: ClusteredMean,
    p_adjusted: float | None,
) -> Comparison:
    real = p_adjusted is not None and p_adjusted < LEVEL
    sentence = _sentence(model.name, other.name, metric, difference, real)
    if (seeds := [len(each.seeds) for each in (model, other)]) != [1, 1]:
        sentence += f" Means over {' and '.join(counted(each, 'seed') for each in seeds)}."
    return Comparison(
        model=model.name,
        other=other.name,
        metric=metric,
        difference=difference.mean,
        low=difference.low,
        high=difference.high,
        p_value=difference.p_value,
        p_adjusted=p_adjusted,
        real=real,
        queries=difference.queries,
        users=difference.users,
        sentence=sentence,
    )


def _sentence(model: str, other: str, metric: str, difference: ClusteredMean, real: bool) -> str:
    """The verdict in words, such as "lstm is better than popular by 0.031 ndcg@10 …"."""
    if difference.low is None or difference.high is None:
        return f"{model} and {other}: one user cannot show a difference in {metric}."
    interval = f"95 % interval {difference.low:.4f} to {difference.high:.4f}"
    if real:
        direction = "better" if difference.mean > 0 else "worse"
        sentence = (
            f"{model} is {direction} than {other} by {abs(difference.mean):.4f} {metric} "
            f"({interval} of the difference)."
        )
    else:
        users = counted(difference.users, "user")
        sentence = (
            f"{model} and {other}: no difference in {metric} that {users} can show "
            f"({difference.mean:+.4f}, {interval})."
        )
        if not difference.low <= 0 <= difference.high:
            sentence += " By itself it would be one; not among all that are compared here (Holm)."
    if difference.users < FEW_USERS:
        sentence += f" {difference.users} users are too few to rely on this."
    return sentence
