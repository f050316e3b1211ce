"""What is allowed of attributes, as people write it."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from recsys.api.where import where_of, where_of_options
from recsys.errors import InputError
from recsys.export.filters import FILE, Filters

DESCRIBED = {
    "category": {"kind": "values", "values": 3, "share": 1.0},
    "price": {"kind": "range", "values": 3, "share": 1.0, "least": 1.0, "largest": 9.0},
}


@pytest.fixture
def filters(tmp_path):
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_text(json.dumps({"category": ["tea", "a, b", "17", "true"]}))
    return Filters(tmp_path, DESCRIBED)


def same(found, expected):
    return {name: list(values) for name, values in found.items()} == expected


def test_values_are_text_as_in_the_dataset(filters):
    for given, expected in (
        ("tea ", ["tea"]),
        (["tea", 17.0], ["tea", "17"]),
        (True, ["true"]),
        (pd.Series(["tea", "a, b"]), ["tea", "a, b"]),
    ):
        assert where_of({"category": given}, filters) == {"category": expected}
    assert where_of(None, filters) is None and where_of({}, filters) == {}


def test_a_range_may_be_open(filters):
    assert where_of({"price": (5, 20.5)}, filters) == {"price": (5.0, 20.5)}
    least, largest = where_of({"price": np.array([5, None])}, filters)["price"]
    assert least == 5 and math.isnan(largest)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["tea"], "expected a mapping of attributes"),
        ({"price": 5}, "where, price: expected the least and the largest number"),
        ({"price": "5..20"}, "where, price: expected the least and the largest number"),
        ({"price": (1, 2, 3)}, "where, price: expected the least and the largest number"),
        ({"price": ("a", 2)}, "where, price: .*is not a number"),
        ({"category": ["tea", None]}, "where, category: a value is empty"),
        ({"colour": "red"}, "no filter 'colour'. It has: category, price"),
    ],
)
def test_what_cannot_be_meant_is_one_message(filters, given, said):
    with pytest.raises(InputError, match=said):
        where_of(given, filters)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["category=tea,17"], {"category": ["tea", "17"]}),
        (["category=tea", "category=17"], {"category": ["tea", "17"]}),
        (['category="a, b", tea'], {"category": ["a, b", "tea"]}),
        (["price=5..20", "category = tea"], {"price": [5, 20], "category": ["tea"]}),
        (["price=5.."], {"price": [5, None]}),
        (["price=..2.5"], {"price": [None, 2.5]}),
        (["price=5"], {"price": [5, 5]}),
        (["price=-2..-1e3"], {"price": [-2, -1000]}),
    ],
)
def test_options_of_the_command_line(filters, options, expected):
    assert same(where_of_options(options, filters), expected)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("category", "expected ATTRIBUTE=VALUE"),
        ("price=cheap", "expected a range of numbers"),
        ("price=nan..5", "expected a range of numbers"),
        ("category=a\nb", "expected values"),
        ("colour=red", "no filter 'colour'"),
    ],
)
def test_options_that_cannot_be_read(filters, option, said):
    with pytest.raises(InputError, match=said):
        where_of_options([option], filters)
    with pytest.raises(InputError, match="price is given twice"):
        where_of_options(["price=1..2", "price=3..4"], filters)
