"""What goes to an address reaches all who share it: so do holdouts, caps and contamination."""

import json

import pandas as pd
import pytest

from recsys.marketing.campaigns.outcomes import OutcomesConfig, measure_campaign
from recsys.marketing.campaigns.reach import BESIDE_HELD_OUT, HELD_OUT, OFTEN, TAKEN
from recsys.marketing.campaigns.summary import campaign_summary
from recsys.marketing.campaigns.uplift_summary import uplift_summary
from recsys.marketing.contacts.identifiers import sha256
from tests.marketing.campaigns.plain import USERS, assigned, build, counts, users

EMAIL = {"kind": "email", "subject": "Hello"}
SOCIAL = {"kind": "social", "platform": "meta"}
PUSH = {"kind": "push", "text": "Hello"}
PAIRS = [f"home{place // 2}@b.org" for place in range(2000)]
# Of the 1,000 who buy least, the first 500 share an address with one of the others each.
HALVES = [f"home{place % 1000 if place % 1000 < 500 else place}@b.org" for place in range(2000)]
LOW, HIGH = "buys < 0.5", "buys >= 0.5"
PARTNERS = dict(zip(USERS[:500], USERS[1000:1500], strict=True))


def campaigns(*channels):
    """For everybody; or one for those who buy least, and after it one for the others."""
    if len(channels) == 1:
        where = {"all": {"where": "true"}}
    else:
        where = {"low": {"where": LOW}, "high": {"where": HIGH}}
    parts = zip(where, channels, strict=True)
    rows = [
        {"name": name, "audience": name, "priority": place, "channel": channel}
        for place, (name, channel) in enumerate(parts, start=1)
    ]
    return {"audiences": where, "campaigns": rows}


@pytest.fixture
def contacts(tmp_path):
    def write(emails, **columns):
        pd.DataFrame({"user": USERS, "email": emails, **columns}).to_csv(
            tmp_path / "contacts.csv", index=False
        )
        named = {name: name for name in ("email", *columns)}
        return {"path": str(tmp_path / "contacts.csv"), "key": "user", **named}

    return write


def left_out(folder):
    """By campaign and reason, who was left out."""
    rows = pd.read_parquet(folder / "left_out.parquet")
    return rows.groupby(["campaign", "reason"])["user"].agg(set).to_dict()


def test_no_platform_is_told_of_the_held_out_by_whoever_shares_their_address(tmp_path, contacts):
    settings = {**campaigns(SOCIAL), "contacts": contacts(PAIRS), "holdout": 0.3}
    folder = build(tmp_path, "spring", "2026-03-01", **settings)
    hashes = dict(zip(USERS, map(sha256, PAIRS), strict=True))
    assert len(users(folder)) == 1000 == len({hashes[user] for user in users(folder)})
    assert left_out(folder) == {("all", TAKEN): set(USERS) - users(folder)}
    assert counts(folder)["campaigns"][0]["left_out"] == {TAKEN: 1000}
    uploaded = set((folder / "social-all.csv").read_text().split()[1:])
    assert uploaded == {hashes[user] for user in users(folder, "not held_out")}
    held_out = users(folder, "held_out")
    assert 240 < len(held_out) < 360 and not uploaded & {hashes[user] for user in held_out}
    assert f"1,000 ({TAKEN})" in campaign_summary(folder)


@pytest.mark.parametrize("channels", [(EMAIL, SOCIAL), (SOCIAL, EMAIL), (PUSH, EMAIL)])
def test_over_all_campaigns_of_a_file_one_of_those_who_share_an_address_has_one(
    tmp_path, contacts, channels
):
    settings = {**campaigns(*channels), "contacts": contacts(HALVES), "holdout": 0.3}
    folder = build(tmp_path, "spring", "2026-03-01", **settings)
    assert users(folder) == set(USERS[:1000] + USERS[1500:])
    assert left_out(folder) == {("high", TAKEN): set(USERS[1000:1500])}


def test_a_push_by_id_reaches_nobody_else_unless_an_address_of_theirs_is_taken(tmp_path, contacts):
    shared = contacts(PAIRS)
    folder = build(tmp_path, "spring", "2026-03-01", contacts=shared)
    assert users(folder) == set(USERS)
    settings = {**campaigns(EMAIL, PUSH), "contacts": contacts(HALVES)}
    folder = build(tmp_path, "summer", "2026-05-01", **settings)
    # A push to them would be compared with nothing, had they been held out: they had the e-mail.
    assert left_out(folder) == {("high", TAKEN): set(USERS[1000:1500])}


