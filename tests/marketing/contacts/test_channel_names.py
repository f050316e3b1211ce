import pytest

from recsys.marketing.contacts.channel_names import channel_name


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Push", "push"),
        ("push_notification", "push"),
        ("Push Notifications", "push"),
        (" E-Mail ", "email"),
        ("e_mail", "email"),
        ("E-MAILS", "email"),
        ("social media", "social"),
        ("Mail", "mail"),  # may be the post
        ("SMS", "sms"),
        ("pushy", "pushy"),
        ("", ""),
    ],
)
def test_only_what_is_surely_a_channel_is_read_as_one(given, expected):
    assert channel_name(given) == expected
