"""Campaign files built as a marketer would, from a real prediction and a real recommender."""

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest

from recsys.errors import InputError
from recsys.experiment.file import validated
from recsys.export.recommend import Recommender
from recsys.marketing.audiences.audience import AudienceConfig, save_audience
from recsys.marketing.audiences.summary import audience_summary
from recsys.marketing.campaigns.campaign import build_campaign
from recsys.marketing.campaigns.campaign_file import CampaignFile
from recsys.marketing.campaigns.offers import OfferConfig, Offers
from recsys.marketing.campaigns.outcomes import OutcomesConfig, measure_campaign
from recsys.marketing.campaigns.summary import campaign_summary
from recsys.marketing.campaigns.uplift_summary import uplift_summary
from recsys.runs.opening import open_run

pytestmark = pytest.mark.slow

ACTIVE, QUIET = "segment in ('active', 'loyal', 'new')", "segment in ('cooling', 'dormant')"


@pytest.fixture
def document(tmp_path, prediction, recommender):
    """A file of three campaigns; the fourth quarter of the users opted out."""
    users = pd.read_parquet(prediction / "users.parquet")["user"]
    contacts = pd.DataFrame({"user": users, "mail": users + "@Example.org"})
    contacts.to_csv(tmp_path / "contacts.csv", index=False)
    users[::4].to_csv(tmp_path / "no.csv", index=False)
    pd.DataFrame({"item": [f"i{item}" for item in range(6)]}).to_csv(
        tmp_path / "stock.csv", index=False
    )
    return {
        "name": "spring",
        "at": "2026-12-01",
        "runs": {"buys": str(prediction)},
        "recommender": str(recommender),
        "minimum_size": 20,
        "holdout": 0.3,
        "suppress": {"path": str(tmp_path / "no.csv"), "key": "user"},
        "stock": {"path": str(tmp_path / "stock.csv")},
        "contacts": {"path": str(tmp_path / "contacts.csv"), "key": "user", "email": "mail"},
        "audiences": {
            "active": {"where": ACTIVE},
            "quiet": {"where": QUIET},
            "all": {"where": "true"},
        },
        "campaigns": [
            {
                "name": "restock",
                "audience": "active",
                "channel": {"kind": "push", "offer": {"items": 2}},
                "priority": 1,
            },
            {
                "name": "we-miss-you",
                "audience": "quiet",
                "channel": {
                    "kind": "email",
                    "subject": "We miss you: {{ titles[0] }}",
                    "offer": {"items": 3, "where": "kind = 'a'"},
                },
                "priority": 2,
            },
            {
                "name": "reach",
                "audience": "all",
                "channel": {"kind": "social", "platform": "meta"},
                "priority": 3,
            },
        ],
    }


def build(document, tmp_path, **changes):
    config = validated(CampaignFile, {**document, **changes}, "spring.yaml")
    return build_campaign(config, tmp_path / "runs")


