from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from recsys.data.prepare.filters import collapse_repeats, in_order, k_core
from recsys.data.sources.engine import connect


@pytest.fixture
def con(tmp_path):
    return connect(tmp_path, memory_gib=1)


def brute_force(pairs, minimum_user, minimum_item):
    while True:
        users, items = Counter(u for u, _ in pairs), Counter(i for _, i in pairs)
        kept = [(u, i) for u, i in pairs if users[u] >= minimum_user and items[i] >= minimum_item]
        if len(kept) == len(pairs):
            return kept
        pairs = kept


@pytest.mark.parametrize(("minimum_user", "minimum_item"), [(3, 3), (1, 4), (4, 1), (2, 5)])
def test_k_core_against_brute_force(con, minimum_user, minimum_item):
    random = np.random.default_rng(7)
    pairs = list(zip(random.integers(60, size=220), random.zipf(1.6, size=220) % 40, strict=True))
    table = pa.table({"user": [u for u, _ in pairs], "item": [i for _, i in pairs]})
    con.create_table("events", table)
    core = k_core(
        con, con.table("events"), con.table("events"), minimum_user, minimum_item
    ).to_pyarrow()
    expected = brute_force(pairs, minimum_user, minimum_item)
    assert 0 < len(expected) < len(pairs)
    found = zip(core["user"].to_pylist(), core["item"].to_pylist(), strict=True)
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize(("minimum_user", "left"), [(1, slice(2, None)), (2, slice(0))])
def test_items_of_few_users_go(con, minimum_user, left):
    pairs = [("a", "x"), ("a", "x"), ("a", "y"), ("b", "y"), ("b", "z"), ("c", "z"), ("c", "z")]
    rows = {"user": [user for user, _ in pairs], "item": [item for _, item in pairs]}
    con.create_table("events", pa.table(rows))
    events = con.table("events")
    core = k_core(con, events, events, minimum_user, 1, minimum_users=2).to_pyarrow().to_pylist()
    # x has one user. Without it a has one event; without a, y has one user; without y, b has one
    # event; without b, z has one user.
    assert sorted((row["user"], row["item"]) for row in core) == pairs[left]


def test_k_core_unravels_to_nothing(con):
    """Each removal undoes the next: a chain u0-i0-u1-i1-… has no 2-core."""
    users = [n // 2 for n in range(9)]
    items = [(n + 1) // 2 for n in range(9)]
    con.create_table("events", pa.table({"user": users, "item": items}))
    events = con.table("events")
    assert k_core(con, events, events, 2, 2).count().execute() == 0


@pytest.mark.parametrize("role", ["time", "order"])
@pytest.mark.parametrize("keep, values", [("first", [5.0, 16.0]), ("last", [8.0, 16.0])])
def test_money_of_the_timestamp_group_of_an_event_is_kept(con, keep, values, role):
    """Of 2 + 3 at time 1 and 8 at time 2, never what was spent at another time."""
    columns = {
        "user": [0, 0, 0, 1],
        "item": [5, 5, 5, 5],
        role: [1, 1, 2, 1],
        "row": [0, 1, 2, 3],
        "value": pa.array([2, 3, 8, 16], pa.float32()),
    }
    con.create_table("events", pa.table(columns))
    left = collapse_repeats(con.table("events"), keep).order_by("user").to_pyarrow()
    assert left["value"].to_pylist() == values
    assert left["value"].type == pa.float32()


def test_repeats_are_of_one_event_type_in_time(con):
    columns = {
        "user": [0, 0, 0, 0, 1],
        "item": [5, 5, 5, 6, 5],
        "event": ["view", "view", "buy", "view", "view"],
        "time": [3, 1, 2, 9, 9],
        "row": [0, 1, 2, 3, 4],
    }
    con.create_table("events", pa.table(columns))
    events = con.table("events")
    rows = {
        keep: sorted(collapse_repeats(events, keep).row.to_pyarrow().to_pylist())
        for keep in ("keep", "first", "last")
    }
    assert rows == {"keep": [0, 1, 2, 3, 4], "first": [1, 2, 3, 4], "last": [0, 2, 3, 4]}


def test_the_last_repeat_of_each_part_is_kept(con):
    columns = {
        "user": [0] * 4,
        "item": [5] * 4,
        "order": [1, 2, 3, 4],
        "part": [0, 0, 2, 2],
        "row": [0, 1, 2, 3],
    }
    con.create_table("events", pa.table(columns))
    left = collapse_repeats(con.table("events"), "last").row.to_pyarrow().to_pylist()
    assert sorted(left) == [1, 3]


def test_ties_are_broken_by_order_then_by_row(con):
    columns = {
        "user": [0] * 3,
        "item": [5] * 3,
        "time": [1] * 3,
        "order": [2, 1, 2],
        "row": [0, 1, 2],
    }
    con.create_table("events", pa.table(columns))
    events = con.table("events")
    assert in_order(events) == ["time", "order", "row"]
    assert collapse_repeats(events, "first").row.to_pyarrow().to_pylist() == [1]
    assert collapse_repeats(events, "last").row.to_pyarrow().to_pylist() == [2]
