"""Whatever the audiences, channels and lists are: nobody who opted out is in any output."""

import json
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import InputError
from recsys.experiment.file import validated
from recsys.marketing.audiences.audience import AudienceConfig, save_audience
from recsys.marketing.campaigns import reach
from recsys.marketing.campaigns.campaign import build_campaign
from recsys.marketing.campaigns.campaign_file import CampaignFile
from recsys.marketing.campaigns.offers import Offer
from recsys.marketing.campaigns.reach import TAKEN
from recsys.marketing.campaigns.sharers import SHARED
from recsys.marketing.contacts.identifiers import sha256
from recsys.marketing.reports.campaign_report import campaign_section

USERS = [f"user-{user}" for user in range(60)]
CHANNELS = {
    "push": {"kind": "push"},
    "email": {"kind": "email", "subject": "For you"},
    "social": {"kind": "social", "platform": "google"},
}


class OneOffer:
    """A recommender that has the same for everybody."""

    dataset = SimpleNamespace(items=1, item_ids=["i"])

    def __init__(self, run):
        pass

    def titled(self):
        return True

    def allowed(self, config, stock, origin):
        return stock

    def choice(self, config, stock, origin):
        return [0]

    def of(self, users, config, choice, left):
        return ((user, Offer(("i",), ("Item",), "", False)) for user in users)


@pytest.fixture(scope="module")
def prediction(tmp_path_factory):
    folder = tmp_path_factory.mktemp("buys")
    (folder / "experiment.yaml").write_text("task: propensity\n")
    rows = {"user": USERS, "probability": [user / 60 for user in range(60)]}
    pd.DataFrame(rows).assign(segment="active", reasons=[[]] * 60).to_parquet(
        folder / "users.parquet"
    )
    contacts = pd.DataFrame({"user": USERS, "email": [f"{user}@example.org" for user in USERS]})
    contacts.to_csv(folder / "contacts.csv", index=False)
    return folder


@pytest.fixture(scope="module", autouse=True)
def one_offer():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reach, "Offers", OneOffer)
        yield


@settings(max_examples=15, deadline=None, derandomize=True, database=None)
@given(
    channels=st.permutations(list(CHANNELS)),
    lows=st.permutations([0.0, 0.2, 0.45]),  # audiences overlap, and none holds another
    out=st.dictionaries(
        st.sampled_from([*USERS, "stranger"]),
        st.sampled_from(["push", "email", "social", "all", "", "EMAIL"]),
        max_size=40,
    ),
    holdout=st.sampled_from([0.0, 0.4]),
    by=st.sampled_from(["key", "email"]),
)
def test_nobody_who_opted_out_is_in_any_output(prediction, channels, lows, out, holdout, by):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spelling = "{},{}" if by == "key" else "{}+news@Example.ORG,{}"
        lines = [spelling.format(user, channel) for user, channel in out.items()]
        (folder / "no.csv").write_text("\n".join(["who,channel", *lines]) + "\n")
        suppress = {"path": str(folder / "no.csv"), by: "who", "channel": "channel"}
        suppress["unknown"] = "allow"
        contacts = {"path": str(prediction / "contacts.csv"), "key": "user", "email": "email"}
        common = {"runs": {"buys": str(prediction)}, "minimum_size": 5}
        common |= {"suppress": suppress, "contacts": contacts}
        document = {
            "name": "any",
            "at": "2026-01-01",
            "recommender": "one",
            "holdout": holdout,
            "audiences": {
                each: {"where": f"buys >= {low} and buys < {low + 0.5}"}
                for each, low in zip(CHANNELS, lows, strict=True)
            },
            "campaigns": [
                {"name": each, "audience": each, "priority": place, "channel": CHANNELS[each]}
                for place, each in enumerate(channels, start=1)
            ],
        }
        everywhere = {user for user, channel in out.items() if channel in ("all", "")}
        audience = {"name": "all", "where": "true", **common}
        members = save_audience(validated(AudienceConfig, audience, "all"), folder / "runs")
        members = set(pd.read_parquet(members / "members.parquet")["user"])
        assert members == set(USERS) - everywhere
        try:
            built = build_campaign(
                validated(CampaignFile, {**document, **common}, "any"), folder / "runs"
            )
        except InputError as error:
            # Too few are left for a channel, or nobody.
            assert "contradicts" in str(error) or "fewer than 5" in str(error)
            return
        rows = pd.read_parquet(built / "assignments.parquet")
        assert not set(rows["user"]) & everywhere
        for user, channel in zip(rows["user"], rows["channel"], strict=True):
            assert out.get(user, "").casefold() != channel
        for each in ("push", "email"):
            imported = set(pd.read_csv(built / f"{each}-{each}.csv", dtype=str)["user"])
            silent = {user for user, channel in out.items() if channel.casefold() == each}
            assert not imported & (everywhere | silent)
        for path in built.glob("*.parquet"):
            assert not set(pd.read_parquet(path)["user"]) & everywhere
        social = (built / "social-social.csv").read_text()
        assert "user" not in social and "example" not in social
        sent = rows[(rows["channel"] == "social") & ~rows["held_out"]]
        assert len(social.splitlines()) == 1 + len(sent)


