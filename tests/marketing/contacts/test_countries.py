import pytest

from recsys.marketing.contacts.countries import COUNTRIES, NAMES, REGIONS, country_code
from recsys.marketing.contacts.identifiers import Unusable


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (" de ", "DE"),
        ("Germany", "DE"),
        ("UNITED  STATES", "US"),
        ("usa", "US"),
        ("UK", "GB"),
        ("Korea (South)", "KR"),
        ("na", "NA"),  # Namibia
    ],
)
def test_countries_are_those_of_iso_3166_or_their_english_names(given, expected):
    assert country_code(given) == expected


@pytest.mark.parametrize("given", ["", "DEU", "XK", "Deutschland", "Korea", "America", "49", "D E"])
def test_what_is_not_exactly_a_country_is_refused(given):
    with pytest.raises(Unusable, match="not a country's"):
        country_code(given)


def test_no_name_stands_for_two_countries():
    assert set(NAMES.values()) == COUNTRIES
    assert all(NAMES[code.casefold()] == code for code in COUNTRIES)
    assert {"DE", "CN"} <= REGIONS < COUNTRIES