def test_each_channel_gets_what_it_imports(document, tmp_path, prediction, recommender):
    folder = build(document, tmp_path)
    users = pd.read_parquet(prediction / "users.parquet").set_index("user")
    out = set(users.index[::4])
    push = pd.read_csv(folder / "push-restock.csv", dtype=str)
    email = pd.read_csv(folder / "email-we-miss-you.csv", dtype=str)
    social = pd.read_csv(folder / "social-reach.csv", dtype=str)
    assert list(push) == ["user", "items", "reason"]
    assert list(email) == ["user", "email", "subject", "items", "titles", "reason"]
    assert (email["email"] == email["user"] + "@Example.org").all()
    assert set(users.loc[push["user"], "segment"]) <= {"active", "loyal", "new"}
    assert set(users.loc[email["user"], "segment"]) <= {"cooling", "dormant"}
    assert push["items"].str.count(r"\|").eq(1).all()
    stock = {f"i{item}" for item in range(6)}
    assert set("|".join(push["items"]).split("|")) <= stock
    # Of the kind, and in stock.
    assert set("|".join(email["items"]).split("|")) == {"i0", "i2", "i4"}
    first = email.iloc[0]
    assert first["subject"] == f"We miss you: {first['titles'].split('|')[0]}"
    assert first["titles"].startswith("Thing i") and push["reason"].str.len().min() > 5
    # The rest is lost, and in the platform's file no one can be read.
    assert list(social) == ["email"] and social["email"].str.fullmatch("[0-9a-f]{64}").all()

    rows = pd.read_parquet(folder / "assignments.parquet")
    assert rows["user"].is_unique and not set(rows["user"]) & out
    assert rows["held_out"].mean() == pytest.approx(0.3, abs=0.12)
    sent = rows[~rows["held_out"]]
    for name, file in (("restock", push), ("we-miss-you", email)):
        assert set(file["user"]) == set(sent.loc[sent["campaign"] == name, "user"])
    assert len(social) == (sent["campaign"] == "reach").sum()
    assert (rows["segment"] == users.loc[rows["user"], "segment"].to_numpy()).all()
    # Nobody who opted out is in any file, under any name.
    everything = "".join(path.read_text() for path in folder.glob("*.csv"))
    assert not [user for user in out if f"{user}," in everything]
    for path in folder.glob("*.parquet"):
        assert not set(pd.read_parquet(path)["user"]) & out

    counts = {
        each["name"]: each
        for each in json.loads((folder / "campaign.json").read_text())["campaigns"]
    }
    assert counts["restock"]["sent"] == len(push)
    assert counts["reach"]["left_out"]["has another campaign"] > 0
    readme = (folder / "README.md").read_text()
    assert all(
        path.name in readme
        for path in folder.iterdir()
        if path.name not in ("README.md", "version.json")
    )
    assert f"{len(email):,}" in campaign_summary(folder)

    assert build(document, tmp_path) == folder
    assert build(document, tmp_path, holdout=0.2).name == "2"


def test_what_was_sent_caps_the_next_file_and_counts_once(document, tmp_path):
    caps = {"all": {"messages": 2, "days": 7}}
    sent = {"path": str(tmp_path / "runs/campaigns/spring/*/messages.parquet")}
    first = build(document, tmp_path, caps=caps, sent=sent)
    assert "sent: no file matched" in campaign_summary(first)
    # Built again, it is the same, though its own messages are known by now.
    assert build(document, tmp_path, caps=caps, sent=sent) == first
    # The runs folder's messages count by themselves, and once where the file names them, too.
    messages = pd.read_parquet(first / "messages.parquet")
    assert set(messages["campaign"]) == {"spring/restock", "spring/we-miss-you", "spring/reach"}
    later = {"name": "later", "at": "2026-12-06", "holdout": 0, "minimum_size": 5}
    second = build({**document, **later}, tmp_path, caps=caps, sent=sent)
    rows = pd.read_parquet(second / "assignments.parquet")
    assert set(rows["user"]) == set(messages["user"])
    assert "sent: no file matched" not in campaign_summary(second)
    caps["all"]["messages"] = 1
    third = build({**document, **later, "outcome": "visits"}, tmp_path, caps=caps)
    held_out = pd.read_parquet(first / "assignments.parquet").query("held_out")["user"]
    assert set(pd.read_parquet(third / "assignments.parquet")["user"]) == set(held_out)


