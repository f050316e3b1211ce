"""Held-out users stay out of whatever could move the same outcome, until their days are over."""

import logging

import pandas as pd
import pytest

from recsys.errors import InputError
from recsys.marketing.campaigns.summary import campaign_summary
from tests.damage import flip, truncate
from tests.marketing.campaigns.plain import USERS, assigned, build, counts, users

CAP = {"all": {"messages": 1, "days": 7}}


def test_a_campaign_three_days_later_leaves_the_held_out_alone_and_a_later_one_does_not(tmp_path):
    first = build(tmp_path, "spring", "2026-03-01", "buys < 0.5")
    held_out = users(first, "held_out")
    assert len(users(first)) == 1000 and 70 < len(held_out) < 130
    rows = assigned(first)
    assert set(rows["until"].dt.date.astype(str)) == {"2026-03-14"}
    assert set(rows["file"]) == {"spring"} and set(rows["outcome"]) == {"purchases"}

    second = build(tmp_path, "summer", "2026-03-04", caps=CAP)
    # With a cap of one in seven days, those held out were all that was left of the first half.
    assert users(second) == set(USERS[1000:])
    left_out = pd.read_parquet(second / "left_out.parquet").groupby("reason")["user"].agg(set)
    assert left_out["held out of another campaign"] == held_out
    assert left_out["addressed too often"] == users(first, "not held_out")
    document = counts(second)
    assert document["held_out_elsewhere"] == len(held_out)
    assert document["holdouts"] == [
        {"name": "spring", "at": "2026-03-01", "until": "2026-03-14", "left_out": len(held_out)}
    ]
    count = len(held_out)
    said = f"{count} left out, as another campaign holds them out ({count} of spring, 2026-03-01)"
    assert said in campaign_summary(second)
    assert (
        f"held out of another campaign: {len(held_out)} users" in (second / "README.md").read_text()
    )

    last_day = build(tmp_path, "last-day", "2026-03-14", "buys < 0.5", days=1)
    assert users(last_day) == users(first, "not held_out")
    after = build(tmp_path, "after", "2026-03-15", "buys < 0.5", days=1)
    assert users(after) == set(USERS[:1000])


def test_a_campaign_of_an_earlier_day_leaves_them_alone_too(tmp_path):
    later = build(tmp_path, "later", "2026-03-10")
    earlier = build(tmp_path, "earlier", "2026-03-01", days=10)
    assert users(earlier) == users(later, "not held_out")
    # The later one was built without knowing whom the earlier one holds out, and is told.
    held_out = users(earlier, "held_out")
    said = f"later of 2026-03-10, which was built before, addresses {len(held_out)} of those held"
    assert said in campaign_summary(earlier)
    again = build(tmp_path, "later", "2026-03-10")
    assert again.name == "2" and users(again) == set(USERS) - held_out
    apart = build(tmp_path, "apart", "2026-03-01", days=9)
    assert users(apart) == set(USERS) - held_out  # the earlier one's alone


def test_a_campaign_for_another_outcome_does_not_mind(tmp_path):
    build(tmp_path, "spring", "2026-03-01")
    assert users(build(tmp_path, "survey", "2026-03-04", outcome="answers")) == set(USERS)


def test_a_file_that_is_built_again_comes_to_the_same(tmp_path):
    first = build(tmp_path, "spring", "2026-03-01", caps=CAP)
    same_day = build(tmp_path, "noon", "2026-03-01", caps={"all": {"messages": 2}})
    later = build(tmp_path, "summer", "2026-03-04", outcome="visits")
    assert build(tmp_path, "spring", "2026-03-01", caps=CAP) == first
    assert build(tmp_path, "noon", "2026-03-01", caps={"all": {"messages": 2}}) == same_day
    assert build(tmp_path, "summer", "2026-03-04", outcome="visits") == later
    assert users(same_day) == users(first, "not held_out")


def test_whoever_any_version_holds_out_is_left_out(tmp_path):
    first = build(tmp_path, "spring", "2026-03-01", "buys < 0.5")
    other = build(tmp_path, "spring", "2026-03-01", "buys >= 0.5")
    assert other.name == "2" and users(other) == set(USERS[1000:])
    second = build(tmp_path, "summer", "2026-03-04")
    assert set(USERS) - users(second) == users(first, "held_out") | users(other, "held_out")


def test_a_weekly_campaign_holds_out_others_each_week(tmp_path):
    weeks = [build(tmp_path, "weekly", day) for day in ("2026-03-01", "2026-03-08", "2026-03-15")]
    first, second, third = (users(week, "held_out") for week in weeks)
    assert users(weeks[1]) == set(USERS) - first
    assert min(len(first), len(second), len(third)) > 120
    assert users(weeks[2]) == set(USERS) - second


