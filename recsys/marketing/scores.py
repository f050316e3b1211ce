"""How good predictions of users are, with intervals over users."""

from collections.abc import Callable

import numpy as np
from scipy import stats
from sklearn import metrics

RESAMPLES = 500
Score = Callable[[np.ndarray, np.ndarray], float]


def lift(happened: np.ndarray, predicted: np.ndarray, share: float = 0.1) -> float:
    """How much likelier what happened is among the highest predictions than among all.

    Ties at the cut count by their share of it, so that the order of rows says nothing.

    Args:
        happened: bool [users].
        predicted: float [users].
        share: of the users who are the highest.
    """
    wanted = max(1, round(share * len(predicted)))
    cut = np.partition(predicted, -wanted)[-wanted]
    above, at = predicted > cut, predicted == cut
    hits = happened[above].sum() + happened[at].mean() * (wanted - above.sum())
    return float(hits / wanted / happened.mean())


def gains(happened: np.ndarray, predicted: np.ndarray, points: int = 101) -> np.ndarray:
    """float [points]: the share of what happens that is found among the highest 0 to 100 %."""
    order = np.argsort(-predicted, kind="stable")
    found = np.concatenate(([0.0], np.cumsum(happened[order]) / max(happened.sum(), 1)))
    places = np.linspace(0, len(predicted), points)
    return np.interp(places, np.arange(len(predicted) + 1), found)


CLASSIFICATION: dict[str, Score] = {
    "auc": lambda happened, predicted: float(metrics.roc_auc_score(happened, predicted)),
    "average_precision": lambda happened, predicted: float(
        metrics.average_precision_score(happened, predicted)
    ),
    "brier": lambda happened, predicted: float(metrics.brier_score_loss(happened, predicted)),
    "lift@10%": lift,
}
REGRESSION: dict[str, Score] = {
    "mae": lambda spent, predicted: float(metrics.mean_absolute_error(spent, predicted)),
    "rmse": lambda spent, predicted: float(metrics.root_mean_squared_error(spent, predicted)),
    "rank_correlation": lambda spent, predicted: float(stats.spearmanr(spent, predicted)[0]),
}
# Of these less is better.
ERRORS = frozenset({"brier", "mae", "rmse"})


def score(
    truth: np.ndarray, predicted: np.ndarray, scores: dict[str, Score], seed: int = 0
) -> dict[str, dict[str, float]]:
    """Each metric with a 95 % interval, bootstrapped over users (percentiles).

    Args:
        truth: [users], what happened.
        predicted: float [users].
        scores: :data:`CLASSIFICATION` or :data:`REGRESSION`.
        seed: of the resampling.
    """
    return {
        name: _with_interval(metric, (truth, predicted), seed) for name, metric in scores.items()
    }


def difference(
    truth: np.ndarray, predicted: np.ndarray, rule: np.ndarray, metric: Score, seed: int = 0
) -> dict[str, float]:
    """How much a metric of two predictions differs (first minus second), with a 95 % interval."""

    def paired(truth: np.ndarray, one: np.ndarray, other: np.ndarray) -> float:
        return metric(truth, one) - metric(truth, other)

    return _with_interval(paired, (truth, predicted, rule), seed)


def _with_interval(
    statistic: Callable[..., float], users: tuple[np.ndarray, ...], seed: int
) -> dict[str, float]:
    interval = stats.bootstrap(
        users,
        statistic,
        paired=True,
        vectorized=False,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return {
        "value": statistic(*users),
        "low": float(interval.low),
        "high": float(interval.high),
    }
