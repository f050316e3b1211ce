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
