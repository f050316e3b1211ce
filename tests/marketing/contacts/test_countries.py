import pytest
import pytz
from babel import Locale

from recsys.marketing.contacts.countries import COUNTRIES, LANGUAGES, REGIONS, codes, country_code
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
        ("DEU", "DE"),
        ("che", "CH"),
        ("Deutschland", "DE"),
        ("Schweiz", "CH"),
        ("ÖSTERREICH", "AT"),
        ("O\u0308sterreich", "AT"),  # as macOS writes it
        ("Suisse", "CH"),
        ("Côte d'Ivoire", "CI"),
        ("Reino Unido", "GB"),
        ("Stati Uniti", "US"),
        ("Duitsland", "DE"),
        ("Niemcy", "DE"),
        ("Irão", "IR"),
        ("Irã", "IR"),
        ("中国", "CN"),
        ("臺灣", "TW"),
        ("香港", "HK"),
    ],
)
def test_countries_are_those_of_iso_3166_or_their_names(given, expected):
    assert country_code(given) == expected


NONE = ["", "DDR", "YUG", "XK", "Teutschland", "Korea", "Congo", "Kongo", "America", "49", "D E"]


@pytest.mark.parametrize("given", [*NONE, "276"])
def test_what_is_not_exactly_a_country_is_refused(given):
    with pytest.raises(Unusable, match="not a country's"):
        country_code(given)


def test_no_name_stands_for_two_countries():
    assert set(codes().values()) == COUNTRIES
    assert all(codes()[code.casefold()] == code for code in COUNTRIES)
    assert sum(len(name) == 3 and name.isascii() for name in codes()) == len(COUNTRIES)  # alpha-3
    assert {"DE", "CN"} <= REGIONS < COUNTRIES
    named: dict[str, set[str]] = {}
    for language in LANGUAGES:
        for code in COUNTRIES:
            if name := Locale.parse(language).territories.get(code):
                named.setdefault(name.casefold(), set()).add(code)
    for code, name in pytz.country_names.items():
        named.setdefault(name.casefold(), set()).add(code)
    assert [name for name, meant in named.items() if len(meant) > 1] == []
