import pandas as pd
import pytest

from recsys.errors import InputError
from recsys.experiment.file import validated
from recsys.marketing.audiences.audience import AudienceConfig
from recsys.marketing.audiences.suppression import (
    SuppressionConfig,
    read_suppressed,
    suppression_notes,
)
from recsys.marketing.contacts.contacts import Contacts

KNOWN = frozenset({"1", "2", "3"})


CONTACTS = Contacts(
    pd.DataFrame(
        {
            "user": ["1", "2", "3", "never came"],
            "email": ["jdoe@googlemail.com", "two@example.org", "TWO+x@example.org", "n@b.org"],
            "phone": ["+8613812345678", None, "030 123456", None],
            "country": ["CN", None, "DE", None],
        },
        dtype=object,
    )
)


def read(tmp_path, text, contacts=None, **settings):
    (tmp_path / "no.csv").write_text(text)
    settings = (
        settings if {"key", "email", "phone"} & set(settings) else {"key": "user", **settings}
    )
    config = validated(SuppressionConfig, {"path": str(tmp_path / "no.csv"), **settings}, "no")
    return read_suppressed(config, KNOWN, contacts)


def test_without_a_list_nobody_opted_out():
    assert read_suppressed(None, KNOWN).of("push") == frozenset()


def test_a_channel_may_be_opted_out_of(tmp_path):
    found = read(tmp_path, "user,where\n1.0,email\n2,\n 3 ,All\n", channel="where")
    assert found.everywhere == {"2", "3"}
    assert found.of("email") == {"1", "2", "3"} and found.of("push") == {"2", "3"}


def test_unknown_users_are_refused_unless_they_are_meant(tmp_path):
    with pytest.raises(InputError, match=r"2 of the 3 users of the opt-out list.*such as 7, x@y"):
        read(tmp_path, "user\n1\n7\nx@y.org\n")
    found = read(tmp_path, "user\n1\n7\n", unknown="allow")
    assert found.everywhere == {"1", "7"} and found.unknown == 1


def test_what_says_nothing_is_refused(tmp_path):
    with pytest.raises(InputError, match="row 2 of the opt-out list has no 'user'"):
        read(tmp_path, "user,where\n1,push\n,push\n", channel="where")
    with pytest.raises(InputError, match="'post' in the opt-out list is not a channel"):
        read(tmp_path, "user,where\n1,post\n", channel="where")


def test_an_opted_out_address_is_everybodys_in_whatever_spelling(tmp_path):
    found = read(tmp_path, "mail\nj.doe+x@gmail.com\n", CONTACTS, email="mail")
    assert found.everywhere == {"1"} and not found.unknown
    found = read(tmp_path, "mail\nTwo+news@Example.org\n", CONTACTS, email="mail")
    assert found.everywhere == {"2", "3"}


def test_an_opted_out_number_is_everybodys_in_its_country_or_in_all(tmp_path):
    text = "tel,land\n138 1234 5678,{}\n"
    for country, users in (("CN", {"1"}), ("", {"1"}), ("nowhere", {"1"}), ("US", {"1"})):
        found = read(tmp_path, text.format(country), CONTACTS, phone="tel", country="land")
        assert found.everywhere == users
    found = read(tmp_path, "tel\n+33 1 38 12 34 56\n13812345678.0\n", CONTACTS, phone="tel")
    assert found.everywhere == {"1"} and found.nobodys == 1


def test_an_address_may_be_opted_out_of_a_channel(tmp_path):
    text = "mail,where\ntwo@example.org,email\njdoe@gmail.com,\n"
    found = read(tmp_path, text, CONTACTS, email="mail", channel="where")
    assert found.of("push") == {"1"} and found.of("email") == {"1", "2", "3"}


def test_rows_may_name_somebody_in_several_ways(tmp_path):
    text = "id,mail\n3,j.doe@gmail.com\n,two@example.org\n1,\n2,not an address\n"
    found = read(tmp_path, text, CONTACTS, key="id", email="mail")
    assert found.everywhere == {"1", "2", "3"} and found.unreadable == 1
    assert suppression_notes(found.counts) == [
        "addresses of the opt-out list that cannot be read, in rows that also identify the user in "
        "another way: 1"
    ]


def test_an_unknown_id_beside_an_address_that_somebody_has_is_not_refused(tmp_path):
    found = read(tmp_path, "id,mail\nC-7,two@example.org\n", CONTACTS, key="id", email="mail")
    assert found.everywhere == {"2", "3", "C-7"} and not found.unknown
    with pytest.raises(InputError, match=r"1 of the 1 user .*such as C-7"):
        read(tmp_path, "id,mail\nC-7,x@example.org\n", CONTACTS, key="id", email="mail")


