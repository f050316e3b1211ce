"""Columns of numbers as people write them."""

import numpy as np
import pandas as pd
import pytest

from recsys.data.sources.numbers import NumberFormat
from recsys.marketing.propensity.column_numbers import numbers_of


def read(*texts: str | None, **settings):
    own = settings.pop("own", NumberFormat())
    return numbers_of(pd.Series(texts, dtype=object), own, **settings)


@pytest.mark.parametrize(
    ("texts", "numbers", "said"),
    [
        (["1", "-2.5", "3e2"], [1, -2.5, 300], ""),
        (["1.234,50 €", "12,00 €", "-3,5 €"], [1234.5, 12, -3.5], "amounts in EUR"),
        (["€1.234,50", "EUR 7", "8 euros"], [1234.5, 7, 8], "amounts in EUR"),
        (["$1,234.50", "US$ 3", "7"], [1234.5, 3, 7], "amounts in USD"),
        (["R$ 1.234,56", "R$ 12"], [1234.56, 12], "amounts in BRL"),
        (["1\u202f234,50 zł", "3,00 zł"], [1234.5, 3], "amounts in PLN"),
        (["CHF 1\u2019200.50", "CHF 12.-"], [1200.5, 12], "amounts in CHF"),
        (
            ["19,– €", "19,-", "1.250,-- €", "€ 7,—", "8, -", "8,50 €"],
            [19, 19, 1250, 7, 8, 8.5],
            "amounts in",
        ),
        (["1 200,50 kr", "7 kr."], [1200.5, 7], "amounts in kr"),
        (["(12.50)", "3.00", "4.25-", "\u22125.5"], [-12.5, 3, -4.25, -5.5], "numbers: "),
        (["9.0 M€", "€ 12.5 M", "3 MEUR"], [9, 12.5, 3], "amounts in M EUR"),
        (["3.5 Mio. US$", "$ 2 Mio"], [3.5, 2], "amounts in Mio USD"),
        (["MX$ 5", "7"], [5, 7], "amounts in MX$"),
        (["5 SEK", "7"], [5, 7], "amounts in SEK"),
        (["12,5 %", "3%", "0 %"], [12.5, 3, 0], "percentages"),
        (["1,234,567", "2,000"], [1234567, 2000], "numbers with"),
        (["1,23,456.5", "12"], [123456.5, 12], "numbers with"),
        # Of no thousands, since one of them has a leading zero or two digits after the point.
        (["0.123", "1.234", "5"], [0.123, 1.234, 5], ""),
        (["1.25", "1.234", "950"], [1.25, 1.234, 950], ""),
        # A factor does not matter where all have a fraction.
        (["72.500", "80.250"], [72.5, 80.25], ""),
    ],
)
def test_numbers_are_what_they_say(texts, numbers, said):
    found = read(*texts, None)
    assert found.holds and found.odd == [] and found.there == len(texts)
    np.testing.assert_allclose(found.values, [*numbers, np.nan])
    assert found.said.startswith(f"read as {said}" if said else "") and bool(found.said) == bool(
        said
    )


def test_the_example_shows_how_a_number_was_read():
    assert read("3,5 €", "1.234,50 €").said == (
        'read as amounts in EUR with `decimal: ","` and `thousands: "."`: \'1.234,50 €\' is 1234.5'
    )


@pytest.mark.parametrize(
    ("texts", "doubt"),
    [
        (["1,234", "2,500"], "'1,234' may be 1234 .* or 1.234"),
        (["950", "1.234"], "'1.234' may be 1.234 .* or 1234"),
        (["€ 3", "$ 4", "€ 5"], "mixes EUR and USD"),
        (["12 %", "0.5", "0.1"], "mixes plain numbers and %"),
        (["9.0 M€", *["155571"] * 99], "mixes plain numbers and M EUR"),
        (["155 k€", "155571 €", "12 €"], "mixes EUR and k EUR"),
        (["€9.0M", "155571", "12"], "mixes plain numbers and M EUR"),
        (["9 Mio. €", "155 Tsd. €"], "mixes Mio EUR and Tsd EUR"),
        (["3 MUSD", "3 bn US$", "3 MUSD"], "mixes M USD and bn USD"),
    ],
)
def test_what_may_be_two_numbers_is_not_guessed(texts, doubt):
    found = read(*texts)
    assert not found.holds
    assert pd.Series([found.doubt]).str.contains(doubt).all()


def test_the_tables_own_format_decides():
    point, comma = NumberFormat(".", ","), NumberFormat(",", ".")
    assert read("1,234", "950", own=point, stated=True).values.tolist() == [1234, 950]
    assert read("1.234", "950", own=comma, stated=True).values.tolist() == [1234, 950]
    assert read("1.234", "950", own=NumberFormat(), stated=True).values.tolist() == [1.234, 950]
    assert read("12 pts", own=NumberFormat(currency="pts")).values.tolist() == [12]
    # What it cannot read is read as it is written.
    assert read("1.5", "2.25", own=comma, stated=True).values.tolist() == [1.5, 2.25]


def test_words_for_a_missing_number_are_counted():
    found = read("1.5", "NA", "?", "NA", "2", "\u2014")
    assert found.holds and found.there == 2
    assert found.missing == {"NA": 2, "?": 1, "\u2014": 1}
    assert np.isnan(found.values[[1, 2, 3, 5]]).all()


def test_odd_values_are_missing_if_they_are_few():
    texts = [f"{number}.5" for number in range(99)]
    assert read(*texts, "many").holds and read(*texts, "many").odd == ["many"]
    assert not read(*texts[:9], "many").holds
    # Also one of another currency.
    found = read(*[f"$ {text}" for text in texts], "€ 1.5")
    assert found.holds and found.odd == ["€ 1.5"] and np.isnan(found.values[-1])


@pytest.mark.parametrize(
    "text",
    [
        "SKU123",
        "2024-01-31",
        "31.01.2024",
        "12:30",
        "inf",
        "nan 5",
        "1e200",
        "TOP 10",
        "--5",
        "5M",
        "7 k",
    ],
)
def test_other_texts_are_not_numbers(text):
    found = read(text, text)
    assert not found.holds and found.read == 0
