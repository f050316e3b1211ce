"""The items of a trained model on a plane, for people."""

from typing import Any

import numpy as np

from recsys.data.dataset import Dataset

# What a page can show without becoming a blot, or heavy.
MOST_ITEMS = 2_000
TITLES = 60
# Values of a category that have a colour of their own.
MOST_VALUES = 6


def item_map(vectors: np.ndarray, dataset: Dataset) -> dict[str, Any]:
    """The most frequent items by the first two principal components of their vectors.

    Principal components (Pearson, 1901) turn the vectors so that the first two axes show as much
    of their variance as two axes can. What they leave out is left out of the picture: items that
    lie together there may be far apart in the model.

    Args:
        vectors: float [items, dim], as scores read them; the items that were trained on, the most
            frequent first.
        dataset: whose items they are.

    Returns:
        ``x``, ``y`` and ``events`` (in training) of each item, the most frequent first; ``titles``
        of the first of them; ``explained``, the shares of the variance along x and y; ``of``, how
        many items there are in all; and, where items have a categorical feature, ``category``: its
        ``name``, its most frequent ``values``, and of each item the number of its value, from 0, -1
        for others. Fewer than three items, or vectors that are all one, give none of the points.
    """
    from sklearn.decomposition import PCA

    shown = np.asarray(vectors[:MOST_ITEMS], dtype=np.float64)
    document: dict[str, Any] = {"of": len(vectors), "x": [], "y": [], "events": [], "titles": []}
    if len(shown) < 3 or shown.shape[1] < 2 or not np.ptp(shown, axis=0).any():
        return document
    axes = PCA(n_components=2, svd_solver="full")
    places = axes.fit_transform(shown)
    document |= {
        "x": _rounded(places[:, 0]),
        "y": _rounded(places[:, 1]),
        "events": np.asarray(dataset.item_counts)[: len(shown), 0].tolist(),
        "titles": dataset.item_titles[: min(TITLES, len(shown))],
        "explained": _rounded(axes.explained_variance_ratio_),
    }
    if (category := _category(dataset, len(shown))) is not None:
        document["category"] = category
    return document


def _category(dataset: Dataset, items: int) -> dict[str, Any] | None:
    """The first categorical feature of the items, of some of which it is known."""
    features = dataset.manifest.item_features
    name = next((each.name for each in features if each.kind == "categorical"), None)
    if name is None:
        return None
    indices = np.asarray(dataset.feature("item", name))[:items].reshape(items)
    known, counts = np.unique(indices[indices > 0], return_counts=True)
    if len(known) < 2:
        return None
    most = known[np.argsort(-counts, kind="stable")][:MOST_VALUES]
    vocabulary = dataset.vocabulary("item", name)
    numbers = np.full(items, -1)
    for number, index in enumerate(most):
        numbers[indices == index] = number
    return {
        "name": name,
        "values": [vocabulary[index - 1] for index in most],
        "numbers": numbers.tolist(),
    }


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.4g}") for value in values]
