import ibis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.data.sources.numbers import (
    NumberFormat,
    as_number,
    as_whole_number,
    format_hint,
    guess_number_format,
    read_numbers,
)

PLAIN = NumberFormat()
COMMA = NumberFormat(",", ".")
READ = [
    (PLAIN, "1.5", 1.5),
    (PLAIN, " -3\u00a0", -3.0),
    (PLAIN, "+.5", 0.5),
    (PLAIN, "1e-3", 0.001),
    (PLAIN, "5.", 5.0),
    (PLAIN, "1e400", np.inf),
    (PLAIN, "1,5", None),
    (PLAIN, "1,100.50", None),
    (PLAIN, "1_000", None),
    (PLAIN, "inf", None),
    (PLAIN, "nan", None),
    (PLAIN, "—", None),
    (PLAIN, "", None),
    (NumberFormat(thousands=","), "1,100.50", 1100.5),
    (NumberFormat(thousands=","), "12,34,567", 1234567.0),
    (NumberFormat(thousands=","), "1100.50", 1100.5),
    (NumberFormat(thousands=","), "1,5", None),
    (NumberFormat(thousands=","), "0,500", None),
    (NumberFormat(thousands=","), "1,2345", None),
    (NumberFormat(","), "0,50", 0.5),
    (NumberFormat(","), "1.5", None),
    (COMMA, "-1.234.567,89", -1234567.89),
    (COMMA, "1.5", None),
    (NumberFormat(",", " "), "1\u202f234,5", 1234.5),
    (NumberFormat(".", "'"), "1\u2019234.5", 1234.5),
    (NumberFormat(currency="$"), "$1.50", 1.5),
    (NumberFormat(currency="$"), "-$ 1.50", -1.5),
    (NumberFormat(currency="$"), "$-1.50", -1.5),
    (NumberFormat(currency="$"), "1.50", 1.5),
    (NumberFormat(currency="$"), "€1.50", None),
    (NumberFormat(",", ".", "EUR"), "1.100,50 EUR", 1100.5),
]


@pytest.mark.parametrize("format", sorted({case[0] for case in READ}, key=str), ids=str)
def test_numbers_are_read_as_written_or_not_at_all(format):
    cases = [case[1:] for case in READ if case[0] == format]
    texts, expected = [text for text, _ in cases], [number for _, number in cases]
    column = ibis.memtable(pa.table({"text": pa.array([*texts, None])})).text
    assert as_number(column, format).to_pyarrow().to_pylist() == [*expected, None]
    wanted = np.array([*expected, None], float)
    np.testing.assert_array_equal(read_numbers([*texts, None], format), wanted)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text("0123456789.,+-eE_nNifax \u00a0", max_size=7), max_size=40))
def test_a_column_and_a_list_are_read_alike(texts):
    column = ibis.memtable(pa.table({"text": pa.array(texts, pa.string())})).text
    read = as_number(column, PLAIN).to_pyarrow().to_numpy(zero_copy_only=False)
    np.testing.assert_array_equal(read_numbers(texts, PLAIN), read.astype(float))


@pytest.mark.parametrize("format", [PLAIN, NumberFormat(thousands=",")], ids=str)
def test_whole_numbers_are_exact(format):
    texts = ["9007199254740993", " -7\u00a0", "5.0", "1.5", "1e3", str(2**63), "x", None]
    column = ibis.memtable(pa.table({"text": pa.array(texts)})).text
    assert as_whole_number(column, format).to_pyarrow().to_pylist() == [
        9007199254740993, -7, 5, None, 1000, None, None, None,
    ]  # fmt: skip


def test_typed_numbers_are_what_they_are():
    column = ibis.memtable(pa.table({"n": pa.array([1.5, np.nan, np.inf, None])})).n
    assert as_number(column, COMMA).to_pyarrow().to_pylist() == [1.5, None, np.inf, None]


@pytest.mark.parametrize(
    ("texts", "settings"),
    [
        (["5.00", "12"], {}),
        (["5.00", "1,100.50"], {"thousands": ","}),
        (["900", "1,100"], {"thousands": ","}),
        (["0,500", "1,100"], {"decimal": ","}),
        (["0,50", "12"], {"decimal": ","}),
        (["0,50", "1.100,50"], {"decimal": ",", "thousands": "."}),
        (["1 100,50", "3"], {"decimal": ",", "thousands": " "}),
        (["1'100.50", "3"], {"thousands": "'"}),
        (["$1.50", "$3", "4"], {"currency": "$"}),
        (["1.100,50 €", "3 €"], {"decimal": ",", "thousands": ".", "currency": "€"}),
        (["12 kg", "3 kg"], {}),
        (["red", "blue"], {}),
        ([], {}),
    ],
)
def test_the_format_of_a_column_is_guessed(texts, settings):
    column = ibis.memtable(pa.table({"n": pa.array([*texts, None, ""], pa.string())})).n
    assert guess_number_format(column) == settings
    fitting = NumberFormat(**settings)
    if settings:
        assert not np.isnan(read_numbers(texts, fitting)).any()


def test_the_hint_names_what_would_read_most_of_what_is_not_read():
    assert format_hint(["$1", "$2.50", "—"], PLAIN) == (
        '; set `currency: "$"` to read them as numbers'
    )
    assert format_hint(["1.100,50"], NumberFormat(",")) == (
        '; set `thousands: "."` to read them as numbers'
    )
    assert format_hint(["—", "soon"], PLAIN) == ""
