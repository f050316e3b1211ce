from pathlib import Path

import pandas as pd
import pytest

from recsys.errors import InputError
from recsys.experiment_file import validated
from recsys.marketing.contacts.contacts import ContactsConfig, read_contacts


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
    assert read_contacts(config).to_dict("list") == {
        "user": ["17850", "3"],
        "email": ["A@b.org", None],
        "phone": ["49301234567", None],
        "postcode": ["10115", "8001"],
    }


def test_a_user_twice_is_one_message(tmp_path):
    path = table(tmp_path, id=["7", "8", "7.0"], mail=["a@b.org", "c@d.org", "e@f.org"])
    with pytest.raises(InputError, match=r"1 users have more than one row.*'7'.*'id'"):
        read_contacts(ContactsConfig(path=path, key="id", email="mail"))


def test_a_column_that_is_not_there_is_named(tmp_path):
    path = table(tmp_path, id=["7"], mail=["a@b.org"])
    with pytest.raises(InputError, match=r"no column 'mial' \(email\).*mean 'mail'"):
        read_contacts(ContactsConfig(path=path, key="id", email="mial"))


@pytest.mark.parametrize("region", ["de", "UK", "Germany", "AQ"])
def test_a_region_that_is_none_is_refused(region):
    document = {"path": "contacts.csv", "key": "id", "phone": "tel", "region": region}
    with pytest.raises(InputError, match=f"'{region}' is no country with telephone numbers"):
        validated(ContactsConfig, document, "campaign.yaml")