def test_an_address_of_a_contact_whom_the_log_does_not_have_is_refused(tmp_path):
    text = "mail\nn@b.org\ntwo@example.org\nx@example.org\n"
    with pytest.raises(
        InputError,
        match=r"1 of the 3 users of the opt-out list is not in the log \(such as never came\)"
        r".*Found by their addresses.*: 1 of these.*`contacts.key`.*`unknown: allow`",
    ):
        read(tmp_path, text, CONTACTS, email="mail")
    found = read(tmp_path, text, CONTACTS, email="mail", unknown="allow")
    assert found.everywhere == {"2", "3", "never came"}
    assert (found.unknown, found.nobodys) == (1, 1)
    # Beside an id of the log, or of somebody in it, the contact is no riddle.
    found = read(tmp_path, "id,mail\n1,n@b.org\n", CONTACTS, key="id", email="mail")
    assert found.everywhere == {"1", "never came"} and not found.unknown


def test_what_keeps_the_ids_of_the_list_apart_is_said(tmp_path):
    contacts = Contacts(pd.DataFrame({"user": ["K1", "K2"], "email": ["a@b.org", "c@b.org"]}))
    with pytest.raises(InputError, match=r"differ in what stands before .*table 'K1', log '1'"):
        read(tmp_path, "mail\na@b.org\nc@b.org\n", contacts, email="mail")


def test_addresses_of_nobody_are_counted(tmp_path):
    found = read(tmp_path, "mail\nx@example.org\ny@example.org\n", CONTACTS, email="mail")
    assert found.everywhere == frozenset() and found.nobodys == 2
    assert suppression_notes(found.counts)[0].endswith("so that no user is reached there: 2")


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("mail\na@b.org\nj at b\n", {"email": "mail"}, "row 2 .* has in 'mail' not an e-mail"),
        (
            "mail,n\na@b.org,1\n,2\n",
            {"email": "mail"},
            "row 2 .* has no 'mail', so that it identifies no user",
        ),
        ("tel\n112\n", {"phone": "tel"}, "row 1 .* has in 'tel' not a telephone number"),
        ("tel\n4.91511E+12\n", {"phone": "tel"}, "row 1 .* in 'tel' .* spreadsheet has rounded"),
        ("id,mail\n,\n", {"key": "id", "email": "mail"}, "row 1 .* has no 'id' and no 'mail'"),
        ("mail\na@b.org\n", {"email": "e-mail"}, "no column 'e-mail'"),
        ("mail\na@b.org\n", {"country": "land", "key": "mail"}, "name their column, `phone`"),
    ],
)
def test_a_row_that_names_nobody_is_refused(tmp_path, text, settings, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, text, CONTACTS, **settings)


def test_who_is_meant_is_asked_of_a_list_without_a_column():
    with pytest.raises(InputError, match=r"name the column .*`key` .*, `email` or `phone`"):
        validated(SuppressionConfig, {"path": "no.csv"}, "campaign.yaml")


@pytest.mark.parametrize("contacts", [None, {"path": "contacts.csv", "key": "id", "phone": "tel"}])
def test_a_list_of_addresses_needs_contacts_that_have_them(contacts):
    document = {"name": "a", "where": "true", "runs": {"buys": "run"}, "contacts": contacts}
    document["suppress"] = {"path": "no.csv", "email": "mail"}
    with pytest.raises(InputError, match=r"suppress.email: mail.*`key` and `email`"):
        validated(AudienceConfig, document, "audience.yaml")


CUSTOMERS = "user,opt_out\n1,yes\n2,no\n3,\n"


def test_a_column_of_a_customers_table_may_tell_who_opted_out(tmp_path):
    found = read(tmp_path, CUSTOMERS, key="user", where="opt_out = 'yes'")
    assert found.everywhere == {"1"} and found.condition == {"holds": 1, "unknown": 1, "of": 3}
    (note,) = suppression_notes(found.counts)
    assert note.endswith("`where` holds: 1 of 3; for 1 it is not known, and counts as no")
    with pytest.raises(InputError, match=r"opt_out = 'oui' holds for none of 3 rows.*empty: allow"):
        read(tmp_path, CUSTOMERS, where="opt_out = 'oui'")
    empty = read(tmp_path, CUSTOMERS, where="opt_out = 'oui'", empty="allow")
    (note,) = suppression_notes(empty.counts)
    assert "0 of 3" in note and note.endswith("so look at the condition")
    assert read(tmp_path, CUSTOMERS).everywhere == {"1", "2", "3"}


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("optout = 'yes'", "no.csv: suppress.where.*there is no column 'optout'"),
        ("opt_out", "suppress.where gives VARCHAR, not yes or no"),
        ("CAST(opt_out AS INT) = 1", "suppress.where cannot be computed.*TRY_CAST"),
        ("random() < .5", "suppress.where.*random differs each time"),
    ],
)
def test_the_condition_on_a_list_is_like_any_other(tmp_path, where, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, CUSTOMERS, where=where)


def test_rows_are_numbered_as_in_the_file_and_checked_if_the_condition_holds(tmp_path):
    text = "user,opt_out,channel\n,no,\n1,yes,post\n,yes,\n"
    with pytest.raises(InputError, match="row 3 of the opt-out list has no 'user'"):
        read(tmp_path, text, where="opt_out = 'yes'")
    with pytest.raises(InputError, match="'post' in the opt-out list"):
        read(tmp_path, text, where="opt_out = 'yes'", channel="channel")
