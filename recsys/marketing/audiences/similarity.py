"""How similar users are to a group of them: by direction, by profile."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import OneHotEncoder

from recsys.data.dataset import Dataset
from recsys.data.prepare.features.kinds import FEATURES
from recsys.errors import InputError

# Users whose neighbours are sought at a time.
BLOCK = 2**16
# Similarity has so many digits: what differs by less is equal, in whatever order it was added up.
DIGITS = 6


def directions(vectors: np.ndarray) -> np.ndarray:
    """Where each user's vector points to from the middle of all, float32 [users, dim].

    Users' vectors share most of their direction (what all like); cosines see what is
    left once their mean is subtracted (Mu and Viswanath, "All-but-the-Top", 2018).

    Args:
        vectors: float32 [users, dim].

    Returns:
        Rows of length 1, or of zeros in the very middle.
    """
    unit = _of_length_one(vectors)
    return _of_length_one(unit - unit.mean(axis=0))


def _of_length_one(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def cosine(
    points: np.ndarray, group: np.ndarray, others: np.ndarray, neighbours: int | None
) -> np.ndarray:
    """Mean cosine similarity of users with a group, or with the nearest of it; float64 [n].

    With the whole group it is one product with the group's mean.

    Args:
        points: [users, dim], rows of length 1.
        group: int [members], rows of points.
        others: int [n], likewise; none is of the group.
        neighbours: how many of the group, at most; None: all.
    """
    if neighbours is None or neighbours >= len(group):
        mean = points[group].mean(axis=0, dtype=np.float64)
        return np.round((points @ mean.astype(points.dtype))[others].astype(np.float64), DIGITS)
    # Of rows of length 1: the squared distance is 2 - 2 cosines.
    return 1 + nearness(points, group, others, neighbours) / 2


def nearness(
    points: np.ndarray | sp.csr_matrix, group: np.ndarray, others: np.ndarray, neighbours: int
) -> np.ndarray:
    """Minus the mean squared distance of users to their nearest of a group; float64 [n].

    At no time is more held than the neighbours of :data:`BLOCK` users.

    Args:
        points, group, others: see :func:`cosine`; rows of any length.
        neighbours: how many of the group, or all of a smaller one.
    """
    index = NearestNeighbors(n_neighbors=min(neighbours, len(group)), algorithm="brute")
    index.fit(points[group])
    parts = [
        np.square(index.kneighbors(points[others[begin : begin + BLOCK]])[0]).mean(axis=1)
        for begin in range(0, len(others), BLOCK)
    ]
    return -np.round(np.concatenate(parts), DIGITS)


def profiles(dataset: Dataset, features: Sequence[str]) -> tuple[sp.csr_matrix, np.ndarray]:
    """Users by what their table says: categories one-hot, numbers in standard deviations.

    Two users who differ in a category are as far apart (a squared distance of 2) as two who
    differ in a number as users do on average. Of a user who has some features and lacks others, a
    missing category is one of its own, a missing number the mean.

    Args:
        dataset: with a user table.
        features: categories and numbers of it, at least one.

    Returns:
        A row per user, float64 [users, columns], and bool [users]: whether each has any of the
        features (a number that is exactly the mean cannot be told from a missing one).

    Raises:
        InputError: the dataset has no such categories or numbers.
    """
    holds = {each.name: FEATURES[each.kind].holds for each in dataset.manifest.user_features}
    usable = [
        name
        for name, what in holds.items()
        if what is not None and dataset.feature("user", name).ndim == 1
    ]
    unknown = [name for name in features if name not in usable]
    if unknown:
        raise InputError(
            f"demographics names {', '.join(unknown)}; the user table of {dataset.path} has "
            f"{', '.join(usable) or 'no'} categories or numbers. Name them in data.users.features."
        )
    columns, described = [], np.zeros(dataset.users, dtype=bool)
    for name in features:
        values = np.asarray(dataset.feature("user", name)).reshape(-1, 1)
        described |= values[:, 0] != 0
        one_hot = holds[name] == "categories"
        columns.append(OneHotEncoder().fit_transform(values) if one_hot else sp.csr_matrix(values))
    return sp.hstack(columns, format="csr", dtype=np.float64), described
