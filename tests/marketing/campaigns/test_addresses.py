import pandas as pd

from recsys.marketing.audiences.suppression import Suppressed
from recsys.marketing.campaigns.addresses import Addresses
from recsys.marketing.campaigns.sharers import SHARED, Sharers
from recsys.marketing.contacts.contacts import Contacts
from recsys.marketing.contacts.shared_details import SharedDetails


def addresses(rows, detail="email", silent=()):
    table = pd.DataFrame({"user": list(rows), detail: list(rows.values())}, dtype=object)
    contacts = Contacts(table)
    suppressed = Suppressed(channels={"email": frozenset(silent)})
    return Addresses(contacts, Sharers(SharedDetails(contacts), suppressed))


def test_no_address_no_message():
    rows = {"a": " Ann@Example.org ", "b": "not an address", "c": None, "d": "=1+1@b.org"}
    found, reasons = addresses(rows).find("email", "email", ["d", "c", "b", "a", "stranger"])
    # As it was given, as that is how the tool knows it.
    assert found == {"a": "Ann@Example.org"}
    assert reasons == {
        "b": "email: not an e-mail address",
        "c": "email: none given",
        "d": "email: begins with =, which makes a formula of it in a spreadsheet",
        "stranger": "no contact details",
    }


def test_who_shares_an_address_with_somebody_who_opted_out_of_the_channel_is_left_out():
    rows = {"out": "jdoe@googlemail.com", "same": "J.Doe+x@gmail.com", "other": "o@b.org"}
    found, reasons = addresses(rows, silent=["out"]).find("email", "email", ["same", "other"])
    assert found == {"other": "o@b.org"} and reasons == {"same": SHARED}
    # Of another channel nobody opted out.
    found, _ = addresses(rows, silent=["out"]).find("push", "email", ["same", "other"])
    assert set(found) == {"same", "other"}


def test_a_device_has_a_token():
    rows = {"a": "-tok:en_1", "b": None, "c": "two tokens"}
    found, reasons = addresses(rows, "push_token").find("push", "push_token", list(rows))
    assert found == {"a": "-tok:en_1"}
    assert reasons == {"b": "push_token: none given", "c": "push_token: not a push token"}
