"""Telephone numbers: one spelling of each, of those that can be read in one way only.

A number without a country code is a number of many countries: 151 1234 5678 is a mobile phone in
China, and with a zero before it another one in Germany. It is read only in the country that the
table declares for it, and only if it is written as numbers are there: with the trunk prefix (the 0
of 030), unless that country's mobile numbers are written without, too, as in India. Formats,
prefixes and ranges are those of libphonenumber (https://github.com/google/libphonenumber), which
has them from the numbering plans that regulators and the ITU publish.
"""

import re
import unicodedata

import phonenumbers
from phonenumbers import (
    CountryCodeSource,
    PhoneMetadata,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
)

from recsys.marketing.contacts.identifiers import Unusable

WITH_CODE = (
    CountryCodeSource.FROM_NUMBER_WITH_PLUS_SIGN,
    CountryCodeSource.FROM_NUMBER_WITH_IDD,
)
MOBILE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
NOT_A_NUMBER = "not a telephone number"
# What is dialled before a country code in most countries, as the ITU recommends.
INTERNATIONAL_PREFIX = re.compile(r"\D*00")


class NoCountry(Unusable):
    """A telephone number without a country code, where no country is known."""

    def __init__(self, why: str = "no country known") -> None:
        super().__init__(f"no country code, and {why}")


def phone_number(text: str, country: str | None, *, international: bool = False) -> str:
    """A telephone number in E.164, such as ``+4930123456``.

    Args:
        text: the number: with its country code after ``+`` or a prefix of international calls
            (``00``, from the US ``011``); as it is written in its country; or with the country
            code alone, if that cannot be a number of the country otherwise. Digits of any script.
        country: of :data:`recsys.marketing.contacts.countries.REGIONS`, of numbers without a
            country code; None: they are not read.
        international: every number begins with its country code, with a plus sign before it or
            not: ``8613812345678`` is ``+8613812345678``. ``country`` is not asked.

    Raises:
        NoCountry: it has no country code, and no country is known.
        Unusable: it is not a number, or not one that its country gives out; is not written as in
            its country; begins with the country's code but without a plus sign and is a number of
            the country either way; or has an extension, without which it is somebody else's.
    """
    text = unicodedata.normalize("NFKC", text).strip()
    if international:
        text, country = _with_plus(text), None
    number = _parsed(text, country)
    if number.extension:
        raise Unusable("a telephone number with an extension")
    if any(letter.isalpha() for letter in text):
        raise Unusable(NOT_A_NUMBER)
    if not phonenumbers.is_valid_number(number):
        raise Unusable("a telephone number that does not exist")
    if number.country_code_source not in WITH_CODE:
        assert country is not None  # without one it would not have been read
        _refuse_foreign(phonenumbers.normalize_digits_only(text), number, country)
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _with_plus(text: str) -> str:
    """A number that begins with its country code, with a plus sign before that."""
    bare = INTERNATIONAL_PREFIX.sub("", text, count=1).lstrip("( ")
    if bare.startswith("0"):  # no country code does
        raise Unusable("no country code")
    return bare if bare.startswith("+") else f"+{bare}"


def _parsed(text: str, country: str | None) -> PhoneNumber:
    """A number, valid or not, that remembers how it was written."""
    readings = [(text, country)]
    if INTERNATIONAL_PREFIX.match(text):
        # From some countries one dials another prefix; 00 begins no number of theirs.
        readings.append((_with_plus(text), None))
    number, reason = None, Unusable(NOT_A_NUMBER)
    for reading, place in readings:
        try:
            number = phonenumbers.parse(reading, place, keep_raw_input=True)
        except phonenumbers.NumberParseException as error:
            if error.error_type == error.INVALID_COUNTRY_CODE and "+" not in reading:
                reason = NoCountry()
        else:
            if phonenumbers.is_valid_number(number):
                break
    if number is None:
        raise reason
    return number


def _refuse_foreign(typed: str, number: PhoneNumber, country: str) -> None:
    """Refuses a number without a plus sign unless it is written as in its country.

    Args:
        typed: its digits.
        number: as it was read.
        country: in which it was read.

    Raises:
        Unusable: it is not.
    """
    if _reads_otherwise(typed, number):
        raise Unusable("with or without country code: put a + before it")
    significant = phonenumbers.national_significant_number(number)
    region = phonenumbers.region_code_for_number(number) or country
    trunk = phonenumbers.ndd_prefix_for_region(region, True) or ""
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    written = {
        phonenumbers.normalize_digits_only(national),
        trunk + significant,
        f"{number.country_code}{significant}",
    }
    if typed in written or (typed == significant and _trunk_optional(number)):
        return
    if trunk and typed == significant:
        raise Unusable(f"neither a country code nor the {trunk} of numbers in {country}")
    raise Unusable(f"no country code, and not written as numbers are in {country}")


def _reads_otherwise(typed: str, number: PhoneNumber) -> bool:
    """Whether a number of a country could begin with its code, the plus sign forgotten."""
    try:
        other = phonenumbers.parse(f"+{typed}")
    except phonenumbers.NumberParseException:
        return False
    if other.country_code != number.country_code or not phonenumbers.is_valid_number(other):
        return False
    significant = phonenumbers.national_significant_number
    return significant(other) != significant(number)


def _trunk_optional(number: PhoneNumber) -> bool:
    """Whether it is a mobile number that its country writes without the trunk prefix, too."""
    if phonenumbers.number_type(number) not in MOBILE:
        return False
    significant = phonenumbers.national_significant_number(number)
    main = phonenumbers.region_code_for_country_code(number.country_code or 0)
    metadata = PhoneMetadata.metadata_for_region(main, None)
    for form in () if metadata is None else metadata.number_format:
        begins = form.leading_digits_pattern[-1] if form.leading_digits_pattern else ""
        if re.match(begins, significant) and re.fullmatch(form.pattern or "", significant):
            return bool(form.national_prefix_optional_when_formatting)
    return False
