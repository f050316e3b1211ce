"""How good predictions of users are, with intervals over users."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats
from sklearn import metrics
from sklearn.calibration import calibration_curve

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


def calibration(happened: np.ndarray, predicted: np.ndarray) -> dict[str, list[float]]:
    """What was predicted and what happened, of ten groups of users with like predictions.

    Args:
        happened: bool [users].
        predicted: float [users], probabilities.

    Returns:
        ``predicted`` and ``happened``: the means of each group, lowest first.
    """
    found, said = calibration_curve(happened, predicted, n_bins=10, strategy="quantile")
    return {"predicted": said.tolist(), "happened": found.tolist()}


PROBABILITIES: dict[str, Score] = {
    "auc": lambda happened, predicted: float(metrics.roc_auc_score(happened, predicted)),
    "average_precision": lambda happened, predicted: float(
        metrics.average_precision_score(happened, predicted)
    ),
    "brier": lambda happened, predicted: float(metrics.brier_score_loss(happened, predicted)),
    "lift@10%": lift,
}
AMOUNTS: dict[str, Score] = {
    "mae": lambda spent, predicted: float(metrics.mean_absolute_error(spent, predicted)),
    "rmse": lambda spent, predicted: float(metrics.root_mean_squared_error(spent, predicted)),
    "rank_correlation": lambda spent, predicted: _rank_correlation(spent, predicted),
}
CLASSES: dict[str, Score] = {
    "log_loss": lambda found, predicted: float(
        metrics.log_loss(found, _proper(predicted), labels=range(predicted.shape[1]))
    ),
    "accuracy": lambda found, predicted: float((found == predicted.argmax(axis=1)).mean()),
    "macro_f1": lambda found, predicted: float(
        metrics.f1_score(found, predicted.argmax(axis=1), average="macro", zero_division=0)
    ),
}
# Of these less is better.
ERRORS = frozenset({"brier", "mae", "rmse", "log_loss"})


def _rank_correlation(spent: np.ndarray, predicted: np.ndarray) -> float:
    """Spearman's; 0 of equal predictions, which order nobody."""
    if np.ptp(spent) == 0 or np.ptp(predicted) == 0:
        return 0.0
    return float(stats.spearmanr(spent, predicted)[0])


def _proper(probabilities: np.ndarray) -> np.ndarray:
    """Rows that sum to 1 and hold no 0, which would cost infinitely much."""
    above = np.clip(probabilities, 1e-6, None)
    return above / above.sum(axis=1, keepdims=True)


def score(
    truth: np.ndarray,
    predicted: np.ndarray,
    scores: dict[str, Score],
    seed: int = 0,
    users: np.ndarray | None = None,
) -> dict[str, dict[str, float]]:
    """Each metric with a 95 % interval, bootstrapped over users (percentiles).

    Args:
        truth: [users], what happened.
        predicted: float [users], or [users, classes].
        scores: :data:`PROBABILITIES`, :data:`AMOUNTS` or :data:`CLASSES`.
        seed: of the resampling.
        users: whose row each is, who are drawn with all of their rows; by default each row is of
            another.
    """
    return {
        name: _with_interval(metric, (truth, predicted), seed, users)
        for name, metric in scores.items()
    }


def difference(
    truth: np.ndarray,
    predicted: np.ndarray,
    rule: np.ndarray,
    metric: Score,
    seed: int = 0,
    users: np.ndarray | None = None,
) -> dict[str, float]:
    """How much a metric of two predictions differs (first minus second), with a 95 % interval."""

    def paired(truth: np.ndarray, one: np.ndarray, other: np.ndarray) -> float:
        return metric(truth, one) - metric(truth, other)

    return _with_interval(paired, (truth, predicted, rule), seed, users)


def _with_interval(
    statistic: Callable[..., float],
    given: tuple[np.ndarray, ...],
    seed: int,
    users: np.ndarray | None,
) -> dict[str, float]:
    rows = np.arange(len(given[0]))
    owners = rows if users is None else pd.factorize(users)[0]
    order, sizes = np.argsort(owners, kind="stable"), np.bincount(owners)
    ends = np.cumsum(sizes)

    def resampled(drawn: np.ndarray) -> float:
        # The rows of the users drawn, one after the other.
        counts = sizes[drawn]
        starts = np.repeat(ends[drawn] - np.cumsum(counts), counts)
        taken = order[starts + np.arange(counts.sum())]
        return statistic(*(each[taken] for each in given))

    interval = stats.bootstrap(
        (np.arange(len(sizes)),),
        resampled,
        vectorized=False,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return {
        "value": statistic(*given),
        "low": float(interval.low),
        "high": float(interval.high),
    }
