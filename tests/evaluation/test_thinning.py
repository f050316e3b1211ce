"""Fewer queries."""

from recsys.data.dataset import Dataset
from recsys.evaluation.thinning import thinned


def test_they_are_evenly_spaced_over_the_users(checkerboard: Dataset) -> None:
    left = thinned(checkerboard.queries("test"), 4)
    assert left.users.tolist() == [0, 5, 10, 15]
    assert left.target_offsets.tolist() == [0, 1, 2, 3, 4]


def test_few_stay_as_they_are(checkerboard: Dataset) -> None:
    queries = checkerboard.queries("test")
    assert thinned(queries, 16) is queries
