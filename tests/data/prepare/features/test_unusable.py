import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.errors import InputError
from tests.data.conftest import SMALL_LOG

# The catalogue of SMALL_LOG, x, z, y and w, and items that only the table has.
ITEMS = ["x", "z", "y", "w", "q1", "q2", "q3", "q4"]


@pytest.fixture
def encoded(write, prepared):
    """A feature of the items, by the values in the order of ITEMS, and the notes."""

    def encode(values, kind="numeric", **settings):
        lines = [
            json.dumps({"id": item, "f": value}, ensure_ascii=False)
            for item, value in zip(ITEMS, values, strict=False)
        ]
        path = write("items.jsonl", "\n".join(lines) + "\n")
        items = {"path": str(path), "key": "id", "features": {"f": kind}, **settings}
        dataset = prepared(write("log.csv", SMALL_LOG), items=items)
        notes = [n for n in dataset.manifest.quality["notes"] if "feature" in n]
        return dataset.feature("item", "f"), notes

    return encode


def standardised(numbers):
    numbers = np.array(numbers, float)
    return (numbers - numbers.mean()) / numbers.std()


def test_values_that_are_not_numbers_are_counted_and_missing(encoded):
    values, notes = encoded(["1", "2", 4, "—", None, "$12.00", "", "1e200"])
    np.testing.assert_allclose(values[:3], standardised([1, 2, 4]), rtol=1e-6)
    assert values[3:].tolist() == [0] * 5
    assert notes == [
        "item feature 'f': 2 of 6 values are not numbers, such as '—'; set `currency: \"$\"` to "
        "read them as numbers",
        "item feature 'f': 1 of 6 values are out of range (infinite, or beyond 3.4e38), such as "
        "'1e200'",
    ]


def test_more_than_is_bearable_is_refused_with_a_hint(encoded):
    prices = ["1", "2", *[f"$1{n},100.00" for n in range(6)]]
    message = r"'f': 6 of 8 values are not numbers.*`thousands: \",\"` and `currency: \"\$\"`.*now"
    with pytest.raises(InputError, match=message):
        encoded(prices)
    assert encoded(prices, max_unusable=0.8)[0][2:].tolist() == [0] * 6
    read, notes = encoded(prices, thousands=",", currency="$")
    numbers = [1, 2, *[10_000 + 1000 * n + 100 for n in range(6)]]
    np.testing.assert_allclose(read, standardised(numbers), rtol=1e-6)
    assert notes == []
    with pytest.raises(InputError, match="1 of 4 values are not numbers"):
        encoded(["1", "2", "3", "x"], max_unusable=0.2)
    assert encoded(["1", "2", "—", "—"], null_values=["—"], max_unusable=0)[1] == []


@pytest.mark.parametrize(
    "numbers",
    [
        [3.4e38, -3.4e38, 3.3e38, 0],
        [1e-44, 2e-44, 3e-44, 4e-44],
        [1e-300, 2e-300, 0, 0],
        [0.1, 0.1, 0.1, 0.1],
        [1e30, 1, 2, 3],
    ],
    ids=str,
)
def test_extreme_numbers_stay_finite(encoded, numbers):
    values, notes = encoded(numbers)
    assert np.isfinite(values).all()
    assert np.abs(values).max() <= 2
    assert notes == []


def test_typed_numbers(tmp_path, write, prepared):
    columns = {
        "floats": pa.array([1.0, np.nan, np.inf, 3.0]),
        "exact": pa.array([1, 2, None, 3], pa.int64()).cast(pa.decimal128(38, 2)),
        "flags": pa.array([True, False, None, True]),
    }
    pq.write_table(pa.table({"id": ITEMS[:4], **columns}), tmp_path / "items.parquet")
    features = dict.fromkeys(columns, "numeric")
    items = {"path": str(tmp_path / "items.parquet"), "key": "id", "features": features}
    dataset = prepared(write("log.csv", SMALL_LOG), items=items)
    assert dataset.feature("item", "floats").tolist() == [-1, 0, 0, 1]
    exact = standardised([1, 2, 3])
    assert dataset.feature("item", "exact").tolist() == pytest.approx([*exact[:2], 0, exact[2]])
    flags = standardised([1, 0, 1])
    assert dataset.feature("item", "flags").tolist() == pytest.approx([*flags[:2], 0, flags[2]])
    assert dataset.manifest.quality["notes"] == [
        "items of the log without a value, of 4: exact 1, flags 1",
        "item feature 'floats': 1 of 3 values are out of range (infinite, or beyond 3.4e38), such "
        "as 'inf'",
    ]


VECTORS = {
    "lists": [[1, 2], [3, None], [0.5, 1e200], [4, 5], None],
    "text": ["1 2", "[3, nan]", "(0.5; 1e200)", "4|5", ""],
}


@pytest.mark.parametrize("form", VECTORS)
def test_vectors_with_anything_but_finite_numbers_are_missing(encoded, form):
    values, notes = encoded(VECTORS[form], "vector")
    assert values.tolist() == [[1, 2], [0, 0], [0, 0], [4, 5], [0, 0]]
    something, outside = notes
    assert "item feature 'f': 1 of 4 values hold something other than numbers" in something
    assert "item feature 'f': 1 of 4 values are out of range" in outside
    with pytest.raises(InputError, match=r"something other.*out of range.*now 0\.4"):
        encoded(VECTORS[form], "vector", max_unusable=0.4)


def test_typed_vectors_with_infinities(tmp_path, write, prepared):
    vectors = pa.array([[1.0, 2.0], [np.inf, 0.0], [np.nan, 0.0], [3.0, 4.0]])
    pq.write_table(pa.table({"id": ITEMS[:4], "v": vectors}), tmp_path / "items.parquet")
    items = {"path": str(tmp_path / "items.parquet"), "key": "id", "features": {"v": "vector"}}
    dataset = prepared(write("log.csv", SMALL_LOG), items=items)
    assert dataset.feature("item", "v").tolist() == [[1, 2], [0, 0], [0, 0], [3, 4]]
    assert len(dataset.manifest.quality["notes"]) == 2


def test_vectors_with_decimal_commas(encoded):
    values, notes = encoded(["0,5 1,5", "[2,0; 3]"], "vector", decimal=",")
    assert values[:2].tolist() == [[0.5, 1.5], [2, 3]]
    assert notes == []
