from datetime import date

import pandas as pd
import pytest

from recsys.errors import InputError
from recsys.marketing.campaigns.caps import CapConfig, Frequency
from recsys.marketing.campaigns.messages import SentConfig, messages_elsewhere
from recsys.marketing.contacts.contacts import Contacts
from recsys.marketing.contacts.shared_details import SharedDetails

AT = date(2026, 3, 10)


def frequency(tmp_path, caps, sent, contacts=None):
    rows = pd.DataFrame(sent, columns=["user", "channel", "time", "campaign"])
    rows.to_csv(tmp_path / "sent.csv", index=False)
    caps = {channel: CapConfig(messages=n, days=days) for channel, (n, days) in caps.items()}
    messages, _ = messages_elsewhere(SentConfig(path=str(tmp_path / "sent.csv")), [])
    return Frequency(caps, messages, "spring", AT, SharedDetails(contacts))


def test_messages_count_within_their_days(tmp_path):
    found = frequency(
        tmp_path,
        {"push": (2, 7)},
        [
            ("1", "push", "2026-03-09T23:59:00Z", ""),
            ("1", "push", "2026-03-04", ""),
            ("2", "push", "2026-03-09", ""),
            ("2", "push", "2026-03-03T23:59:00Z", ""),
            ("3", "email", "2026-03-09", ""),
            ("3", "email", "2026-03-08", ""),
        ],
    )
    assert [found.is_reached(user, "push") for user in "1234"] == [True, False, False, False]
    assert not found.is_reached("1", "email")


def test_a_cap_of_all_channels_counts_them_together(tmp_path):
    sent = [("1", "email", "2026-03-09", ""), ("1", "Push", "2026-03-08", "")]
    found = frequency(tmp_path, {"all": (2, 7), "push": (3, 7)}, sent)
    assert found.is_reached("1", "push") and found.is_reached("1", "social")


def test_its_own_messages_of_the_day_do_not_count(tmp_path):
    own = [("1", "push", "2026-03-10", "spring/restock")]
    assert not frequency(tmp_path, {"push": (1, 7)}, own).is_reached("1", "push")
    others = [("1", "push", "2026-03-10", "spring2/restock")]
    assert frequency(tmp_path, {"push": (1, 7)}, others).is_reached("1", "push")


def test_a_cap_of_none_silences_a_channel():
    nothing, _ = messages_elsewhere(None, [])
    found = Frequency({"push": CapConfig(messages=0)}, nothing, "spring", AT, SharedDetails())
    assert found.is_reached("1", "push") and not found.is_reached("1", "email")


def test_a_time_that_is_none_is_named(tmp_path):
    with pytest.raises(InputError, match="'time': 'yesterday' in row 2 is not a usable time"):
        frequency(tmp_path, {}, [("1", "push", "2026-03-09", ""), ("1", "push", "yesterday", "")])


def test_versions_of_a_campaign_that_was_built_again_count_once(tmp_path):
    sent = [
        ("1", "push", "2026-03-09", "autumn/next"),
        ("1", "push", "2026-03-09", "autumn/next"),
        ("1", "email", "2026-03-09", "autumn/miss-you"),
        ("2", "push", "2026-03-09", "autumn/next"),
        ("2", "push", "2026-03-08", "autumn/next"),
        # Of another tool, who knows.
        ("3", "push", "2026-03-09", "autumn"),
        ("3", "push", "2026-03-09", "autumn"),
    ]
    for channel in ("push", "all"):
        found = frequency(tmp_path, {channel: (2, 7)}, sent)
        assert [found.is_reached(user, "push") for user in "123"] == [False, True, True]


def test_what_was_sent_to_a_mailbox_counts_for_all_who_share_it(tmp_path):
    emails = {"1": "J.Doe@gmail.com", "2": "jdoe@googlemail.com", "3": "c@b.org", "4": None}
    contacts = Contacts(pd.DataFrame({"user": list(emails), "email": list(emails.values())}))
    sent = [
        ("1", "email", "2026-03-09", "autumn/next"),
        # A version in which the other one had it.
        ("2", "email", "2026-03-09", "autumn/next"),
        ("3", "email", "2026-03-09", "crm"),
        ("3", "email", "2026-03-09", "crm"),
        ("4", "email", "2026-03-08", "crm"),
    ]
    for most, reached in ((1, [True, True, True, True]), (2, [False, False, True, False])):
        found = frequency(tmp_path, {"email": (most, 7)}, sent, contacts)
        assert [found.is_reached(user, "email") for user in "1234"] == reached
    found = frequency(tmp_path, {"email": (2, 7)}, [*sent, ("2", "email", "2026-03-08", "")])
    assert not found.is_reached("1", "email")  # ids are all there is
    more = [*sent, ("2", "email", "2026-03-08", "")]
    assert frequency(tmp_path, {"email": (2, 7)}, more, contacts).is_reached("1", "email")
    # A push finds the device of the one it is for, a platform whoever has the address.
    more = [*sent, ("2", "push", "2026-03-08", "")]
    assert not frequency(tmp_path, {"all": (2, 7)}, more, contacts).is_reached("1", "push")
    more = [*sent, ("2", "social", "2026-03-08", "")]
    assert frequency(tmp_path, {"all": (2, 7)}, more, contacts).is_reached("1", "push")