def test_a_campaign_whose_users_are_all_capped_is_empty(prediction, tmp_path):
    sent = {"user": USERS, "channel": "push", "time": "2026-01-01", "campaign": "earlier/x"}
    pd.DataFrame(sent).to_csv(tmp_path / "sent.csv", index=False)
    document = {
        "name": "again",
        "at": "2026-01-02",
        "runs": {"buys": str(prediction)},
        "recommender": "one",
        "sent": {"path": str(tmp_path / "sent.csv")},
        "caps": {"push": {"messages": 1, "days": 7}},
        "audiences": {"all": {"where": "true"}},
        "campaigns": [{"name": "x", "audience": "all", "priority": 1, "channel": CHANNELS["push"]}],
    }
    built = build_campaign(validated(CampaignFile, document, "again"), tmp_path / "runs")
    assert (built / "push-x.csv").read_text() == "user,items,reason\n"
    assert len(pd.read_parquet(built / "left_out.parquet")) == len(USERS)


def test_who_opts_out_later_is_not_named_among_those_left_out(prediction, tmp_path):
    contacts = pd.read_csv(prediction / "contacts.csv")
    contacts[1:].to_csv(tmp_path / "contacts.csv", index=False)  # nothing of user-0
    document = {
        "name": "again",
        "at": "2026-01-02",
        "runs": {"buys": str(prediction)},
        "minimum_size": 5,
        "suppress": {"path": str(tmp_path / "no.csv"), "key": "user"},
        "contacts": {"path": str(tmp_path / "contacts.csv"), "key": "user", "email": "email"},
        "audiences": {"all": {"where": "true"}},
        "campaigns": [
            {"name": "a", "audience": "all", "priority": 1, "channel": CHANNELS["social"]}
        ],
    }
    named = []
    for out in ("user\nuser-1\n", "user\nuser-0\nuser-1\n"):
        (tmp_path / "no.csv").write_text(out)
        built = build_campaign(validated(CampaignFile, document, "again"), tmp_path / "runs")
        named.append(pd.read_parquet(built / "left_out.parquet")["user"].tolist())
    assert named == [["user-0"], []]
    assert "makes a 7 of the id 007" in (built / "README.md").read_text()


ALL = {"audiences": {"all": {"where": "true"}}, "at": "2026-01-02", "minimum_size": 5}


def built(prediction, tmp_path, table, channel, **settings):
    """The folder of one campaign for everybody, without a holdout."""
    pd.DataFrame(table).to_csv(tmp_path / "contacts.csv", index=False)
    columns = {name: name for name in table if name != "user"}
    document = {
        "name": "one",
        "runs": {"buys": str(prediction)},
        "recommender": "one",
        "holdout": 0,
        "contacts": {"path": str(tmp_path / "contacts.csv"), "key": "user", **columns},
        "campaigns": [{"name": "x", "audience": "all", "priority": 1, "channel": channel}],
        **ALL,
        **settings,
    }
    return build_campaign(validated(CampaignFile, document, "one"), tmp_path / "runs")


@pytest.mark.parametrize("platform", ["google", "meta", "tiktok"])
def test_an_opted_out_address_is_sent_to_no_platform_in_any_spelling(
    prediction, tmp_path, platform
):
    # Three accounts of the mailbox that opted out, and one of somebody else.
    spellings = ["jdoe@gmail.com", "J.Doe@googlemail.com", "j.doe+shop@GMAIL.com"]
    emails = spellings + [f"{user}@example.org" for user in USERS[3:]]
    (tmp_path / "no.csv").write_text("mail\nj.doe+x@gmail.com\n")
    folder = built(
        prediction,
        tmp_path,
        {"user": USERS, "email": emails},
        {"kind": "social", "platform": platform},
        suppress={"path": str(tmp_path / "no.csv"), "email": "mail"},
    )
    _, *rows = (folder / "social-x.csv").read_text().splitlines()
    assert rows == sorted(sha256(f"{user}@example.org") for user in USERS[3:])
    (counted,) = json.loads((folder / "campaign.json").read_text())["campaigns"]
    assert counted["audience"]["opted_out"] == 3 and counted["left_out"] == {}
    assert pd.read_parquet(folder / "left_out.parquet").empty


