import random
from contextlib import suppress

import pytest

from recsys.marketing.contacts.identifiers import Unusable
from recsys.marketing.contacts.phones import phone_number

# What Chinese operators give out: mobile numbers have eleven digits and no trunk prefix.
PREFIXES = [each for each in (*range(130, 140), *range(150, 160), *range(180, 190)) if each != 154]
_random = random.Random(16)
CHINESE = [f"{_random.choice(PREFIXES)}{_random.randrange(10**8):08d}" for _ in range(500)]


def passing(numbers, country):
    """Those that are read, in E.164."""
    found = []
    for number in numbers:
        with suppress(Unusable):
            found.append(phone_number(number, country))
    return found


@pytest.mark.parametrize(
    ("given", "country", "expected"),
    [
        ("(800)555-0100", "US", "+18005550100"),  # Google's example
        ("1 800 555 0100", "US", "+18005550100"),
        ("030 / 12 34 56", "DE", "+4930123456"),
        ("+49 (0)30 123456", None, "+4930123456"),
        ("4930123456", "DE", "+4930123456"),
        ("+44 844 412 4653", "DE", "+448444124653"),
        # Full-width digits, and Arabic ones.
        ("\uff0b\uff14\uff19 30 123456", None, "+4930123456"),
        ("\u0660\u0663\u0660\u0661\u0662\u0663\u0664\u0665\u0666", "DE", "+4930123456"),
        # Prefixes of international calls.
        ("0049 30 123456", "DE", "+4930123456"),
        ("0049 30 123456", None, "+4930123456"),
        ("0049 30 123456", "US", "+4930123456"),
        ("011 49 30 123456", "US", "+4930123456"),
        ("0011 49 30 123456", "AU", "+4930123456"),
        # Countries without a trunk prefix.
        ("612345678", "ES", "+34612345678"),
        ("20 12 34 56", "DK", "+4520123456"),
        ("06 12345678", "IT", "+390612345678"),
        ("312 345 6789", "IT", "+393123456789"),
        ("138 1234 5678", "CN", "+8613812345678"),
        ("8613812345678", "CN", "+8613812345678"),
        # And those that write mobile numbers with it or without.
        ("81234 56789", "IN", "+918123456789"),
        ("081234 56789", "IN", "+918123456789"),
        ("912 345-67-89", "RU", "+79123456789"),
        ("8 (912) 345-67-89", "RU", "+79123456789"),
    ],
)
def test_spellings_of_a_phone_number_become_one(given, country, expected):
    assert phone_number(given, country) == expected


@pytest.mark.parametrize(
    ("given", "country", "reason"),
    [
        ("030 123456", None, "no country code, and no country known"),
        ("none", "DE", "not a telephone number"),
        ("none", None, "not a telephone number"),
        ("1-800-FLOWERS", "US", "not a telephone number"),
        ("1.38E+10", "CN", "not a telephone number"),  # from a spreadsheet that kept three digits
        ("+1 23", None, "does not exist"),
        ("112", "DE", "does not exist"),
        ("030 123456 ext. 12", "DE", "with an extension"),
        # A mobile phone without its plus sign, or 0491 701234567 in Leer without its zero?
        ("491701234567", "DE", "with or without country code"),
        ("15112345678", "DE", "neither a country code nor the 0 of numbers in DE"),
        ("1701234567", "DE", "neither a country code nor the 0 of numbers in DE"),
        ("7400 123456", "GB", "neither a country code nor the 0 of numbers in GB"),
        # A number of Shanghai without its zero, or one of New York?
        ("2125551234", "CN", "neither a country code nor the 0 of numbers in CN"),
        ("12345678", "IT", "does not exist"),
    ],
)
def test_phone_numbers_that_nobody_can_be_sure_of_are_refused(given, country, reason):
    with pytest.raises(Unusable, match=reason):
        phone_number(given, country)


def test_the_rows_country_reads_chinese_mobiles_as_what_they_are():
    assert passing(CHINESE, "CN") == [f"+86{number}" for number in CHINESE]
    assert passing(CHINESE, None) == []


@pytest.mark.parametrize("country", ["DE", "AT", "FR", "GB", "JP"])
def test_no_chinese_mobile_passes_as_a_number_of_a_country_that_writes_a_zero(country):
    assert passing(CHINESE, country) == []


@pytest.mark.parametrize("given", ["8613812345678", "+86 138 1234 5678", "0086 13812345678"])
def test_numbers_may_be_said_to_carry_their_country_code(given):
    assert phone_number(given, None, international=True) == "+8613812345678"


def test_numbers_said_to_carry_a_country_code_are_no_countrys_own():
    with pytest.raises(Unusable, match="no country code"):
        phone_number("030 123456", "DE", international=True)
    with pytest.raises(Unusable, match="does not exist"):
        phone_number("13812345678", "CN", international=True)
    assert phone_number("49 (0)30 123456", None, international=True) == "+4930123456"
