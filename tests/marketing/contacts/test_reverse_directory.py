import pandas as pd
import pytest

from recsys.marketing.contacts.contacts import Contacts
from recsys.marketing.contacts.identifiers import Unusable
from recsys.marketing.contacts.reverse_directory import (
    ReverseDirectory,
    strictest_address,
    telephone_digits,
)


def directory(detail, given, region=None):
    """Users 0, 1, ... by what stands in the column of a detail."""
    users = [str(number) for number in range(len(given))]
    table = pd.DataFrame({"user": users, detail: given}, dtype=object)
    return ReverseDirectory(Contacts(table, region), detail)


@pytest.mark.parametrize(
    "spelling",
    [
        "jdoe@gmail.com",
        " J.Doe+X@Gmail.com ",
        "j.d.o.e@googlemail.com",
        "\uff4aDoe@gmail.com",  # a full-width j
        "jdoe@\uff47mail.com",
    ],
)
def test_whatever_reaches_one_gmail_mailbox_is_one_address(spelling):
    assert strictest_address(spelling) == "jdoe@gmail.com"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("j.doe+x@example.org", "J.DOE@Example.org"),
        ("j@xn--exmple-cua.de", "j@EX\u00c4MPLE.de"),
        ("stra\u00dfe@b.org", "STRASSE@b.org"),
        ("jo\u0308rg@b.org", "j\u00f6rg@b.org"),
    ],
)
def test_elsewhere_suffixes_case_and_domains_in_ascii_make_no_difference(one, other):
    assert strictest_address(one) == strictest_address(other)


def test_dots_make_a_difference_elsewhere():
    assert strictest_address("j.doe@example.org") != strictest_address("jdoe@example.org")
    assert strictest_address("+x@example.org") == "+x@example.org"
    with pytest.raises(Unusable, match="not an e-mail address"):
        strictest_address("j.doe at gmail.com")


def test_an_address_is_everybodys_who_has_it():
    found = directory("email", ["J.Doe+x@gmail.com", "jdoe@googlemail.com", "j@b.org", None, "j@"])
    assert found.users("jdoe@gmail.com") == {"0", "1"}
    assert found.users("nobody@b.org") == frozenset()
    assert found.sharing(["1"]) == {"0", "1"} and found.sharing(["1", "2"]) == {"0", "1", "2"}
    assert found.sharing(["3", "4", "stranger"]) == frozenset()


def test_a_number_of_a_known_country_is_that_number():
    found = directory("phone", ["+491701234567", "0170 1234567", "+431701234567"], region="DE")
    assert found.users("+49 170 1234567") == {"0", "1"}
    assert found.users("0170 1234567", "DE") == {"0", "1"}
    assert found.users("0049 170 1234567") == {"0", "1"}
    assert found.sharing(["2"]) == {"2"}


@pytest.mark.parametrize(
    "spelling",
    ["0170 1234567", "1701234567", "491701234567", "0170 1234567 ext. 12"],
)
def test_a_number_of_no_known_country_is_everybodys_that_ends_so(spelling):
    # The second cannot be read, as it has no zero, and is nevertheless somebody's.
    given = ["+491701234567", "1701234567", "+431701234567", "+491701234568"]
    assert directory("phone", given).users(spelling) == {"0", "1", "2"}


def test_a_trunk_prefix_that_is_no_zero_makes_no_difference():
    assert directory("phone", ["+79123456789"]).users("8 (912) 345-67-89") == {"0"}


def test_short_numbers_are_compared_whole():
    found = directory("phone", ["+4930123456", "123456", "23456", "+4930123457", "3456"])
    assert found.users("123456") == {"0", "1", "2"}
    assert found.users("030 123456") == {"0", "1", "2"}
    assert found.users("623456") == {"2"}


@pytest.mark.parametrize("given", ["112", "none", "030 1234567, 0170 1234567", "1" * 16])
def test_what_is_not_one_number_is_refused(given):
    with pytest.raises(Unusable, match="not a telephone number"):
        telephone_digits(given)


@pytest.mark.parametrize("given", ["4.91511E+12", "4,91511E+12", " 4.9e12 ", "+5E+11"])
def test_a_number_that_a_spreadsheet_has_rounded_is_unreadable_and_not_nobodys(given):
    known = directory("phone", ["+4915110000000", given])
    with pytest.raises(Unusable, match="a spreadsheet has rounded"):
        known.users(given)
    assert known.users("0151 1000 0000") == {"0"}
