from pathlib import Path

import pandas as pd
import pytest

from recsys.errors import InputError
from recsys.experiment.file import validated
from recsys.marketing.contacts.contacts import ContactsConfig, read_contacts
from recsys.marketing.contacts.identifiers import Unusable


def table(folder: Path, **columns: list) -> str:
    path = folder / "contacts.parquet"
    pd.DataFrame(columns).to_parquet(path)
    return str(path)


def test_details_are_read_as_text_by_role(tmp_path):
    path = table(
        tmp_path,
        customer=[17850.0, 3.0, None],
        mail=[" A@b.org ", None, "c@d.org"],
        tel=[49301234567.0, None, 1.0],
        plz=[10115.0, 8001.0, 1.0],
        note=["x", "y", "z"],
    )
    config = ContactsConfig(path=path, key="customer", email="mail", phone="tel", postcode="plz")
    found = read_contacts(config)
    assert found.details == ["email", "phone", "postcode"]
    assert found.rows == {
        "17850": {"email": "A@b.org", "phone": "49301234567", "postcode": "10115"},
        "3": {"email": None, "phone": None, "postcode": "8001"},
    }
    assert found.read("17850", "email") == "a@b.org" and found.given("3", "email") is None
    with pytest.raises(Unusable, match="none given"):
        found.read("3", "email")


def test_the_country_of_the_row_decides_about_a_phone_number(tmp_path):
    path = table(
        tmp_path,
        id=["cn", "de", "us", "ch", "nobody knows", "nor here", "not there", "with code"],
        tel=[
            "13812345678.0",
            "030 123456",
            "2125551234",
            "044 668 18 00",
            "13812345678",
            "030 123456",
            "030 123456",
            "+4930123456",
        ],
        land=["China", "de", "USA", "Schweiz", "", "Atlantis", "AQ", "Atlantis"],
    )
    found = read_contacts(ContactsConfig(path=path, key="id", phone="tel", country="land"))

    def read(user):
        try:
            return found.read(user, "phone")
        except Unusable as error:
            return str(error)

    neither = "`country` is not a country's ISO 3166-1 code or name"
    antarctic = "`country` is a country without telephone numbers of its own"
    assert {user: read(user) for user in found.rows} == {
        "cn": "+8613812345678",
        "de": "+4930123456",
        "us": "+12125551234",
        "ch": "+41446681800",
        "nobody knows": "no country code, and no country known",
        "nor here": f"no country code, and {neither}",
        "not there": f"no country code, and {antarctic}",
        "with code": "+4930123456",
    }


def test_without_a_column_of_countries_it_is_the_region_or_the_codes(tmp_path):
    path = table(tmp_path, id=["1"], tel=[8613812345678.0])
    for settings, expected in (
        ({"region": "CN"}, True),
        ({"international": True}, True),
        ({}, False),
    ):
        found = read_contacts(ContactsConfig(path=path, key="id", phone="tel", **settings))
        if expected:
            assert found.read("1", "phone") == "+8613812345678"
        else:
            with pytest.raises(Unusable, match="no country known"):
                found.read("1", "phone")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"country": "land"}, "`region` would never be used"),
        ({"international": True}, "take one of them out"),
    ],
)
def test_two_ways_to_read_numbers_are_refused(settings, message):
    document = {"path": "contacts.csv", "key": "id", "phone": "tel", "region": "DE", **settings}
    with pytest.raises(InputError, match=message):
        validated(ContactsConfig, document, "campaign.yaml")


def test_a_user_twice_is_one_message(tmp_path):
    path = table(tmp_path, id=["7", "8", "7.0"], mail=["a@b.org", "c@d.org", "e@f.org"])
    with pytest.raises(InputError, match=r"1 user has more than one row.*'7'.*'id'"):
        read_contacts(ContactsConfig(path=path, key="id", email="mail"))


def test_a_column_that_is_not_there_is_named(tmp_path):
    path = table(tmp_path, id=["7"], mail=["a@b.org"])
    with pytest.raises(InputError, match=r"no column 'mial' \(email\).*mean 'mail'"):
        read_contacts(ContactsConfig(path=path, key="id", email="mial"))


@pytest.mark.parametrize("region", ["de", "UK", "Germany", "AQ"])
def test_a_region_that_is_none_is_refused(region):
    document = {"path": "contacts.csv", "key": "id", "phone": "tel", "region": region}
    with pytest.raises(InputError, match=f"'{region}' is not a country with telephone numbers"):
        validated(ContactsConfig, document, "campaign.yaml")
