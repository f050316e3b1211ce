import pytest
from pydantic import ValidationError

from recsys.errors import InputError
from recsys.marketing.campaigns.channels import EmailConfig
from recsys.marketing.campaigns.offers import Offer, OfferConfig


def test_an_email_without_a_subject_is_refused_and_not_written(tmp_path):
    offers = {
        "1": Offer(("i",), ("Milk",), "Tea", False),
        "2": Offer(("i",), ("Milk",), "", False),
    }
    email = EmailConfig(kind="email", subject="{{ because }}")
    with pytest.raises(InputError, match="1 of 2 e-mails would have no subject"):
        email.write(["1", "2"], offers, tmp_path / "email.csv")
    assert not list(tmp_path.iterdir())


def test_an_offer_that_nobody_can_get_is_refused():
    with pytest.raises(ValidationError, match=r"`least` \(3\) is more than `items` \(2\)"):
        OfferConfig(items=2, least=3)
