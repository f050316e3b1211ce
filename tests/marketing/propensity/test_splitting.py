"""Splits in which no user is on two sides."""

import numpy as np
import pandas as pd
import pytest

from recsys.marketing.propensity.splitting import copies, split_at_random, split_by_time


def answers(rows: int, share: float = 0.3) -> pd.Series:
    return pd.Series(np.random.default_rng(1).random(rows) < share)


def users_of(groups: pd.Series, parts) -> list[set]:
    return [set(groups.loc[rows]) for rows in parts.rows]


def test_users_are_split_with_all_of_their_rows():
    target = answers(1000)
    groups = pd.Series(np.arange(3000) % 1000)
    parts = split_at_random(pd.concat([target] * 3, ignore_index=True), groups, True, seed=0)
    train, validation, test = users_of(groups, parts)
    assert (len(train), len(validation), len(test)) == (600, 200, 200)
    assert [len(rows) for rows in parts.rows] == [1800, 600, 600]
    assert len(train | validation | test) == 1000
    # Stratified: each part has its share of yes.
    shares = [target.loc[list(users)].mean() for users in (train, validation, test)]
    np.testing.assert_allclose(shares, target.mean(), atol=0.005)


def test_a_user_counts_as_having_the_rarest_of_his_answers():
    """Each part has its share of the hundred users who said yes once."""
    groups = pd.Series(np.repeat(np.arange(1000), 4))
    target = pd.Series(np.arange(4000) % 40 == 39)
    parts = split_at_random(target, groups, True, seed=0)
    assert [int(target.loc[rows].sum()) for rows in parts.rows] == [60, 20, 20]


def test_by_time_a_few_users_who_came_again_cost_a_few_rows():
    times = pd.Series(pd.date_range("2024-01-01", periods=1000, tz="UTC"))
    groups = pd.Series(np.arange(1000))
    groups[999] = 0
    parts = split_by_time(times, groups, seed=0)
    assert parts.left_out == 1
    train, validation, test = users_of(groups, parts)
    assert not (train & validation or train & test or validation & test)
    assert sum(map(len, parts.rows)) == 999
    assert split_by_time(times, None, seed=0).left_out == 0


def test_by_time_a_panel_of_users_is_split_by_users_and_by_time():
    """Ten rows of each of a thousand users: learned from are 60 % of users in 60 % of the time."""
    times = pd.Series(np.tile(pd.date_range("2024-01-01", periods=10, tz="UTC"), 1000))
    groups = pd.Series(np.repeat(np.arange(1000), 10))
    parts = split_by_time(times, groups, seed=0)
    sizes = np.array([len(rows) for rows in parts.rows])
    np.testing.assert_allclose(sizes / 10_000, [0.36, 0.04, 0.04], atol=0.01)
    assert parts.left_out == 10_000 - sizes.sum()
    train, validation, test = users_of(groups, parts)
    assert not (train & validation or train & test or validation & test)
    assert times.loc[parts.rows[0]].max() < times.loc[parts.rows[1]].min()
    assert times.loc[parts.rows[1]].max() < times.loc[parts.rows[2]].min()


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        ([400, 400, 400], [400, 400, 400]),
        ([300, 300, 300, 300], [600, 300, 300]),
        ([100, 100, 1000], [100, 100, 1000]),
        ([1000, 100, 100], [1000, 100, 100]),
        ([200] * 5, [600, 200, 200]),
        ([100, 900, 100, 100], [1000, 100, 100]),
    ],
)
def test_by_time_few_snapshots_leave_one_to_each_part_and_the_last_is_tested(rows, parts):
    days = pd.date_range("2024-01-31", periods=len(rows), tz="UTC")
    times = pd.Series(np.repeat(days, rows))
    found = split_by_time(times, None, seed=0)
    assert [len(each) for each in found.rows] == parts
    assert times.loc[found.rows[2]].max() == days[-1]
    assert times.loc[found.rows[0]].max() < times.loc[found.rows[1]].min()
    assert times.loc[found.rows[1]].max() < times.loc[found.rows[2]].min()


def test_copies_are_found():
    generator = np.random.default_rng(0)
    features = pd.DataFrame({"x": generator.random(500).round(3), "y": generator.random(500)})
    features["z"] = generator.choice(["a", "b"], 500)
    target = answers(500)
    assert copies(features, target) == (0, None)
    thrice, answered = pd.concat([features] * 3), pd.concat([target] * 3)
    repeated, groups = copies(thrice.reset_index(drop=True), answered.reset_index(drop=True))
    assert repeated == 1000
    assert (groups[:500].to_numpy() == groups[500:1000].to_numpy()).all()
    assert groups.nunique() == 500


def test_users_who_are_alike_are_not_copies():
    generator = np.random.default_rng(0)
    features = pd.DataFrame({"plan": generator.choice(["a", "b"], 900)})
    features["calls"] = generator.integers(0, 200, 900)
    repeated, groups = copies(features, answers(900))
    assert repeated > 300 and groups is None
    # Nor are those who did nothing, all of whom say no.
    silent = pd.DataFrame({"x": np.where(np.arange(900) < 600, 0.0, generator.random(900))})
    repeated, groups = copies(silent, answers(900) & (silent["x"] > 0))
    assert repeated == 599 and groups is None
