"""Held-out users who were sent something all the same are counted, and stay where they were."""

import json

import pandas as pd
import pytest

from recsys.errors import InputError
from recsys.marketing.campaigns.outcomes import OutcomesConfig, measure_campaign
from recsys.marketing.campaigns.uplift_summary import uplift_summary
from tests.damage import flip
from tests.marketing.campaigns.plain import assigned, build, users


@pytest.fixture
def did(tmp_path):
    rows = {"user": ["user-0001", "user-0700"], "time": ["2026-03-02", "2026-03-08"]}
    pd.DataFrame(rows).to_csv(tmp_path / "did.csv", index=False)
    return OutcomesConfig(path=str(tmp_path / "did.csv"))


def sent_others(folder, did):
    document = json.loads(measure_campaign(folder, did).read_text())
    return document["campaigns"][0]["sent_others"]


def write_sent(tmp_path, rows):
    columns = ["user", "channel", "time", "campaign"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "sent.csv", index=False)
    return {"path": str(tmp_path / "sent.csv")}


def test_what_another_tool_sent_to_the_held_out_is_counted(tmp_path, did):
    write_sent(tmp_path, [])
    sent = {"path": str(tmp_path / "sent.csv")}
    folder = build(tmp_path, "spring", "2026-03-01", sent=sent)
    held_out, treated = sorted(users(folder, "held_out")), sorted(users(folder, "not held_out"))
    rows = [(user, "email", "2026-03-05T08:00:00", "crm") for user in held_out[:7]]
    rows += [(user, "push", "2026-03-14T23:00:00", "") for user in held_out[5:9]]
    rows += [(user, "push", "2026-03-15", "") for user in held_out[20:30]]  # too late to matter
    rows += [(user, "push", "2026-02-28", "") for user in held_out[30:40]]  # met both alike
    rows += [(user, "push", "2026-03-02", "") for user in treated[:11]]
    # Of this campaign itself, and not twice.
    rows += [(user, "push", "2026-03-01", "spring/hello") for user in treated]
    write_sent(tmp_path, rows)
    found = sent_others(folder, did)
    assert found["held_out"] == {
        "users": 9,
        "share": pytest.approx(9 / len(held_out)),
        "by": {"other tools": 9},
        "any_version": 9,
    }
    assert found["treated"]["users"] == 11
    said = uplift_summary(folder / "uplift.json")
    share = 9 / len(held_out)
    assert f"contaminated: 9 ({share:.1%}) of the users held out were sent other campaigns" in said
    assert "11 (0.6%) of the other users were sent other campaigns" in said
    # They are compared as they were drawn.
    document = json.loads((folder / "uplift.json").read_text())
    overall = document["campaigns"][0]["responded"]["overall"]
    assert overall["held_out"] == len(held_out)
    longer = did.model_copy(update={"days": 15})
    assert sent_others(folder, longer)["held_out"]["users"] == 19


def test_what_other_campaigns_send_is_counted_where_the_outcome_is_the_same(tmp_path, did):
    later = build(tmp_path, "later", "2026-03-10", "buys < 0.5", holdout=0)
    build(tmp_path, "survey", "2026-03-11", outcome="answers", holdout=0)
    build(tmp_path, "too-late", "2026-03-15", holdout=0)
    folder = build(tmp_path, "spring", "2026-03-01")
    held_out, treated = users(folder, "held_out"), users(folder, "not held_out")
    low = users(later)
    found = sent_others(folder, did)
    assert found["held_out"]["users"] == len(held_out & low) > 50
    assert found["held_out"]["by"] == {"later of 2026-03-10": len(held_out & low)}
    assert found["treated"]["users"] == len(treated & low)
    # Built again, it heeds them; the version before may have been sent.
    again = build(tmp_path, "later", "2026-03-10", "buys < 0.5", holdout=0)
    assert users(again) == low - held_out
    found = sent_others(folder, did)
    assert found["held_out"]["users"] == 0
    assert found["held_out"]["any_version"] == len(held_out & low)
    said = uplift_summary(folder / "uplift.json")
    assert "contaminated" not in said
    assert f"{len(held_out & low)} of the users held out, if earlier versions of these" in said


def test_what_is_not_known_is_said(tmp_path, did):
    sent = write_sent(tmp_path, [("user-0001", "push", "2026-03-02", "")])
    folder = build(tmp_path, "spring", "2026-03-01", sent=sent)
    (tmp_path / "sent.csv").unlink()
    measure_campaign(folder, did)
    assert "what other tools sent is not known" in uplift_summary(folder / "uplift.json")
    other = build(tmp_path, "summer", "2026-03-02")
    flip(other / "campaign.json")
    with pytest.raises(InputError, match=r"summer/1/campaign.json is damaged"):
        measure_campaign(folder, did)
    folder = (tmp_path / "runs/campaigns").rename(tmp_path / "copied") / "spring/1"
    measure_campaign(folder, did)
    assert "is not in the campaigns of a runs folder" in uplift_summary(folder / "uplift.json")


def test_messages_to_none_of_the_campaigns_users_are_said(tmp_path, did):
    write_sent(tmp_path, [])
    sent = {"path": str(tmp_path / "sent.csv")}
    folder = build(tmp_path, "spring", "2026-03-01", sent=sent)
    write_sent(tmp_path, [(f"K{user}", "push", "2026-03-02", "") for user in range(3)])
    assert sent_others(folder, did)["held_out"]["users"] == 0
    said = uplift_summary(folder / "uplift.json")
    assert "sent: the campaign has none of the 3 users who were sent something meanwhile" in said


def test_a_complete_table_stands_for_what_was_built(tmp_path, did):
    sent = {**write_sent(tmp_path, []), "complete": True}
    build(tmp_path, "later", "2026-03-10", holdout=0)
    folder = build(tmp_path, "spring", "2026-03-01", sent=sent)
    assert sent_others(folder, did)["held_out"]["users"] == 0
    one = sorted(users(folder, "held_out"))[0]
    rows = [(one, "push", "2026-03-10", "later/hello")]
    rows += [(user, "push", "2026-03-01T10:00:00", "spring") for user in assigned(folder)["user"]]
    write_sent(tmp_path, rows)
    found = sent_others(folder, did)
    assert found["held_out"]["by"] == {"other tools": 1} and found["treated"]["users"] == 0
