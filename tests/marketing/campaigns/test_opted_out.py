"""Whatever the audiences, channels and lists are: nobody who opted out is in any output."""

import tempfile
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import InputError
from recsys.experiment_file import validated
from recsys.marketing.audiences.audience import AudienceConfig, save_audience
from recsys.marketing.campaigns import reach
from recsys.marketing.campaigns.campaign import build_campaign
from recsys.marketing.campaigns.campaign_file import CampaignFile
from recsys.marketing.campaigns.offers import Offer

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
        st.sampled_from([*USERS, "a stranger"]),
        st.sampled_from(["push", "email", "social", "all", "", "EMAIL"]),
        max_size=40,
    ),
    holdout=st.sampled_from([0.0, 0.4]),
)
def test_nobody_who_opted_out_is_in_any_output(prediction, channels, lows, out, holdout):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = [f"{user},{channel}" for user, channel in out.items()]
        (folder / "no.csv").write_text("\n".join(["user,channel", *lines]) + "\n")
        suppress = {"path": str(folder / "no.csv"), "channel": "channel", "unknown": "allow"}
        common = {"runs": {"buys": str(prediction)}, "suppress": suppress, "minimum_size": 5}
        document = {
            "name": "any",
            "at": "2026-01-01",
            "recommender": "one",
            "holdout": holdout,
            "contacts": {
                "path": str(prediction / "contacts.csv"),
                "key": "user",
                "email": "email",
            },
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
        "suppress": {"path": str(tmp_path / "no.csv")},
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