def test_what_other_tools_hold_out_is_left_out(tmp_path):
    pd.DataFrame(
        {
            "customer": ["user-0001", "user-0002", "user-0003", "user-0004", "user-0005"],
            "from": ["2026-02-01", "2026-02-20", "2026-03-14", "2026-03-15", "2026-03-01"],
            "to": ["2026-02-28", "2026-03-01", "2026-03-20", "2026-03-20", "2026-03-09"],
            "control": ["yes", "Yes", "1", "yes", "no"],
        }
    ).to_csv(tmp_path / "elsewhere.csv", index=False)
    table = {"path": str(tmp_path / "elsewhere.csv"), "user": "customer", "time": "from"}
    table |= {"until": "to"}
    found = build(tmp_path, "spring", "2026-03-01", holdouts=table)
    assert set(USERS) - users(found) == {"user-0002", "user-0003", "user-0005"}
    found = build(tmp_path, "spring", "2026-03-01", holdouts={**table, "held_out": "control"})
    assert set(USERS) - users(found) == {"user-0002", "user-0003"}
    neither = "'2026-02-01' in row 1 is neither yes nor no: write yes, true, 1 or no, false, 0"
    with pytest.raises(InputError, match=neither):
        build(tmp_path, "spring", "2026-03-01", holdouts={**table, "held_out": "from"})
    swapped = {**table, "time": "to", "until": "from"}
    with pytest.raises(InputError, match=r"row 1 of the holdouts ends \(2026-02-01.* before it"):
        build(tmp_path, "spring", "2026-03-01", holdouts=swapped)


def test_held_out_users_whom_the_log_does_not_have_are_said_and_refused_where_all_are(tmp_path):
    def held_out(ids):
        rows = pd.DataFrame({"user": ids, "time": "2026-03-01", "until": "2026-03-14"})
        rows.to_csv(tmp_path / "out.csv", index=False)
        return {"path": str(tmp_path / "out.csv")}

    found = build(tmp_path, "spring", "2026-03-01", holdouts=held_out(["user-0001", "anna"]))
    assert set(USERS) - users(found) == {"user-0001"}
    assert counts(found)["notes"] == [
        "1 of the 2 users of `holdouts` is not in the log (such as anna), so that no user is held "
        "out for them"
    ]
    later = build(tmp_path, "later", "2026-05-01", holdouts=held_out(["user-0001"]))
    assert users(later) == set(USERS)
    assert counts(later)["notes"] == [
        "holdouts: no user of the table is held out between 2026-05-01 and 2026-05-14 for "
        "'purchases'"
    ]
    with pytest.raises(InputError, match=r"2 of the 2 users of `holdouts`.*`holdouts.user`"):
        build(tmp_path, "spring", "2026-03-01", holdouts=held_out(["K1", "K2"]))


def test_assignments_of_another_runs_folder_are_such_a_table(tmp_path):
    held_out = users(build(tmp_path, "spring", "2026-03-01"), "held_out")
    (tmp_path / "runs").rename(tmp_path / "theirs")
    path = str(tmp_path / "theirs/campaigns/*/*/assignments.parquet")
    table = {"path": path, "held_out": "held_out", "outcome": "outcome"}
    found = build(tmp_path, "summer", "2026-03-04", holdouts=table)
    assert set(USERS) - users(found) == held_out
    other = build(tmp_path, "survey", "2026-03-04", holdouts=table, outcome="answers")
    assert users(other) == set(USERS)
    nowhere = {**table, "path": str(tmp_path / "nowhere/*.parquet")}
    said = campaign_summary(build(tmp_path, "x", "2026-05-04", holdouts=nowhere))
    assert "holdouts: no file matched" in said and "nowhere/*.parquet: no user is held out" in said
    with pytest.raises(InputError, match=r"no file or folder .*none.parquet"):
        build(tmp_path, "x", "2026-05-04", holdouts={**table, "path": "none.parquet"})


@pytest.mark.parametrize("name", ["campaign.json", "assignments.parquet", "version.json"])
def test_a_damaged_campaign_is_refused_until_it_is_built_again(tmp_path, name, caplog):
    first = build(tmp_path, "spring", "2026-03-01")
    held_out = users(first, "held_out")
    (truncate if name == "version.json" else flip)(first / name)
    with pytest.raises(
        InputError, match=rf"{name} .*it is not known which users it addresses.*build it"
    ):
        build(tmp_path, "summer", "2026-03-04")
    assert not (tmp_path / "runs/campaigns/summer").exists()
    with caplog.at_level(logging.WARNING):
        again = build(tmp_path, "spring", "2026-03-01")
    if name == "version.json":  # nobody knows any more what it was made from
        (tmp_path / "runs/campaigns/spring/1").rename(tmp_path / "old")
    else:
        assert again == first
    assert name in caplog.text
    assert users(build(tmp_path, "summer", "2026-03-04")) == set(USERS) - held_out
