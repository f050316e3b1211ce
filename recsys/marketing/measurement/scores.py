"""How good predictions of users are, with intervals over users."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn import metrics
from sklearn.calibration import calibration_curve

RESAMPLES = 500
Score = Callable[[np.ndarray, np.ndarray], float]
# ``value``, ``low`` and ``high``.
Interval = dict[str, Any]


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
POWER = 1.5  # between Poisson's 1 and Gamma's 2: many zeros, and a long tail


def deviance(spent: np.ndarray, predicted: np.ndarray) -> float:
    """Tweedie's mean deviance of power 1.5, in the root of the amounts' unit.

    Like a squared error it is smallest for the mean, but an error of a small expectation weighs
    more than one of a large expectation (Jorgensen, "Exponential Dispersion Models", 1987).
    Infinite where nothing was expected of somebody who spent, as of a density of 0.

    Args:
        spent: float [users], not negative.
        predicted: float [users], not negative.
    """
    expected = predicted > 0
    if spent[~expected].any():
        return float("inf")
    if not expected.any():
        return 0.0
    found = metrics.mean_tweedie_deviance(spent[expected], predicted[expected], power=POWER)
    return float(found * expected.mean())


def total(spent: np.ndarray, predicted: np.ndarray) -> float:
    """The sum of what was predicted over the sum of what happened; infinite if nothing did."""
    happened = spent.sum()
    return float(predicted.sum() / happened) if happened else float("inf")


SIGNED_AMOUNTS: dict[str, Score] = {
    "rmse": lambda spent, predicted: float(metrics.root_mean_squared_error(spent, predicted)),
    "mae": lambda spent, predicted: float(metrics.mean_absolute_error(spent, predicted)),
    "rank_correlation": lambda spent, predicted: _rank_correlation(spent, predicted),
    "bias": lambda spent, predicted: float(predicted.mean() - spent.mean()),
}
AMOUNTS: dict[str, Score] = {
    "deviance": deviance,
    **{name: SIGNED_AMOUNTS[name] for name in ("rmse", "mae", "rank_correlation")},
    "total": total,
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
ERRORS = frozenset({"brier", "deviance", "mae", "rmse", "log_loss"})
# Of these one value is right: 1, or 0.
TOTALS = ("total", "bias")


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
) -> dict[str, Interval]:
    """Each metric with a 95 % interval, bootstrapped over users (percentiles).

    None stands for what is infinite.

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
) -> Interval:
    """How much a metric of two predictions differs (first minus second), with a 95 % interval.

    None stands for what is infinite.
    """

    def paired(truth: np.ndarray, one: np.ndarray, other: np.ndarray) -> float:
        return metric(truth, one) - metric(truth, other)

    return _with_interval(paired, (truth, predicted, rule), seed, users)


def _with_interval(
    statistic: Callable[..., float],
    given: tuple[np.ndarray, ...],
    seed: int,
    users: np.ndarray | None,
) -> Interval:
    value = statistic(*given)
    if not np.isfinite(value):
        return {"value": None, "low": None, "high": None}
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
    low, high = float(interval.low), float(interval.high)
    if not np.isfinite([low, high]).all():
        return {"value": value, "low": None, "high": None}
    return {"value": value, "low": low, "high": high}
