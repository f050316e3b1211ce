"""Numbers as people and spreadsheets write them: decimal and thousands separators, currencies."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys.data.sources.cells import trimmed
from recsys.data.sources.text import INVISIBLE

Decimal = Literal[".", ","]
Thousands = Literal[",", ".", " ", "'"]
# The largest number that the arrays of a dataset (float32) can hold.
LARGEST = float(np.finfo(np.float32).max)
# Signs that stand for each other: any space, either apostrophe.
SPACE = "[ \u00a0\u2009\u202f]"
ALIKE = {" ": SPACE, "'": "['\u2019]"}
CURRENCY = re.compile(r"[^\W\d_]{0,2}[$¢£¤¥₠-⃏]|[A-Z]{3}|kr\.?|zł|Kč|Ft|lei|Fr\.", re.UNICODE)
SAMPLE = 10_000
# The share of its values that a format must read to be a column's format, and the share of the
# unread values that it must read to be hinted at.
MOST, HINTED = 0.9, 0.5


@dataclass(frozen=True)
class NumberFormat:
    """How numbers are written.

    Attributes:
        decimal: before the fraction.
        thousands: between groups of digits, which may also be missing; None: never.
        currency: a sign that may stand before or after the number; None: none.
    """

    decimal: Decimal = "."
    thousands: Thousands | None = None
    currency: str | None = None

    @cached_property
    def pattern(self) -> str:
        """A complete number, for RE2 and for Python; its only group holds digits and separators."""
        point = re.escape(self.decimal)
        body = rf"(?:[0-9]+(?:{point}[0-9]*)?|{point}[0-9]+)"
        if self.thousands is not None:
            # Groups of two digits are Indian; the last has three everywhere.
            between = ALIKE.get(self.thousands, re.escape(self.thousands))
            groups = rf"[1-9][0-9]{{0,2}}(?:{between}[0-9]{{2,3}})*{between}[0-9]{{3}}"
            body = rf"(?:{groups}(?:{point}[0-9]*)?|{body})"
        number = rf"{body}(?:[eE][+-]?[0-9]+)?"
        if self.currency is None:
            return rf"^([+-]?{number})$"
        sign = re.escape(self.currency)
        space = f"{SPACE}?"
        return rf"^(?:{sign}{space})?([+-]?(?:{sign}{space})?{number})(?:{space}{sign})?$"

    @property
    def removed(self) -> str | None:
        """A pattern of what stands within the pattern's group and is not part of the number."""
        signs = [ALIKE.get(self.thousands, re.escape(self.thousands))] if self.thousands else []
        if self.currency is not None:
            signs.append(f"{re.escape(self.currency)}{SPACE}?")
        return "|".join(signs) or None

    def reads(self, text: str) -> bool:
        """Whether a text is a number under this format."""
        return re.match(self.pattern, text.strip(INVISIBLE)) is not None


def as_number(column: ir.Column, format: NumberFormat) -> ir.FloatingValue:
    """A column as float64; null where a value is missing or not a number.

    A number that is too large is infinite.

    Args:
        column: numbers, yes and no (1 and 0), or text.
        format: of the numbers in text.
    """
    if column.type().is_numeric() or column.type().is_boolean():
        number = column.cast("float64")
        return ibis.ifelse(number.isnan(), ibis.null("float64"), number)
    return _cast(column, format, "float64")


def as_whole_number(column: ir.Column, format: NumberFormat) -> ir.IntegerValue:
    """A column as int64, exact beyond 2**53; null where a value is not one or is too large.

    Args:
        column: numbers, or text.
        format: of the numbers in text.
    """
    kind = column.type()
    if kind.is_integer() or (kind.is_decimal() and kind.scale == 0):
        return column.try_cast("int64")
    number = as_number(column, format)
    whole = column.try_cast("int64") if kind.is_numeric() else _cast(column, format, "int64")
    return ibis.ifelse(number % 1 == 0, whole, ibis.null("int64"))


