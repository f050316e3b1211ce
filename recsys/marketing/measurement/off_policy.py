"""What a policy would have earned, from a log of another policy's actions and their chances.

A policy says how likely each action is (a message, an offer, an item) for whom. A log says what
was done, how likely it was then (the propensity, above 0 and written down at the time), and what
came of it. Every row is weighted by how much likelier the new policy does the same.

All standard errors take rows to be independent of each other: one row per user, or users drawn
anew. ``mean_weight`` is 1 in expectation; far below, the new policy chooses what was never
logged (its rewards are counted as 0 by :func:`ips`), or the propensities are not those that the
actions were drawn with.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.preprocessing import scale

from recsys.errors import InputError

LEAST_EFFECTIVE = 10
Numbers = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class PolicyValue:
    """The mean reward of an action, had the new policy chosen.

    Attributes:
        value: estimate, in the unit of a reward.
        standard_error: of the estimate.
        low: of the 95 % interval (normal).
        high: of the 95 % interval.
        effective_rows: Kish's effective sample size, the square of the sum of the weights by
            the sum of their squares: rows of the new policy's own that would say as much.
        largest_weight: of a row, after clipping.
        mean_weight: of all rows, after clipping.
        clipped: rows whose weight was cut. If there are any, the estimate is biased, and its
            interval is one of the biased value.
    """

    value: float
    standard_error: float
    low: float
    high: float
    effective_rows: float
    largest_weight: float
    mean_weight: float
    clipped: int


def ips(
    reward: Numbers, propensity: Numbers, probability: Numbers, clip: float | None = None
) -> PolicyValue:
    """Inverse propensity scoring: the mean of weight times reward, unbiased, of high variance.

    Horvitz and Thompson 1952, "A generalization of sampling without replacement from a finite
    universe".

    Args:
        reward: float [n], of the logged action.
        propensity: float [n], of the logged action under the policy that logged it.
        probability: float [n], of the logged action under the new policy.
        clip: cut weights to this, at least 1; less variance for a bias (Ionides 2008,
            "Truncated importance sampling").

    Raises:
        InputError: lengths differ, a number is not finite, a propensity is not above 0 and at
            most 1, a probability is not from 0 to 1, or the log says too little about the new
            policy (fewer than 10 effective rows).
    """
    rewards, weights, clipped = _weighed(reward, propensity, probability, clip)
    return _mean(weights * rewards, weights, clipped)


def snips(
    reward: Numbers, propensity: Numbers, probability: Numbers, clip: float | None = None
) -> PolicyValue:
    """Self-normalised inverse propensity scoring: the weighted mean of the rewards.

    A bias of order 1/n for less variance, and an estimate within the range of the rewards.
    Swaminathan and Joachims 2015, "The self-normalized estimator for counterfactual learning"; the
    standard error by the delta method (Owen 2013, "Monte Carlo theory, methods and examples",
    section 9.2).

    Args:
        reward: float [n], of the logged action.
        propensity: float [n], of the logged action under the policy that logged it.
        probability: float [n], of the logged action under the new policy.
        clip: cut weights to this, at least 1, for a bias.

    Raises:
        InputError: as :func:`ips`.
    """
    rewards, weights, clipped = _weighed(reward, propensity, probability, clip)
    value = weights @ rewards / weights.sum()
    error = np.sqrt(np.square(weights * (rewards - value)).sum()) / weights.sum()
    return _value(value, error, weights, clipped)


def doubly_robust(
    reward: Numbers,
    propensity: Numbers,
    probability: Numbers,
    predicted: Numbers,
    expected: Numbers,
    clip: float | None = None,
) -> PolicyValue:
    """What a model expects of the new policy, corrected by its weighted errors on the log.

    Right where either the propensities or the model is right; the better the model, the less
    variance. Dudík, Langford and Li 2011, "Doubly robust policy evaluation and learning".
    The interval is honest only if no row's reward taught the model that predicts it:
    see :func:`cross_fitted_rewards`.

    Args:
        reward: float [n], of the logged action.
        propensity: float [n], of the logged action under the policy that logged it.
        probability: float [n], of the logged action under the new policy.
        predicted: float [n], the model's reward of the logged action.
        expected: float [n], the model's mean reward over the new policy's actions.
        clip: cut weights to this, at least 1; a bias as far as the model is wrong.

    Raises:
        InputError: as :func:`ips`.
    """
    rewards, weights, clipped = _weighed(reward, propensity, probability, clip)
    guesses = _numbers("predicted rewards", predicted, len(rewards))
    means = _numbers("expected rewards", expected, len(rewards))
    return _mean(means + weights * (rewards - guesses), weights, clipped)


def cross_fitted_rewards(
    contexts: np.ndarray,
    actions: np.ndarray,
    rewards: np.ndarray,
    new_policy: np.ndarray,
    seed: int,
    folds: int = 5,
) -> tuple[np.ndarray, np.ndarray]:
    """The two rewards that :func:`doubly_robust` needs, each row's from a model of other rows.

    The model is a ridge regression per action on the scaled contexts; of an action that the
    other rows do not hold, their mean reward. Cross-fitting: Chernozhukov et al. 2018,
    "Double/debiased machine learning".

    Args:
        contexts: float [n, features], what was known before acting.
        actions: int [n], what was done: a column of ``new_policy``.
        rewards: float [n].
        new_policy: float [n, actions], how likely the new policy takes each action.
        seed: of the folds.
        folds: parts that the rows are divided into at random, at least 2.

    Returns:
        ``predicted`` and ``expected``, float [n] each.

    Raises:
        InputError: shapes differ, a number is not finite, an action has no column, the new
            policy's rows do not sum to 1, or there are fewer rows than folds.
    """
    gains = _numbers("rewards", rewards)
    known, policy = _table("contexts", contexts, gains), _table("new policy", new_policy, gains)
    taken = _numbers("actions", actions, len(gains))
    if not np.isin(taken, np.arange(policy.shape[1])).all():
        raise InputError(f"actions must be whole numbers from 0 to {policy.shape[1] - 1}")
    if (policy < 0).any() or not np.allclose(policy.sum(axis=1), 1, atol=1e-6):
        raise InputError("each row of the new policy must hold probabilities that sum to 1")
    if not 2 <= folds <= len(gains):
        raise InputError(f"folds must be from 2 to the number of rows, {len(gains):,}; not {folds}")
    known = scale(known)  # by all rows: that tells no row's reward
    guesses = np.empty_like(policy)
    for train, test in KFold(folds, shuffle=True, random_state=seed).split(known):
        for action in range(policy.shape[1]):
            rows = train[taken[train] == action]
            if len(rows):
                model = Ridge().fit(known[rows], gains[rows])
                guesses[test, action] = model.predict(known[test])
            else:
                guesses[test, action] = gains[train].mean()
    return guesses[np.arange(len(gains)), taken.astype(int)], (policy * guesses).sum(axis=1)


def _mean(terms: np.ndarray, weights: np.ndarray, clipped: int) -> PolicyValue:
    return _value(terms.mean(), terms.std(ddof=1) / np.sqrt(len(terms)), weights, clipped)


def _value(value: float, error: float, weights: np.ndarray, clipped: int) -> PolicyValue:
    reach = norm.ppf(0.975) * error
    return PolicyValue(
        value=float(value),
        standard_error=float(error),
        low=float(value - reach),
        high=float(value + reach),
        effective_rows=_effective(weights),
        largest_weight=float(weights.max()),
        mean_weight=float(weights.mean()),
        clipped=clipped,
    )


def _weighed(
    reward: Numbers, propensity: Numbers, probability: Numbers, clip: float | None
) -> tuple[np.ndarray, np.ndarray, int]:
    """Rewards, weights, and how many of the weights were cut."""
    rewards = _numbers("rewards", reward)
    before = _numbers("propensities", propensity, len(rewards))
    after = _numbers("probabilities", probability, len(rewards))
    if not ((before > 0) & (before <= 1)).all():
        raise InputError(
            "propensities must be above 0 and at most 1: what was done had a chance; leave out "
            "rows whose action the logging policy did not draw"
        )
    if not ((after >= 0) & (after <= 1)).all():
        raise InputError("probabilities under the new policy must be from 0 to 1")
    if clip is not None and not clip >= 1:
        raise InputError(f"clip must be at least 1, the mean of the weights; not {clip}")
    with np.errstate(over="ignore"):
        weights = after / before
    clipped = 0 if clip is None else int((weights > clip).sum())
    weights = weights if clip is None else np.minimum(weights, clip)
    if _effective(weights) < LEAST_EFFECTIVE:
        raise InputError(
            f"the log's {len(weights):,} rows say as much about the new policy as "
            f"{_effective(weights):.1f} of its own would, too little for an interval: it chooses "
            "what was hardly ever logged; log more, or a policy closer to it"
        )
    return rewards, weights, clipped


def _effective(weights: np.ndarray) -> float:
    largest = weights.max(initial=0.0)
    if largest == 0 or np.isinf(largest):
        return 0.0
    shares = weights / largest
    return float(shares.sum() ** 2 / np.square(shares).sum())


def _numbers(name: str, values: Numbers, length: int | None = None) -> np.ndarray:
    found = _finite(name, values)
    if found.ndim != 1:
        raise InputError(f"{name} must be one number a row, not of shape {found.shape}")
    if length is not None and len(found) != length:
        raise InputError(f"{len(found):,} {name} for {length:,} rewards; give one of each a row")
    return found


def _table(name: str, values: np.ndarray, rewards: np.ndarray) -> np.ndarray:
    found = _finite(name, values)
    if found.ndim != 2 or len(found) != len(rewards):
        raise InputError(
            f"{name} must be a table of {len(rewards):,} rows, one per reward; its shape is "
            f"{found.shape}"
        )
    return found


def _finite(name: str, values: Numbers) -> np.ndarray:
    try:
        found = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be numbers: {error}") from error
    if not np.isfinite(found).all():
        raise InputError(f"{name} must be finite; some are missing or infinite")
    return found
