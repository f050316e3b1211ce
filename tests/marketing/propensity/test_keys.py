"""Columns that may say whose row it is."""

import numpy as np
import pandas as pd

from recsys.marketing.propensity.keys import key_perhaps

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