def test_what_a_platform_is_not_told_is_not_shared(tmp_path, contacts):
    phones = ["+491701234567"] * 600 + [f"+49170200{place:04}" for place in range(1400)]
    given = contacts([f"{user}@b.org" for user in USERS], phone=phones)
    by_email = campaigns({**SOCIAL, "fields": ["email"]})
    folder = build(tmp_path, "spring", "2026-03-01", contacts=given, **by_email)
    assert users(folder) == set(USERS)
    folder = build(tmp_path, "summer", "2026-05-01", contacts=given, **campaigns(SOCIAL))
    assert len(users(folder)) == 1401 and len(users(folder) & set(USERS[:600])) == 1


def test_from_file_to_file_holdouts_and_caps_are_of_mailboxes(tmp_path, contacts):
    settings = {**campaigns(EMAIL), "contacts": contacts(PAIRS), "holdout": 0.3}
    first = build(tmp_path, "mail1", "2026-03-01", **settings)
    mailboxes = pd.Series(PAIRS, index=USERS)
    held_out, sent = users(first, "held_out"), users(first, "not held_out")
    cap = {"email": {"messages": 1, "days": 7}}

    def reached(some):
        return set(mailboxes[mailboxes.isin(mailboxes[list(some)])].index)

    uncapped = build(tmp_path, "mail2", "2026-03-04", **settings)
    assert left_out(uncapped)["all", HELD_OUT] == held_out
    assert left_out(uncapped)["all", BESIDE_HELD_OUT] == reached(held_out) - held_out
    assert set(mailboxes[list(users(uncapped))]) == set(mailboxes[list(sent)])
    assert counts(uncapped)["held_out_elsewhere"] == len(held_out)
    capped = build(tmp_path, "mail3", "2026-03-04", caps=cap, outcome="visits", **settings)
    # What the second sends counts, too: to the same mailboxes.
    assert left_out(capped)["all", OFTEN] == reached(sent)
    assert set(mailboxes[list(users(capped))]) == set(mailboxes[list(held_out)])


def test_without_contacts_ids_are_all_there_is(tmp_path, contacts):
    settings = {**campaigns(EMAIL), "contacts": contacts(PAIRS)}
    first = build(tmp_path, "mail", "2026-03-01", **settings)
    assert users(build(tmp_path, "push", "2026-03-04")) == set(USERS) - users(first, "held_out")


def test_held_out_users_who_were_reached_at_an_address_that_they_share_are_counted(
    tmp_path, contacts
):
    given = contacts(HALVES)
    # Built first, it does not know whom the other one holds out.
    later = campaigns(EMAIL)
    later["audiences"] = {"all": {"where": HIGH}}
    later = build(tmp_path, "later", "2026-03-10", contacts=given, **later)
    sent = set(users(later, "not held_out"))
    table = {"user": [USERS[1499]], "channel": "email", "time": "2026-03-05", "campaign": "crm"}
    pd.DataFrame(table).to_csv(tmp_path / "sent.csv", index=False)
    elsewhere = {"path": str(tmp_path / "sent.csv")}
    settings = {"contacts": given, "holdout": 0.5, "sent": elsewhere}
    folder = build(tmp_path, "spring", "2026-03-01", LOW, **settings)
    rows = assigned(folder)
    met = rows["user"].map(PARTNERS).isin(sent)
    held_out = int((met & rows["held_out"]).sum())
    assert held_out > 150
    assert f"addresses {held_out} of those held out here" in campaign_summary(folder)

    pd.DataFrame({"user": USERS[:1], "time": "2026-03-02"}).to_csv(tmp_path / "did.csv")
    did = OutcomesConfig(path=str(tmp_path / "did.csv"))
    found = json.loads(measure_campaign(folder, did).read_text())["campaigns"][0]["sent_others"]
    by = found["held_out"]["by"] | found["treated"]["by"]
    assert found["held_out"]["by"]["later of 2026-03-10"] == held_out
    assert found["treated"]["by"]["later of 2026-03-10"] == int((met & ~rows["held_out"]).sum())
    assert by["other tools"] == 1

    (tmp_path / "contacts.csv").unlink()
    found = json.loads(measure_campaign(folder, did).read_text())["campaigns"][0]["sent_others"]
    assert found["held_out"]["users"] == found["treated"]["users"] == 0
    said = uplift_summary(folder / "uplift.json")
    assert "who shares an address with whom is not known" in said and "contacts.csv" in said