def test_no_more_is_offered_than_there_are_pieces(document, tmp_path):
    pieces = {"i0": 20, "i1": 7, "i2": 12, "i3": 2.5, "i4": 25, "i5": 0}
    stock = pd.DataFrame({"item": list(pieces), "n": list(pieces.values())})
    stock.to_csv(tmp_path / "pieces.csv", index=False)
    table = {"path": str(tmp_path / "pieces.csv"), "pieces": "n"}
    document["campaigns"] = document["campaigns"][:2]
    document["audiences"] = {name: document["audiences"][name] for name in ("active", "quiet")}
    folder = build(document, tmp_path, stock=table, holdout=0)
    files = [pd.read_csv(path, dtype=str) for path in sorted(folder.glob("*.csv"))]
    offered = pd.concat(files)["items"].str.split("|").explode().value_counts()
    assert (offered <= pd.Series(pieces)[offered.index]).all() and "i5" not in offered
    # There are more users than pieces of the second one's kind: all are taken, and it is said.
    assert offered["i0"] == 20 and offered["i2"] == 12 and offered["i4"] == 25
    reasons = pd.read_parquet(folder / "left_out.parquet")["reason"]
    assert (reasons == "nothing to offer").sum() > 10
    assert "items are offered to as many users as the pieces allow" in campaign_summary(folder)
    twice = build(document, tmp_path, stock={**table, "per_piece": 2}, holdout=0)
    files = [pd.read_csv(path, dtype=str) for path in sorted(twice.glob("*.csv"))]
    offered = pd.concat(files)["items"].str.split("|").explode().value_counts()
    assert 20 < offered["i0"] <= 40 and offered["i3"] <= 5
    # Those held out take theirs, so that whom the rest goes to is not a matter of their draw.
    half = build(document, tmp_path, stock=table, holdout=0.5)
    everybody = set(pd.read_parquet(folder / "assignments.parquet")["user"])
    assert set(pd.read_parquet(half / "assignments.parquet")["user"]) == everybody
    # Whom the last ones go to is drawn.
    other = build(document, tmp_path, stock=table, holdout=0, seed=2)
    assert set(pd.read_parquet(other / "assignments.parquet")["user"]) != everybody


def test_an_offer_is_what_the_recommender_answers(recommender, prediction):
    offers = Offers(recommender)
    users = pd.read_parquet(prediction / "users.parquet")["user"].tolist()[:30]
    config = OfferConfig(items=4)
    everything = offers.choice(config, np.ones(offers.dataset.items, bool), "here")
    endless = np.full(offers.dataset.items, np.inf)
    found = dict(offers.of([*users, "stranger"], config, everything, endless))
    assert found["stranger"] is None
    model = Recommender(open_run(recommender).model_version())
    for user in users:
        query = model.user_query(offers.dataset, user)
        answer = model.recommend(query, 4)
        scores = dict(zip(found[user].items, [row.score for row in answer], strict=True))
        assert [row.item_id for row in answer] == list(scores)
        assert found[user].again == (found[user].items[0] in query.history)
        assert found[user].titles[0] == f"Thing {found[user].items[0]}"

    config = OfferConfig(items=4, least=4, seen="exclude")
    fresh = dict(offers.of(users, config, everything, endless))
    for user, offer in fresh.items():
        history = set(model.user_query(offers.dataset, user).history)
        if offer is None:
            assert len(history) > 16
        else:
            assert not set(offer.items) & history and not offer.again


