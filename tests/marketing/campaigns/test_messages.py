"""What other tools sent counts for the caps, or is said not to."""

import pandas as pd
import pytest

from recsys.errors import InputError
from recsys.marketing.campaigns.summary import campaign_summary
from tests.marketing.campaigns.plain import USERS, build, counts, users

CAPS = {"push": {"messages": 1, "days": 7}}


def sent(tmp_path, ids, channels="push", **columns):
    rows = pd.DataFrame({"user": ids, "channel": channels, "time": "2026-02-28"})
    rows.assign(**columns).to_csv(tmp_path / "sent.csv", index=False)
    return {"path": str(tmp_path / "sent.csv")}


def test_users_whom_the_log_does_not_have_are_said_and_refused_where_all_are(tmp_path):
    some = sent(tmp_path, ["user-0000", "user-0001", "anna", "ben", None])
    found = build(tmp_path, "spring", "2026-03-01", sent=some, caps=CAPS)
    assert users(found) == set(USERS[2:])
    assert counts(found)["notes"] == [
        "sent: messages without 'user', which count for no user: 1",
        "2 of the 4 users of `sent` are not in the log (such as anna, ben), so that what they were "
        "sent counts for no user",
    ]
    assert "such as anna, ben" in campaign_summary(found)
    strangers = sent(tmp_path, [f"K{user}" for user in USERS])
    with pytest.raises(InputError, match=r"2,000 of the 2,000 users of `sent`.*`sent.user`"):
        build(tmp_path, "spring", "2026-03-01", sent=strangers, caps=CAPS)


def test_common_spellings_of_a_channel_are_read(tmp_path):
    table = sent(tmp_path, USERS[:4], ["push-notification", "Push Notifications", "PUSH", "E-Mail"])
    found = build(tmp_path, "spring", "2026-03-01", sent=table, caps=CAPS)
    assert users(found) == set(USERS[3:]) and counts(found)["notes"] == []


def test_messages_of_other_channels_are_counted_and_said(tmp_path):
    table = sent(tmp_path, USERS[:4], ["SMS", "sms", "mail", None])
    found = build(tmp_path, "spring", "2026-03-01", sent=table, caps=CAPS)
    assert users(found) == set(USERS)
    assert counts(found)["notes"] == [
        "sent: 4 messages are of other channels than push, email and social (sms 2, mail 1, no "
        "channel 1), and count for the cap `all` only"
    ]
    # Where no cap is of one channel, there is nothing to say.
    found = build(tmp_path, "spring", "2026-03-01", sent=table, caps={"all": CAPS["push"]})
    assert users(found) == set(USERS[4:]) and counts(found)["notes"] == []


def test_a_table_need_not_name_campaigns(tmp_path):
    first = build(tmp_path, "winter", "2026-02-28", "buys < 0.5", holdout=0)
    caps = {"push": {"messages": 2, "days": 7}}
    nameless = sent(tmp_path, USERS[:100])
    found = build(tmp_path, "spring", "2026-03-01", sent=nameless, caps=caps)
    assert users(found) == set(USERS[100:])
    # With the campaign's name they are what was built, and count once.
    named = sent(tmp_path, USERS[:100], campaign="winter/hello")
    found = build(tmp_path, "spring", "2026-03-01", sent=named, caps=caps)
    assert users(first) == set(USERS[:1000]) and users(found) == set(USERS)
    with pytest.raises(InputError, match="no column 'camp'"):
        build(tmp_path, "spring", "2026-03-01", sent={**named, "campaign": "camp"}, caps=caps)
