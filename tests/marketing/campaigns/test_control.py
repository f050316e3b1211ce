"""The same users get nothing from any campaign, and that they do not is not forgotten."""

import hashlib
import json

import pandas as pd
import pytest

from recsys.errors import InputError
from recsys.marketing.campaigns.control import ControlConfig
from recsys.marketing.campaigns.outcomes import OutcomesConfig, measure_campaign
from recsys.marketing.campaigns.summary import campaign_summary
from recsys.marketing.campaigns.uplift_summary import uplift_summary
from recsys.marketing.measurement.off_policy import ips
from tests.marketing.campaigns.plain import PUSH, USERS, assigned, build, counts, users

CONTROL = {"share": 0.1, "seed": 7}


def drawn(seed, share):
    """Whom a control holds, by the words of its documentation."""
    found = set()
    for user in USERS:
        digest = hashlib.sha256(f"{seed}\nglobal control\n{user}".encode()).digest()
        if int.from_bytes(digest[:8]) / 2**64 < share:
            found.add(user)
    return found


def test_the_control_is_the_same_in_every_file(tmp_path):
    everybody = drawn(7, 0.1)
    assert 150 < len(everybody) < 250
    first = build(tmp_path, "spring", "2026-03-01", "buys < 0.5", control=CONTROL, holdout=0.2)
    second = build(tmp_path, "summer", "2026-03-04", control=CONTROL, seed=5)
    assert users(first, "control") == everybody & set(USERS[:1000])
    # Those whom the first one's own draw holds out are left out, in the control and outside it.
    own = users(first, "own_holdout")
    assert own & everybody and own - everybody
    assert users(second) == set(USERS) - own
    assert users(second, "control") == everybody - own
    for folder in (first, second):
        rows = assigned(folder)
        assert (rows["held_out"] == rows["control"] | rows["own_holdout"]).all()
        sent = set(pd.read_csv(folder / "push-hello.csv")["user"])
        assert sent == set(rows.loc[~rows["held_out"], "user"]) and not sent & everybody
        assert set(pd.read_parquet(folder / "messages.parquet")["user"]) == sent
    document = counts(first)
    control = len(users(first, "control"))
    assert document["control"]["users"] == document["campaigns"][0]["control"] == control
    assert document["campaigns"][0]["held_out"] == len(users(first, "held_out"))
    assert f"{control} of them are in the global control group" in campaign_summary(first)
    assert f"{control} of them are in the global control" in (first / "README.md").read_text()


def test_whom_a_cap_spares_does_not_depend_on_the_control(tmp_path):
    caps = {"push": {"messages": 1, "days": 7}}
    build(tmp_path, "spring", "2026-03-01", "buys < 0.5", control=CONTROL, holdout=0)
    second = build(tmp_path, "summer", "2026-03-04", control=CONTROL, holdout=0, caps=caps)
    assert users(second) == set(USERS[1000:])


def test_the_probability_weighs_as_off_policy_estimates_need_it(tmp_path):
    campaigns = [
        {"name": "low", "audience": "low", "priority": 1, "channel": PUSH, "holdout": 0.5},
        {"name": "high", "audience": "high", "priority": 2, "channel": PUSH, "holdout": 0},
    ]
    audiences = {"low": {"where": "buys < 0.5"}, "high": {"where": "buys >= 0.5"}}
    folder = build(
        tmp_path,
        "spring",
        "2026-03-01",
        audiences=audiences,
        campaigns=campaigns,
        control={"share": 0.2},
    )
    rows = assigned(folder)
    probability = rows.groupby("campaign")["probability"].unique()
    assert probability["low"] == pytest.approx([0.4]) and probability["high"] == pytest.approx(0.8)
    sent = ~rows["held_out"]
    shares = sent.groupby(rows["campaign"]).mean()
    assert shares["low"] == pytest.approx(0.4, abs=0.05)
    assert shares["high"] == pytest.approx(0.8, abs=0.04)
    # A reward that differs by campaign: 1 and 3, so 2 if everybody were sent theirs.
    reward = rows["campaign"].map({"low": 1.0, "high": 3.0}) * sent
    taken = rows["probability"].where(sent, 1 - rows["probability"])
    value = ips(reward, taken, sent.astype(float))
    assert value.value == pytest.approx(2, abs=0.15) and value.low < 2 < value.high


