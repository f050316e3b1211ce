import csv

import pytest
from pydantic import ValidationError

from recsys.errors import InputError
from recsys.marketing.campaigns.channels import EmailConfig, PushConfig
from recsys.marketing.campaigns.offers import Offer, OfferConfig


def test_an_email_without_a_subject_is_refused_and_not_written(tmp_path):
    offers = {
        "1": Offer(("i",), ("Milk",), "Tea", False),
        "2": Offer(("i",), ("Milk",), "", False),
    }
    email = EmailConfig(kind="email", subject="{{ because }}")
    with pytest.raises(InputError, match="1 of 2 e-mails would have no subject"):
        email.write(["1", "2"], {"1": "a@b.org", "2": "c@b.org"}, offers, tmp_path / "email.csv")
    assert not list(tmp_path.iterdir())


def test_text_is_no_formula_and_ids_are_exact(tmp_path):
    """The tool finds users and items by their ids; a person looks at the text."""
    titles = ("=HYPERLINK(1)", "Tea|Cake", "x" * 50_000, "a\x1b[31m\nb")
    offers = {"=cmd": Offer(("-1", "@x", "3", "4"), titles, "", False)}
    reason = "{{ titles[0] }}"
    PushConfig(kind="push", reason=reason).write(["=cmd"], None, offers, tmp_path / "push.csv")
    email = EmailConfig(kind="email", subject="{{ titles[3] }}", reason=reason)
    email.write(["=cmd"], {"=cmd": "Ann@b.org"}, offers, tmp_path / "email.csv")
    with (tmp_path / "push.csv").open(newline="") as push:
        assert list(csv.reader(push)) == [
            ["user", "items", "reason"],
            ["=cmd", "-1|@x|3|4", "'=HYPERLINK(1)"],
        ]
    with (tmp_path / "email.csv").open(newline="") as file:
        _, row = csv.reader(file)
    shown = "'=HYPERLINK(1)|Tea/Cake|" + "x" * 499 + "…|a[31m b"
    assert row == ["=cmd", "Ann@b.org", "a[31m b", "-1|@x|3|4", shown, "'=HYPERLINK(1)"]


def test_an_offer_that_nobody_can_get_is_refused():
    with pytest.raises(ValidationError, match=r"`least` \(3\) is more than `items` \(2\)"):
        OfferConfig(items=2, least=3)


def test_a_plain_message_has_a_text_and_nothing_of_offers(tmp_path):
    push = PushConfig(kind="push", offer=None, text="{% if 1 > 0 %}Sale{% endif %}")
    push.write(["007", "x"], None, {}, tmp_path / "push.csv")
    assert (tmp_path / "push.csv").read_text() == "user,text\n007,Sale\nx,Sale\n"
    email = EmailConfig(kind="email", offer=None, subject="Hello", text="We moved")
    email.write(["1"], {"1": "A@b.org"}, {}, tmp_path / "email.csv")
    assert (
        tmp_path / "email.csv"
    ).read_text() == "user,email,subject,text\n1,A@b.org,Hello,We moved\n"
    EmailConfig(kind="email", offer=None, subject="Hello").write(
        ["1"], {"1": "A@b.org"}, {}, tmp_path / "e.csv"
    )
    assert (tmp_path / "e.csv").read_text() == "user,email,subject\n1,A@b.org,Hello\n"


def test_an_offer_may_have_a_text_beside_it(tmp_path):
    offers = {"1": Offer(("i",), ("Milk",), "Tea", False)}
    PushConfig(kind="push", text="{{ titles[0] }} is back").write(
        ["1"], {"1": "t:1"}, offers, tmp_path / "p.csv"
    )
    expected = "user,push_token,text,items,reason\n1,t:1,Milk is back,i,Because you chose Tea\n"
    assert (tmp_path / "p.csv").read_text() == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "push"}, "needs a text: give it a `text`"),
        ({"kind": "push", "text": "{{ because }}"}, "`text` speaks of because, and nothing is off"),
        ({"kind": "push", "text": "Hi", "reason": "New"}, "`reason` tells why an item is offered"),
        ({"kind": "email", "subject": "{{ titles[0] }}"}, "`subject` speaks of titles"),
        (
            {"kind": "email", "subject": "Hi", "text": "{% for i in items %}{{ i }}{% endfor %}"},
            "`text` speaks of items",
        ),
    ],
)
def test_a_plain_message_that_speaks_of_an_offer_is_refused(settings, message):
    channel = {"push": PushConfig, "email": EmailConfig}[settings["kind"]]
    with pytest.raises(ValidationError, match=message):
        channel.model_validate({**settings, "offer": None})


def test_a_notification_without_words_is_refused(tmp_path):
    push = PushConfig(kind="push", text="{{ because }}")
    with pytest.raises(InputError, match="1 of 1 notifications would have no text"):
        push.write(["1"], None, {"1": Offer(("i",), ("Milk",), "", False)}, tmp_path / "push.csv")
