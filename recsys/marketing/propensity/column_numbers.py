"""A column of text as numbers, however its money, shares and separators are written."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from recsys.data.sources.numbers import LARGEST, NumberFormat, read_numbers
from recsys.data.sources.text import INVISIBLE
from recsys.marketing.propensity.column_texts import MOST, DifferentTexts, ReadColumn

FORMATS = (
    NumberFormat(),
    NumberFormat(".", ","),
    NumberFormat(",", None),
    NumberFormat(",", "."),
    NumberFormat(".", " "),
    NumberFormat(",", " "),
    NumberFormat(".", "'"),
    NumberFormat(",", "'"),
)
# Codes of ISO 4217 as a pattern, as far as they are traded: others are words too often.
CODES = (
    "AED|ARS|AUD|BGN|BHD|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EGP|EUR|GBP|GHS|HKD|HUF|IDR|ILS|INR|ISK|"
    "JOD|JPY|KES|KRW|KWD|KZT|LKR|MAD|MXN|MYR|NGN|NOK|NZD|OMR|PEN|PHP|PKR|PLN|QAR|RON|RSD|RUB|SAR|"
    "SEK|SGD|THB|TND|TRY|TWD|UAH|USD|UYU|VND|ZAR"
)
NAMES = rf"[Ee]uros?|kr\.?|zł|Kč|Ft|lei|Fr\.|Rs\.?|元|円|{CODES}"
SIGN = "[$¢£¤¥₠-⃏]"
MONEY = rf"[^\W\d_]{{0,3}}{SIGN}|{NAMES}"
# Thousands, millions and billions of a currency.
FACTOR = r"(?:[kKmMbBtT]|(?i:mio|mrd|tsd|mln|mld|mn|bn|tys))\.?"
# The M of `M€` and `M US$` is one, and that of `MX$` is not.
FACTORED = re.compile(rf"({FACTOR})(?:(?:\s+|(?<=\.))(.+)|({SIGN}|{NAMES}))")
# Signs and codes of one currency, in small letters.
SAME = {
    **{"€": "EUR", "euro": "EUR", "euros": "EUR", "$": "USD", "us$": "USD", "£": "GBP"},
    **{"₹": "INR", "zł": "PLN", "kč": "CZK", "r$": "BRL", "kr.": "kr", "rs.": "Rs"},
}
BODY = r"(?:[0-9][0-9.,' ]*|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?"
# A line that stands for no cents, as in `12.-` and `19,– €`.
NO_CENTS = r"(?<=[.,])[-–—]{1,2}"
# Signs that stand for one another.
ALIKE = str.maketrans({"\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u2019": "'", "\u2212": "-"})


def numbers_of(texts: pd.Series, own: NumberFormat, stated: bool = False) -> ReadColumn:
    """Reads a column as numbers, by the table's own format, or by the one that its values have.

    Beside digits and separators there may be a currency, a percent sign (``12 %`` is 12) and the
    minus of accountants (``(12.50)``, ``12.50-``). A format is taken from the values only where
    all that read the most of them agree: ``1,234`` alone may be 1234 or 1.234, and ``950`` beside
    ``1.234`` may be thousands. Of several currencies, or of shares beside plain numbers, the most
    frequent is read, and the others are not numbers; but a single ``9.0 M€`` beside ``155571``
    leaves the whole column in doubt.

    Args:
        texts: [rows], None where a value is missing.
        own: the table's format.
        stated: somebody set the separators of that format, so that it is right where it reads.

    Returns:
        The numbers, NaN also for what is too large for float32; nothing is said of those that are
        written as the table says.
    """
    values = _read(texts.tolist(), own)
    read, there = ~np.isnan(values), texts.notnull().to_numpy()
    if (read | ~there).all() and (stated or not _may_be_thousands(texts)):
        return ReadColumn(values, int(there.sum()), int(read.sum()))
    different = DifferentTexts.of(texts)
    money = f"{re.escape(own.currency)}|{MONEY}" if own.currency else MONEY
    money = rf"(?:{FACTOR}\s*)?(?:{money})"
    pattern = re.compile(
        rf"(?P<open>\()?\s*(?P<first>[+-])?\s*(?P<before>{money})?\s*(?P<first_factor>{FACTOR})?\s*(?P<second>[+-])?\s*"
        rf"(?P<body>{BODY})(?P<no_cents>{NO_CENTS})?\s*(?P<percent>%)?\s*(?P<after>{money})?\s*(?P<factor>{FACTOR})?\s*"
        rf"(?P<line>-)?\s*(?P<close>\))?"
    )
    written = [_written(text, pattern) for text in different.texts]
    units, mixed = _units(written, different.counts)
    bodies = [each.body if each and each.unit in units else None for each in written]
    plain = replace(own, currency=None)
    format, numbers, doubt = _best_format(bodies, different, plain, stated)
    numbers = numbers * np.array([each.sign if each else 1.0 for each in written])
    is_number = ~np.isnan(numbers)
    enough = different.rows(is_number) >= MOST * different.there
    looks = different.rows(np.array([each is not None for each in written], dtype=bool))
    if mixed and (not enough or any(each.factor for each in written if each)):
        doubt = f"it mixes {' and '.join(mixed)}: write all in one of them"
    if looks < MOST * different.there:
        doubt = ""
    is_own = format == plain
    return ReadColumn(
        different.spread(numbers),
        different.there,
        different.rows(is_number),
        [different.texts[place] for place in np.flatnonzero(~is_number)],
        different.missing,
        _said(different.texts, numbers, max(units), own, None if is_own else format),
        doubt,
    )


def _read(texts: Sequence[str | None], format: NumberFormat) -> np.ndarray:
    """float64 [texts]; NaN for what is not a number, or one too large for float32."""
    numbers = read_numbers(texts, format)
    return np.where(np.abs(numbers) <= LARGEST, numbers, np.nan)


def _may_be_thousands(texts: pd.Series) -> bool:
    """Whether every point stands where one between thousands would, beside numbers without one."""
    pointed = texts.str.contains(".", regex=False, na=False)
    if not pointed.any() or pointed.sum() == texts.notnull().sum():
        return False
    return bool(texts[pointed].str.fullmatch(r"[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+").all())


@dataclass(frozen=True)
class _Written:
    """A text that looks like a number: digits and separators, the sign before, and the unit.

    The unit begins with the factor, if there is one: `M EUR`.
    """

    body: str
    sign: float
    unit: str
    factor: str


def _written(text: str, pattern: re.Pattern[str]) -> _Written | None:
    parts = pattern.fullmatch(text.translate(ALIKE).strip(INVISIBLE))
    if parts is None or bool(parts["open"]) != bool(parts["close"]):
        return None
    body, line = parts["body"].strip(), parts["line"]
    if parts["no_cents"] or (line and body[-1] in ".,"):
        body, line = body[:-1], None
    minuses = [parts["open"], parts["first"] == "-", parts["second"] == "-", line]
    marks = [mark for mark in (parts["before"], parts["percent"], parts["after"]) if mark]
    if sum(map(bool, minuses)) > 1 or len(marks) > 1:
        return None
    unit, factors = marks[0] if marks else "", [parts["first_factor"], parts["factor"]]
    if found := FACTORED.fullmatch(unit):
        factors.append(found[1])
        unit = found[2] or found[3]
    factors = [factor.strip(".") for factor in factors if factor]
    if len(factors) > 1 or (factors and unit in ("", "%")):
        return None
    unit = " ".join([*factors, SAME.get(unit.casefold(), unit)])
    return _Written(body, -1.0 if any(minuses) else 1.0, unit, "".join(factors))


def _units(written: list[_Written | None], counts: np.ndarray) -> tuple[set[str], list[str]]:
    """The units that make one column, and all that there are if there are more.

    An amount without a currency is of the same as the others, unless these are millions, say; a
    number without a percent sign is not a share.
    """
    rows: Counter[str] = Counter()
    for each, count in zip(written, counts.tolist(), strict=True):
        if each is not None:
            rows[each.unit] += count
    alone = {"%"} | {each.unit for each in written if each and each.factor}
    most = max(rows, key=rows.__getitem__, default="")
    money = [unit for unit, _ in rows.most_common() if unit and unit not in alone]
    units = {most} if most in alone else {"", *money[:1]}
    if rows.keys() <= units:
        return units, []
    return units, [unit or "plain numbers" for unit, _ in rows.most_common() if rows[unit]]


def _best_format(
    bodies: list[str | None], different: DifferentTexts, own: NumberFormat, stated: bool
) -> tuple[NumberFormat, np.ndarray, str]:
    """The format that reads the most, its numbers, and why it is in doubt."""
    readings = {each: _read(bodies, each) for each in dict.fromkeys((own, *FORMATS))}
    rows = {each: different.rows(~np.isnan(numbers)) for each, numbers in readings.items()}
    most = max(rows.values())
    if stated and rows[own] and rows[own] >= MOST * most:
        return own, readings[own], ""
    format, *others = [each for each in readings if rows[each] == most]
    numbers = readings[format]
    for other in others:
        differ = ~np.isclose(numbers, readings[other], rtol=1e-12, equal_nan=True)
        if differ.any() and not (format == own and _proportional(numbers, readings[other])):
            shown = int(differ.argmax())
            one, two = (f"{each[shown]:.12g}" for each in (numbers, readings[other]))
            doubt = (
                f"{bodies[shown]!r} may be {one} (`table`: {_settings(format)}) or {two} "
                f"({_settings(other)}): set what is right"
            )
            return format, numbers, doubt
    return format, numbers, ""


def _proportional(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two readings differ by a factor only, as all of `1.500` and `72.250` do."""
    usable = ~np.isnan(one) & ~np.isnan(other) & (one != 0)
    ratios = other[usable] / one[usable]
    return bool((np.isnan(one) == np.isnan(other)).all() and np.ptp(ratios) < 1e-6 * ratios.max())


def _settings(format: NumberFormat) -> str:
    settings = [f'`decimal: "{format.decimal}"`']
    if format.thousands is not None:
        settings.append(f'`thousands: "{format.thousands}"`')
    return " and ".join(settings)


def _said(
    texts: list[str],
    numbers: np.ndarray,
    unit: str,
    own: NumberFormat,
    other: NumberFormat | None,
) -> str:
    """How the numbers are written, by the text that shows the most; empty if as the table says."""
    differ = ~np.isnan(numbers) & ~np.isclose(_read(texts, own), numbers, rtol=1e-12)
    if not differ.any():
        return ""
    shown = max(np.flatnonzero(differ), key=lambda place: (len(texts[place]), texts[place]))
    written = {"": "numbers", "%": "percentages"}.get(unit, f"amounts in {unit}")
    separators = "" if other is None else f" with {_settings(other)}"
    return f"read as {written}{separators}: {texts[shown]!r} is {numbers[shown]:.12g}"
