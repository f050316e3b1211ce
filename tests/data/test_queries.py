"""Queries worked out by hand."""

import numpy as np
import pytest

from recsys.data.queries import Queries, ranges


@pytest.fixture
def queries():
    """User 0 at two times, the first of which holds item 7 twice; user 2 once."""
    return Queries.of_events(
        users=np.array([0, 0, 0, 0, 2], dtype=np.int32),
        events=np.array([4, 5, 6, 7, 9]),
        history_ends=np.array([4, 4, 4, 7, 9]),
        items=np.array([7, 3, 7, 7, 1], dtype=np.int32),
    )


def as_lists(queries):
    return {name: np.asarray(value).tolist() for name, value in vars(queries).items()}


def test_an_item_twice_in_a_query_is_one_target(queries):
    assert as_lists(queries) == {
        "users": [0, 0, 2],
        "history_ends": [4, 7, 9],
        "target_offsets": [0, 2, 3, 4],
        "target_items": [7, 3, 7, 1],
        "target_events": [4, 5, 7, 9],
    }
    assert queries.target_queries.tolist() == [0, 0, 1, 2]


def test_queries_without_targets_are_left_out(queries):
    left, which = queries.with_targets(np.array([False, True, False, True]))
    assert which.tolist() == [True, False, True]
    assert as_lists(left) == {
        "users": [0, 2],
        "history_ends": [4, 9],
        "target_offsets": [0, 1, 2],
        "target_items": [3, 1],
        "target_events": [5, 9],
    }


def test_another_order_takes_the_targets_along(queries):
    ordered, places = queries.in_order(np.array([2, 0, 1]))
    assert ordered.users.tolist() == [2, 0, 0]
    assert ordered.target_offsets.tolist() == [0, 1, 3, 4]
    assert ordered.target_items.tolist() == [1, 7, 3, 7]
    assert places.tolist() == [3, 0, 1, 2]


def test_ranges():
    assert ranges(np.array([2, 9, 5]), np.array([4, 9, 8])).tolist() == [2, 3, 5, 6, 7]
