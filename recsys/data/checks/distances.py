"""How far two distributions are from one another, as TensorFlow Data Validation measures it."""

import numpy as np
import pandas as pd
from scipy.spatial.distance import jensenshannon

BINS = 20


def l_infinity(current: pd.Series, reference: pd.Series) -> tuple[float, str]:
    """The most by which the share of one value differs, and which value that is.

    Args:
        current: how often there is each value, by value.
        reference: likewise.

    >>> l_infinity(pd.Series({"a": 3, "b": 1}), pd.Series({"a": 1, "c": 1}))
    (0.5, 'c')
    """
    shares = [counts / max(counts.sum(), 1) for counts in (current, reference)]
    difference = shares[0].sub(shares[1], fill_value=0).abs()
    if difference.empty:
        return 0.0, ""
    return float(difference.max()), str(difference.idxmax())


def jensen_shannon(
    current: np.ndarray,
    reference: np.ndarray,
    current_weights: np.ndarray | None = None,
    reference_weights: np.ndarray | None = None,
) -> float:
    """The Jensen–Shannon divergence of two samples of numbers, to base 2: 0 to 1.

    The numbers are counted in the twentieths of the reference, and below and beyond it. The
    divergence is the square of the distance that SciPy gives.

    Args:
        current: float [n].
        reference: float [m].
        current_weights: how often there is each; None: once.
        reference_weights: likewise.

    >>> ones, twos = np.ones(5), np.full(5, 2.0)
    >>> jensen_shannon(ones, twos), jensen_shannon(twos, twos)
    (1.0, 0.0)
    """
    if not len(current) or not len(reference):
        return 0.0
    edges = np.unique(_quantiles(reference, reference_weights, np.linspace(0, 1, BINS + 1)))
    counts = []
    for numbers, weights in ((current, current_weights), (reference, reference_weights)):
        # Numbers on an edge and those beyond it are apart, for what has few different ones.
        places = np.searchsorted(edges, numbers, "left") + np.searchsorted(edges, numbers, "right")
        counts.append(np.bincount(places, weights, 2 * len(edges) + 1))
    return float(jensenshannon(*counts, base=2) ** 2)


def _quantiles(numbers: np.ndarray, weights: np.ndarray | None, shares: np.ndarray) -> np.ndarray:
    order = np.argsort(numbers, kind="stable")
    weight = np.ones(len(numbers)) if weights is None else weights[order]
    cumulative = np.cumsum(weight)
    places = np.searchsorted(cumulative, shares * cumulative[-1])
    return numbers[order][np.minimum(places, len(numbers) - 1)]
