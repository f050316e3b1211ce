import decimal

import ibis
import pyarrow as pa
import pytest

from recsys.data.ids import identifier


def identified(values, kind=None):
    table = ibis.memtable(pa.table({"id": pa.array(values, type=kind)}))
    return identifier(table.id).to_pyarrow().to_pylist()


def test_text_is_trimmed_and_never_folded():
    assert identified([" a ", "A", "\tb\n", "", "  ", None]) == ["a", "A", "b", None, None, None]


def test_integral_floats_are_integers():
    assert identified([17850.0, 1.5, 1e300, float("nan"), None]) == [
        "17850", "1.5", "1e+300", None, None,
    ]  # fmt: skip
    assert identified(["17850.0", "17850", "17850.00", "1.5", "-3.0"]) == [
        "17850", "17850", "17850", "1.5", "-3",
    ]  # fmt: skip
    assert identified([decimal.Decimal("12.00")]) == ["12"]


@pytest.mark.parametrize("text", ["v1.0", "1.0.0", "0017", "1e5", "85123A"])
def test_other_text_stays(text):
    assert identified([text]) == [text]


def test_integers_and_booleans():
    assert identified([7, -1], pa.int32()) == ["7", "-1"]
    assert identified([2**62], pa.int64()) == [str(2**62)]