def test_an_id_that_opted_out_takes_the_other_accounts_of_its_mailbox_along(prediction, tmp_path):
    emails = ["jdoe@googlemail.com", "J.Doe+x@gmail.com"] + [f"{u}@b.org" for u in USERS[2:]]
    (tmp_path / "no.csv").write_text("user,channel\nuser-0,email\n")
    suppress = {"path": str(tmp_path / "no.csv"), "key": "user", "channel": "channel"}
    contacts = {"user": USERS, "email": emails}
    folder = built(prediction, tmp_path, contacts, CHANNELS["email"], suppress=suppress)
    assert pd.read_csv(folder / "email-x.csv")["user"].tolist() == USERS[2:]
    assert pd.read_parquet(folder / "left_out.parquet")[["user", "reason"]].values.tolist() == [
        ["user-1", SHARED]
    ]
    folder = built(prediction, tmp_path, contacts, CHANNELS["push"], suppress=suppress)
    assert pd.read_csv(folder / "push-x.csv")["user"].tolist() == USERS


def test_an_email_campaign_sends_nothing_to_users_without_an_address(prediction, tmp_path):
    emails = [" Ann.Lee@Example.org", "ann.lee@example.org", "none of them", None]
    emails += [f"{user}@example.org" for user in USERS[4:50]]
    contacts = {"user": USERS[:50], "email": emails}
    folder = built(prediction, tmp_path, contacts, CHANNELS["email"])
    imported = pd.read_csv(folder / "email-x.csv")
    assert imported["user"].tolist() == [USERS[0], *USERS[4:50]]
    assert imported["email"].tolist() == ["Ann.Lee@Example.org", *emails[4:]]
    assert pd.read_parquet(folder / "messages.parquet")["user"].tolist() == [USERS[0], *USERS[4:50]]
    (counted,) = json.loads((folder / "campaign.json").read_text())["campaigns"]
    assert counted["sent"] == 47
    assert counted["left_out"] == {
        "no contact details": 10,
        "email: not an e-mail address": 1,
        "email: none given": 1,
        TAKEN: 1,
    }
    # The page that shows it needs no addresses.
    (shown,) = campaign_section(folder)["campaigns"]
    assert "email" not in shown["shown"]["columns"] and "user" in shown["shown"]["columns"]


def test_a_mailbox_is_for_the_first_who_can_be_offered_something(prediction, tmp_path, monkeypatch):
    asked = []

    def of(self, users, config, choice, left):
        asked.extend(users)
        for user in users:
            yield user, None if user == "user-0" else Offer(("i",), ("Item",), "", False)

    monkeypatch.setattr(OneOffer, "of", of)
    emails = ["a@b.org", "A@b.org", "a+x@b.org"] + [f"{user}@b.org" for user in USERS[3:]]
    folder = built(prediction, tmp_path, {"user": USERS, "email": emails}, CHANNELS["email"])
    assert pd.read_csv(folder / "email-x.csv")["user"].tolist() == ["user-1", *USERS[3:]]
    # The third was offered nothing, and so took no piece of the stock.
    assert sorted(asked) == sorted(["user-0", "user-1", *USERS[3:]])
    (counted,) = json.loads((folder / "campaign.json").read_text())["campaigns"]
    assert counted["left_out"] == {"nothing to offer": 1, TAKEN: 1}


def test_a_push_campaign_has_tokens_where_the_contacts_have_them(prediction, tmp_path):
    contacts = {"user": USERS, "push_token": [None, *[f"t:{user}" for user in USERS[1:]]]}
    folder = built(prediction, tmp_path, contacts, CHANNELS["push"])
    imported = pd.read_csv(folder / "push-x.csv")
    assert list(imported) == ["user", "push_token", "items", "reason"]
    assert imported["push_token"].tolist() == [f"t:{user}" for user in USERS[1:]]
    assert pd.read_parquet(folder / "left_out.parquet")["reason"].tolist() == [
        "push_token: none given"
    ]


def test_strangers_hashes_are_not_uploaded(prediction, tmp_path):
    # The first ten are mobile phones in China, and would be others in Germany with a zero before.
    phones = [f"1511234567{digit}" for digit in range(10)]
    phones += [f"0151 1234 5{number:03d}" for number in range(10, 60)]
    countries = ["CN"] * 10 + ["DE"] * 50
    channel = {"kind": "social", "platform": "tiktok"}
    contacts = {"user": USERS, "phone": phones, "country": countries}
    folder = built(prediction, tmp_path, contacts, channel)
    german = [sha256(f"4915112345{number:03d}") for number in range(10, 60)]
    chinese = [sha256(f"86{number}") for number in phones[:10]]
    assert (folder / "social-x.csv").read_text().split()[1:] == sorted(german + chinese)
    no_country = {"user": USERS, "phone": phones}
    settings = {"path": str(tmp_path / "contacts.csv"), "key": "user", "phone": "phone"}
    folder = built(prediction, tmp_path, no_country, channel, contacts={**settings, "region": "DE"})
    assert (folder / "social-x.csv").read_text().split()[1:] == sorted(german)
    (counted,) = json.loads((folder / "campaign.json").read_text())["campaigns"]
    assert counted["unusable_details"] == {
        "phone: neither a country code nor the 0 of numbers in DE": 10
    }
    with pytest.raises(InputError, match="none of 60 users can be found"):
        built(prediction, tmp_path, no_country, channel)
