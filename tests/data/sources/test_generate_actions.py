"""Views, carts and purchases decide what a user looks at next."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from recsys.data.sources import generate as generate_module
from recsys.data.sources.generate import LOYALTY, generate
from recsys.data.sources.generate_actions import CART, PURCHASE, SHARES, VIEW, Actions

USERS, CATEGORIES = 40, 12


def test_categories_follow_from_actions():
    """User by user, however the log is cut into pieces."""
    random = np.random.default_rng(1)
    tastes = random.integers(CATEGORIES, size=(USERS, 3))
    actions = Actions(random, tastes, CATEGORIES)
    pieces = [random.integers(USERS, size=size) for size in (1, 300, 2, 500)]
    drawn = [actions.draw(random, users) for users in pieces]
    users = np.concatenate(pieces)
    done = np.concatenate([each[0] for each in drawn])
    categories = np.concatenate([each[1] for each in drawn])
    last: dict[int, int] = {}
    seen = dict.fromkeys((VIEW, CART, PURCHASE), 0)
    for event, user in enumerate(users):
        allowed = set(tastes[user])
        if user in last:
            before = last[user]
            seen[done[before]] += 1
            if done[before] != PURCHASE:
                allowed = {(categories[before] + (done[before] == CART)) % CATEGORIES}
        assert categories[event] in allowed
        last[user] = event
    assert min(seen.values()) > 50


def test_shares_are_those_that_are_said():
    random = np.random.default_rng(2)
    actions = Actions(random, random.integers(CATEGORIES, size=(USERS, 3)), CATEGORIES)
    done, _ = actions.draw(random, random.integers(USERS, size=20_000))
    assert np.bincount(done) / len(done) == pytest.approx(SHARES, abs=0.02)


def test_a_log_with_actions(tmp_path, monkeypatch):
    monkeypatch.setattr(generate_module, "CHUNK", 7_000)
    folder = generate(tmp_path / "made", 20_000, 50, 200, seed=3, actions=True)
    log = pq.read_table(folder / "interactions.parquet").to_pandas()
    assert log.columns.tolist() == ["user", "item", "time", "price", "event"]
    items = pq.read_table(folder / "items.parquet").to_pandas().set_index("item")
    log["category"] = log["item"].map(items["category"]).str[1:].astype(int)
    log["next"] = log.groupby("user")["category"].shift(-1)
    onward = (log["next"] - log["category"]) % 50
    for action, step in (("view", 0), ("cart", 1)):
        # Both events must be of the category that is looked for.
        share = (onward[log["event"] == action] == step).mean()
        assert share == pytest.approx(LOYALTY**2, abs=0.06)
    again = generate(tmp_path / "again", 20_000, 50, 200, seed=3, actions=True)
    name = "interactions.parquet"
    assert (again / name).read_bytes() == (folder / name).read_bytes()