def _cast(column: ir.Column, format: NumberFormat, kind: str) -> ir.NumericValue:
    """Text as numbers of a type; null where it is not one."""
    text = column.cast("string")
    if format == NumberFormat():
        # The engine's own rules, but for `inf`, `nan` and `1_000`. It trims blanks.
        odd = text.contains("n") | text.contains("N") | text.contains("_")
        number = ibis.coalesce(text.try_cast(kind), trimmed(text).try_cast(kind))
        return ibis.ifelse(odd, ibis.null(kind), number)
    text = trimmed(text)
    plain = text.re_replace(format.pattern, r"\1")
    if format.removed is not None:
        plain = plain.re_replace(format.removed, "")
    plain = plain.replace(format.decimal, ".")
    return ibis.ifelse(text.re_search(format.pattern), plain, ibis.null("string")).try_cast(kind)


def read_numbers(texts: Sequence[str | None], format: NumberFormat) -> np.ndarray:
    """Text as float64 [texts], by the same rules as :func:`as_number`; NaN instead of null."""
    text = pc.utf8_trim(pa.array(texts, pa.string(), from_pandas=True), characters=INVISIBLE)
    is_number = pc.match_substring_regex(text, format.pattern)
    text = pc.replace_substring_regex(text, format.pattern, r"\1")
    if format.removed is not None:
        text = pc.replace_substring_regex(text, format.removed, "")
    text = pc.replace_substring(text, format.decimal, ".")
    numbers = pc.cast(pc.if_else(is_number, text, pa.scalar(None, pa.string())), pa.float64())
    return numbers.to_numpy(zero_copy_only=False)


def guess_number_format(column: ir.Column) -> dict[str, str]:
    """The settings by which nearly all values of a text column are numbers.

    Args:
        column: of text; a sample of its values is looked at.

    Returns:
        Of ``decimal``, ``thousands`` and ``currency`` those that differ from the defaults; empty
        if the defaults read the values, or if nothing does.
    """
    if not column.type().is_string():
        return {}
    values = trimmed(column).name("value").as_table().distinct()
    values = values.filter(values.value.notnull()).limit(SAMPLE)
    return _suggested(values.to_pyarrow()["value"].to_pylist(), NumberFormat(), MOST)


def format_hint(texts: Sequence[str], now: NumberFormat) -> str:
    """Names the settings that would make numbers of texts; empty if there are none."""
    settings = _suggested(texts, now, HINTED)
    shown = " and ".join(f'`{name}: "{value}"`' for name, value in settings.items())
    return f"; set {shown} to read them as numbers" if settings else ""


def _suggested(texts: Sequence[str], now: NumberFormat, share: float) -> dict[str, str]:
    """The settings that read the most texts, if they read that share and are not in use."""
    read = {each: sum(map(each.reads, texts)) for each in _candidates(texts, now)}
    best = max(read, key=lambda each: read[each])
    if best == now or not texts or read[best] < share * len(texts):
        return {}
    found: Mapping[str, str | None] = vars(best)
    return {
        name: value
        for name in ("decimal", "thousands", "currency")
        if (value := found[name]) is not None and value != getattr(now, name)
    }


def _candidates(texts: Sequence[str], now: NumberFormat) -> Iterator[NumberFormat]:
    """Formats to try, the likeliest first."""
    yield now
    separators: tuple[tuple[Decimal, Thousands | None], ...] = (
        (now.decimal, now.thousands),
        (".", ","),
        (",", None),
        (",", "."),
        (".", " "),
        (",", " "),
        (".", "'"),
    )
    signs = _currencies(texts)
    for decimal, thousands in separators:
        plain = replace(now, decimal=decimal, thousands=thousands)
        yield plain
        for sign in signs:
            yield replace(plain, currency=sign)


def _currencies(texts: Sequence[str]) -> list[str]:
    """Signs of money beside the digits, the most frequent first."""
    counts: dict[str, int] = {}
    for text in texts:
        rest = re.sub(r"[\d\s.,'\u2019+-]+", "", text)
        if CURRENCY.fullmatch(rest):
            counts[rest] = counts.get(rest, 0) + 1
    return sorted(counts, key=lambda sign: -counts[sign])[:3]
