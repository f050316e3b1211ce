"""What a campaign file without a recommender means."""

import pytest
import yaml

from recsys.errors import InputError
from recsys.experiment.file import validated
from recsys.marketing.campaigns.campaign_file import CampaignFile

FILE = {
    "name": "spring",
    "at": "2026-03-01",
    "runs": {"buys": "runs/buys/1"},
    "audiences": {"all": {"where": "true"}},
    "contacts": {"path": "contacts.csv", "key": "user", "email": "mail"},
}


def read(channel, **settings):
    campaign = {"name": "hello", "audience": "all", "priority": 1, "channel": channel}
    return validated(CampaignFile, {**FILE, "campaigns": [campaign], **settings}, "spring.yaml")


def test_without_a_recommender_messages_are_plain():
    config = read({"kind": "push", "text": "Hello"})
    assert config.campaigns[0].channel.offer is None
    assert read({"kind": "email", "subject": "Hello"}).campaigns[0].channel.offer is None
    # What is kept as resolved reads as the same.
    again = yaml.safe_load(yaml.safe_dump(config.model_dump(mode="json")))
    assert validated(CampaignFile, again, "campaign.yaml") == config


def test_with_a_recommender_messages_offer_items_unless_they_say_no():
    config = read({"kind": "push"}, recommender="runs/r/1")
    assert config.campaigns[0].channel.offer.items == 3
    config = read({"kind": "push", "text": "Hello", "offer": None}, recommender="runs/r/1")
    assert config.campaigns[0].channel.offer is None
    again = yaml.safe_load(yaml.safe_dump(config.model_dump(mode="json")))
    assert validated(CampaignFile, again, "campaign.yaml") == config


@pytest.mark.parametrize(
    ("channel", "settings", "message"),
    [
        ({"kind": "push", "offer": {}}, {}, "offers items .*name the `recommender`"),
        ({"kind": "push"}, {}, "needs a text"),
        ({"kind": "email", "subject": "{{ titles[0] }}"}, {}, "`subject` speaks of titles"),
        (
            {"kind": "push", "text": "Hello"},
            {"stock": {"path": "stock.csv"}},
            "no campaign offers items.*take `stock` out",
        ),
    ],
)
def test_what_offers_nothing_cannot_speak_of_offers(channel, settings, message):
    with pytest.raises(InputError, match=message):
        read(channel, **settings)


@pytest.mark.parametrize("contacts", [None, {"path": "contacts.csv", "key": "id", "phone": "tel"}])
def test_an_email_campaign_needs_addresses(contacts):
    with pytest.raises(InputError, match=r"'hello' goes out by e-mail.*`key` and `email`"):
        read({"kind": "email", "subject": "Hello"}, contacts=contacts)


def test_days_begin_with_the_day_of_sending():
    assert str(read({"kind": "push", "text": "Hello"}).until) == "2026-03-14"
    assert str(read({"kind": "push", "text": "Hello"}, days=1).until) == "2026-03-01"


@pytest.mark.parametrize("day", ["02.01.2024", "2024-01-02T10:00", "tomorrow"])
def test_a_day_of_sending_that_is_none_is_refused_with_how_to_write_one(day):
    with pytest.raises(InputError, match=r"at: not a date: write it as 2026-01-31"):
        read({"kind": "push", "text": "Hello"}, at=day)


def test_a_key_of_the_file_within_a_section_is_sent_to_the_top():
    audiences = {"all": {"where": "true", "minimum_size": 20}}
    with pytest.raises(InputError, match="did you mean 'minimum_size' at the top"):
        read({"kind": "push", "text": "Hello"}, audiences=audiences)
