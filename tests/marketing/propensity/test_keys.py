"""Whose rows these are, where nobody named the users' ids."""

import numpy as np
import pandas as pd

from recsys.marketing.propensity.keys import key_perhaps, rows_of_one_user
from recsys.marketing.propensity.table_features import Features

USERS, MONTHS = 300, 5


def panel() -> pd.DataFrame:
    """Users by month, all of whose months have the same random answer."""
    generator = np.random.default_rng(0)
    users = np.repeat(generator.permutation(np.arange(1000, 1000 + USERS)), MONTHS)
    table = pd.DataFrame({"customer": users, "month": np.tile(np.arange(MONTHS), USERS)})
    table["visits"] = generator.poisson(3, len(table))
    table["age"] = np.repeat(generator.integers(18, 80, USERS), MONTHS)
    return table


def by_user(values: np.ndarray) -> pd.Series:
    return pd.Series(np.repeat(values, MONTHS))


def test_ids_of_users_with_several_rows_are_found_in_numbers_and_in_texts():
    table, generator = panel(), np.random.default_rng(1)
    left = by_user(generator.random(USERS) < 0.3)
    assert key_perhaps(table, left) == "customer"
    assert key_perhaps(table.assign(customer="C" + table["customer"].astype(str)), left)
    spent = by_user(generator.gamma(2, 30, USERS)) + generator.normal(0, 5, len(table))
    assert key_perhaps(table, spent) == "customer"
    plan = by_user(generator.choice(["a", "b", "c"], USERS))
    assert key_perhaps(table, plan) == "customer"
    # Most agree, not all.
    changed = left ^ (generator.random(len(table)) < 0.1)
    assert key_perhaps(table, changed) == "customer"


def test_what_tells_honestly_is_no_id():
    """Numbers whose neighbours agree, too, texts by chance, and what nearly all have."""
    generator = np.random.default_rng(2)
    table, rows = panel().drop(columns=["customer", "age"]), USERS * MONTHS
    table["days"] = generator.integers(0, 300, rows)
    table["city"] = [f"city {number}" for number in generator.integers(0, 300, rows)]
    table["balance"] = np.where(np.arange(rows) < 900, 0.0, generator.random(rows))
    left = pd.Series((table["days"] > 150) & (table["balance"] > 0))
    assert key_perhaps(table, left) is None
    assert key_perhaps(table, pd.Series(table["days"] > 150)) is None
    assert key_perhaps(table, pd.Series(generator.random(rows) < 0.3)) is None
    assert key_perhaps(table[[]], left) is None


def as_features(table: pd.DataFrame, *dates: str) -> Features:
    return Features(table, frozenset(dates), [])


def test_copies_that_got_an_id_or_a_time_of_their_own_are_copies():
    generator = np.random.default_rng(3)
    once = pd.DataFrame({"x": generator.random(400), "z": generator.choice(["a", "b"], 400)})
    thrice = pd.concat([once] * 3, ignore_index=True)
    target = pd.concat([pd.Series(generator.random(400) < 0.4)] * 3, ignore_index=True)
    fresh = {
        "number": generator.permutation(10_000_000)[:1200].astype(float),
        "id": [f"{number:x}" for number in generator.permutation(2**20)[:1200]],
        "exported": 19_000 + np.arange(1200) / 86_400,
    }
    for name, column in fresh.items():
        features = as_features(thrice.assign(**{name: column}), "exported")
        groups, notes = rows_of_one_user(features, target)
        assert groups is not None and groups.nunique() == 400
        assert (groups[:400].to_numpy() == groups[800:].to_numpy()).all()
        assert len(notes) == 1
        assert notes[0].startswith(
            f"800 of 1,200 rows equal an earlier one in each feature but {name!r} and the label: "
            "taken as copies"
        )


def test_users_who_are_alike_but_for_their_id_are_no_copies():
    generator = np.random.default_rng(3)
    table = pd.DataFrame({"calls": generator.integers(0, 300, 900).astype(float)})
    table["id"] = [f"u{row}" for row in range(900)]
    target = pd.Series(generator.random(900) < 0.4)
    assert rows_of_one_user(as_features(table), target) == (None, [])
