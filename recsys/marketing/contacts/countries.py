"""Countries, as tables of contact details have them."""

import unicodedata
from functools import cache

import phonenumbers
import pytz  # type: ignore[import-untyped]
from babel import Locale
from babel.core import get_global

from recsys.marketing.contacts.identifiers import Unusable

# Countries of ISO 3166-1, alpha-2, as the time zone database lists them with English names.
COUNTRIES = frozenset(pytz.country_names)
# Those whose telephone numbers are known: nearly all that have inhabitants.
REGIONS = COUNTRIES & phonenumbers.SUPPORTED_REGIONS
# Whose names of countries are read, as Unicode's CLDR has them; Portuguese and Chinese in two
# forms each.
LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pl", "pt", "pt_PT", "zh", "zh_Hant")
# What people write, and neither the time zone database nor CLDR does. UK is reserved for Great
# Britain by ISO 3166-1, so that it cannot be another country.
ALSO = {
    "UK": "GB", "Great Britain": "GB", "United States of America": "US", "Myanmar": "MM",
    "Hongkong": "HK", "香港": "HK", "澳门": "MO", "澳門": "MO", "臺灣": "TW",
}  # fmt: skip
# Names of one country in one of the languages, and of two in another.
AMBIGUOUS = ("congo", "kongo")
# Alpha-3 codes of former states, which CLDR still knows.
WITHDRAWN = frozenset({"BUR", "DDR", "FXX", "TMP", "YMD", "ZAR"})


def country_code(text: str) -> str:
    """A country's ISO 3166-1 alpha-2 code in capitals.

    Args:
        text: the code, alpha-2 or alpha-3, or the country's name in one of :data:`LANGUAGES`
            (`Germany`, `Deutschland`), in letters of any case.

    Raises:
        Unusable: it is neither, or not exactly.
    """
    code = codes().get(_folded(text))
    if code is None:
        raise Unusable("not a country's ISO 3166-1 code or name")
    return code


@cache
def codes() -> dict[str, str]:
    """Alpha-2 codes by what is read as a country, in small letters."""
    found: dict[str, str] = {}
    for language in LANGUAGES:
        territories = Locale.parse(language).territories
        found |= {_folded(territories[code]): code for code in COUNTRIES if code in territories}
    for name in AMBIGUOUS:
        found.pop(name)
    for alias, meant in get_global("territory_aliases").items():
        # Those of three digits are numbers of the United Nations; Yugoslavia's means several.
        is_alpha_3 = len(alias) == 3 and alias.isalpha() and alias not in WITHDRAWN
        if is_alpha_3 and len(meant) == 1 and meant[0] in COUNTRIES:
            found[_folded(alias)] = meant[0]
    found |= {_folded(name): code for code, name in pytz.country_names.items()}
    found |= {_folded(name): code for name, code in ALSO.items()}
    return found | {code.casefold(): code for code in COUNTRIES}


def _folded(text: str) -> str:
    text = unicodedata.normalize("NFC", text).replace("’", "'")
    return " ".join(text.split()).casefold()