def test_a_control_is_not_dropped_in_silence(tmp_path):
    build(tmp_path, "spring", "2026-03-01", control=CONTROL)
    said = r"spring/1 of 2026-03-01 has a global control group, .*"
    with pytest.raises(
        InputError, match=said + r"'summer' has none: write .control: {share: 0.1, seed: 7}."
    ):
        build(tmp_path, "summer", "2026-03-04")
    with pytest.raises(InputError, match=said + "'summer' has another"):
        build(tmp_path, "summer", "2026-09-04", control={"share": 0.1, "seed": 8})
    build(tmp_path, "before", "2026-02-01")
    assert build(tmp_path, "spring", "2026-03-01", holdout=0.3).name == "2"  # its own file may


def test_a_control_ends_when_a_file_says_so(tmp_path):
    first = build(tmp_path, "spring", "2026-03-01", control=CONTROL, holdout=0)
    ended = build(tmp_path, "summer", "2026-03-04", holdout=0, control={"share": 0, "replaces": 7})
    # Held out until the first one's days are over.
    assert users(ended) == set(USERS) - users(first, "held_out")
    assert not assigned(ended)["control"].any() and assigned(ended)["probability"].eq(1).all()
    assert "control group" not in campaign_summary(ended)
    later = build(tmp_path, "autumn", "2026-05-01", holdout=0)
    assert users(later) == set(USERS)
    with pytest.raises(InputError, match="'between' has none"):
        build(tmp_path, "between", "2026-03-02")


def test_a_control_may_be_replaced_by_another(tmp_path):
    build(tmp_path, "spring", "2026-03-01", control=CONTROL)
    other = {"share": 0.1, "seed": 8}
    second = build(tmp_path, "summer", "2026-04-04", control={**other, "replaces": 7})
    assert users(second, "control") == drawn(8, 0.1)
    third = build(tmp_path, "autumn", "2026-05-04", control=other)
    assert users(third, "control") == drawn(8, 0.1)
    with pytest.raises(InputError, match=r"summer|autumn"):
        build(tmp_path, "winter", "2026-06-04", control=CONTROL)


def test_everybody_is_compared_with_the_control(tmp_path):
    folder = build(tmp_path, "spring", "2026-03-01", control={"share": 0.2}, holdout=0.1)
    rows = assigned(folder)
    sent, control = rows[~rows["held_out"]], rows[rows["control"]]
    # Half of those sent it order, and a fifth of the control.
    did = pd.concat([sent["user"][::2], control["user"][::5]])
    pd.DataFrame({"user": did, "time": "2026-03-03"}).to_csv(tmp_path / "did.csv", index=False)
    file = measure_campaign(folder, OutcomesConfig(path=str(tmp_path / "did.csv")))
    document = json.loads(file.read_text())
    assert document["days"] == 14
    one = document["campaigns"][0]["responded"]["overall"]
    ordered = len(control[::5])
    # The control got nothing for longer: a campaign is compared with its own holdout.
    own = int((rows["held_out"] & ~rows["control"]).sum())
    assert (one["treated"], one["held_out"]) == (len(sent), own)
    assert one["held_out_mean"] == 0
    both = document["control"]["responded"]["overall"]
    assert (both["treated"], both["held_out"]) == (2000 - len(control), len(control))
    assert both["treated_mean"] == pytest.approx(len(sent[::2]) / (2000 - len(control)))
    assert both["held_out_mean"] == pytest.approx(ordered / len(control))
    said = uplift_summary(file)
    assert "all against the control: responded" in said
    assert "all against the control: `sent` is every user outside the control" in said


def test_a_user_is_in_or_out_by_the_hash():
    control = ControlConfig(share=0.25, seed=3)
    assert {user for user in USERS if control.holds(user)} == drawn(3, 0.25)
