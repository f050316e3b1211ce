"""Countries, as tables of contact details have them."""

import phonenumbers
import pytz  # type: ignore[import-untyped]

from recsys.marketing.contacts.identifiers import Unusable

# Countries of ISO 3166-1, alpha-2, as the time zone database lists them with English names.
COUNTRIES = frozenset(pytz.country_names)
# Those whose telephone numbers are known: nearly all that have inhabitants.
REGIONS = COUNTRIES & phonenumbers.SUPPORTED_REGIONS
# What people write for countries that the time zone database calls `Britain (UK)` and so on. UK is
# reserved for it by ISO 3166-1, so that it cannot be another country.
ALSO = {
    "UK": "GB", "Great Britain": "GB", "United Kingdom": "GB",
    "USA": "US", "United States of America": "US",
    "North Korea": "KP", "South Korea": "KR", "Czechia": "CZ", "Myanmar": "MM", "Eswatini": "SZ",
    "Türkiye": "TR",
}  # fmt: skip
NAMES = {
    name.casefold(): code
    for name, code in [*((code, code) for code in COUNTRIES),
                       *((name, code) for code, name in pytz.country_names.items()),
                       *ALSO.items()]
}  # fmt: skip


def country_code(text: str) -> str:
    """A country's ISO 3166-1 alpha-2 code in capitals.

    Args:
        text: the code, or the country's English name (`Germany`), in letters of any case. Not
            alpha-3, but `USA`.

    Raises:
        Unusable: it is neither, or not exactly.
    """
    code = NAMES.get(" ".join(text.split()).casefold())
    if code is None:
        raise Unusable("not a country's ISO 3166-1 alpha-2 code or English name")
    return code