def test_a_campaign_is_measured_against_its_holdout(document, tmp_path):
    folder = build(document, tmp_path, holdout=0.5)
    rows = pd.read_parquet(folder / "assignments.parquet")
    push = rows[rows["campaign"] == "restock"]
    # Everybody who was sent it orders within the days, and of the others who is the first.
    did = pd.concat([push[~push["held_out"]], push[push["held_out"]][:1]])
    orders = pd.DataFrame({"who": did["user"], "when": "2026-12-03T10:00:00", "money": 2.5})
    late = orders.assign(when="2026-12-20")
    pd.concat([orders, late]).to_csv(tmp_path / "orders.csv", index=False)
    config = OutcomesConfig(
        path=str(tmp_path / "orders.csv"),
        user="who",
        time="when",
        value="money",
        latest_time=date(2027, 1, 1),
    )
    file = measure_campaign(folder, config)
    found = {each["name"]: each for each in json.loads(file.read_text())["campaigns"]}
    held_out = int(push["held_out"].sum())
    overall = found["restock"]["responded"]["overall"]
    assert overall["difference"] == pytest.approx(1 - 1 / held_out)
    assert overall["treated"] == len(push) - held_out and overall["low"] > 0.5
    assert found["restock"]["value"]["overall"]["treated_mean"] == 2.5
    assert found["reach"]["responded"]["overall"]["difference"] == 0
    said = uplift_summary(file)
    assert "restock: value" in said and "are over after" not in said
    orders.to_csv(tmp_path / "early.csv", index=False)
    early = config.model_copy(update={"path": str(tmp_path / "early.csv")})
    assert (
        "the last outcome is of 2026-12-03, and the days are over after 2026-12-14"
        in uplift_summary(measure_campaign(folder, early))
    )

    with pytest.raises(InputError, match="none of 1 outcomes is of the campaign's users"):
        orders.assign(when="2026-11-30")[:1].to_csv(tmp_path / "early.csv", index=False)
        measure_campaign(folder, early)
    with pytest.raises(InputError, match="has no outcomes"):
        orders[:0].to_csv(tmp_path / "early.csv", index=False)
        measure_campaign(folder, early)
    with pytest.raises(InputError, match="is not a campaign"):
        measure_campaign(tmp_path, config)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"minimum_size": 5000}, "audience 'active' has fewer than 5,000 users"),
        ({"audiences": {"active": {"where": ACTIVE}}}, "audience 'quiet'; there are active"),
        ({"contacts": None}, "'we-miss-you' goes out by e-mail: name the table of the addresses"),
        ({"recommender": None}, "'restock' offers items .channel push.: name the `recommender`"),
        ({"days": 0}, "days: "),
        ({"control": {"share": 0}}, "a control with a share of 0 holds no users"),
        ({"at": "soon"}, "at: "),
    ],
)
def test_bad_input_is_one_message(document, tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        build(document, tmp_path, **changes)
    assert not (tmp_path / "runs" / "campaigns" / "spring" / "1").exists()


def test_campaigns_that_contradict_each_other_are_refused(document, tmp_path):
    document["campaigns"][1]["audience"] = "active"
    del document["audiences"]["quiet"]
    with pytest.raises(InputError, match="'we-miss-you' contradicts 'restock'"):
        build(document, tmp_path)
    document["campaigns"][1] |= {"priority": 1}
    with pytest.raises(InputError, match="both have priority 1"):
        build(document, tmp_path)
    document["campaigns"][1]["name"] = "restock"
    with pytest.raises(InputError, match="two campaigns are named 'restock'"):
        build(document, tmp_path)


def test_a_channel_without_its_columns_is_refused(document, tmp_path):
    document["contacts"]["email"] = None
    with pytest.raises(InputError, match=r"'we-miss-you' goes out by e-mail.*`key` and `email`"):
        build(document, tmp_path)
    document["campaigns"].pop(1)
    document["audiences"].pop("quiet")
    with pytest.raises(InputError, match=r"social channel meta needs email or phone"):
        build(document, tmp_path)
    with pytest.raises(InputError, match="goes to meta, which finds users by e-mail or phone"):
        build(document, tmp_path, contacts=None)


def test_an_email_needs_titles(document, tmp_path, monkeypatch):
    monkeypatch.setattr(Offers, "titled", lambda self: False)
    with pytest.raises(InputError, match="an e-mail names items by their titles"):
        build(document, tmp_path)


def test_an_audience_of_look_alikes(document, tmp_path, prediction, recommender):
    users = pd.read_parquet(prediction / "users.parquet").set_index("user")
    seed, out = set(users.index[users["segment"] == "loyal"]), set(users.index[::4])
    like = {"recommender": str(recommender), "users": 40, "repeats": 3}
    settings = {"where": "segment = 'loyal'", "lookalike": like, "minimum_size": 20}
    settings |= {"runs": {"buys": str(prediction)}, "suppress": document["suppress"]}
    config = validated(AudienceConfig, {"name": "like-loyal", **settings}, "like.yaml")
    folder = save_audience(config, tmp_path / "runs")
    members = set(pd.read_parquet(folder / "members.parquet")["user"])
    assert len(members) == 40 and not members & (seed | out)
    counts = json.loads((folder / "audience.json").read_text())
    assert counts["seed_holdout"]["everyone"]["seed"] == len(seed - out)
    assert "compared with a random choice" in audience_summary(folder)


def test_nothing_to_offer_is_refused(document, tmp_path):
    document["campaigns"][0]["channel"]["offer"] = {"where": "kind = 'z'"}
    with pytest.raises(InputError, match="'restock': no item that the recommender recommends"):
        build(document, tmp_path)
