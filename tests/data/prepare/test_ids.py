import decimal
import uuid
from datetime import date, datetime

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.data.prepare.ids import identifier
from recsys.data.sources.engine import blaming_input
from recsys.data.sources.text import INVISIBLE, normal_id
from recsys.errors import InputError

LARGE = 76_900_000_000_000_001  # a database's NUMBER(38) of 17 digits


def identified(values, kind=None):
    table = ibis.memtable(pa.table({"id": pa.array(values, type=kind)}))
    with blaming_input("here"):
        return identifier(table.id).to_pyarrow().to_pylist()


def test_text_is_trimmed_and_never_folded():
    assert identified([" a ", "A", "\tb\n", "", "  ", None]) == ["a", "A", "b", None, None, None]


@pytest.mark.parametrize("edge", ["\u200b", "\u00a0", "\ufeff", "\u2060", "\u3000", "\x1b", "\x85"])
def test_edges_that_are_not_seen_are_trimmed(edge):
    given = [f"I003{edge}", f"{edge}{edge}I003 {edge}", f"I{edge}3", f"é{edge}", edge]
    assert identified(given) == ["I003", "I003", f"I{edge}3", "é", None]


def test_what_is_seen_at_the_edges_stays():
    england = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
    seen = ["~a!", "«é»", "e\u0301", "❤\ufe0f", england, "#", "日本"]
    assert identified(seen) == seen


def test_integral_numbers_are_integers():
    assert identified([17850.0, 1.5, -0.0, float("nan"), float("inf"), None]) == [
        "17850", "1.5", "0", None, None, None,
    ]  # fmt: skip
    assert identified(["17850.0", "17850", "17850.00", "1.5", "-3.0"]) == [
        "17850", "17850", "17850", "1.5", "-3",
    ]  # fmt: skip
    money = [decimal.Decimal("17850.00"), decimal.Decimal("12.50"), None]
    assert identified(money, pa.decimal128(20, 2)) == ["17850", "12.50", None]


@pytest.mark.parametrize("text", ["v1.0", "1.0.0", "000003", "1e5", "85123A", "NA"])
def test_other_text_stays(text):
    assert identified([text]) == [text]


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        (pa.int32(), [7, -1]),
        (pa.int64(), [LARGE, LARGE + 1, 2**63 - 1]),
        (pa.uint64(), [LARGE, LARGE + 1, 2**64 - 1]),
        (pa.decimal128(38, 0), [LARGE, LARGE + 1, 10**37 + 1, -LARGE]),
        (pa.float64(), [2**53 - 1, -(2**53) + 1]),
        (pa.float32(), [2**24 - 1]),
    ],
    ids=str,
)
def test_whole_numbers_keep_every_digit(kind, numbers):
    given = list(map(decimal.Decimal, numbers)) if pa.types.is_decimal(kind) else numbers
    assert identified(given, kind) == list(map(str, numbers))


@pytest.mark.parametrize(("kind", "first"), [(pa.float64(), 2.0**53), (pa.float32(), 2.0**24)])
def test_floats_that_stand_for_several_numbers_are_refused(kind, first):
    assert identified([3.0, None], kind) == ["3", None]
    with pytest.raises(InputError, match=r"here: the column 'id' holds ids as floating-point.*int"):
        identified([3.0, first], kind)


def test_other_types_are_text():
    time = datetime(2026, 1, 31, 9, 30)
    name = uuid.uuid4()
    assert identified([True, False]) == ["true", "false"]
    assert identified([date(2026, 1, 31)]) == ["2026-01-31"]
    assert identified([time], pa.timestamp("us")) == ["2026-01-31 09:30:00"]
    assert identifier(ibis.literal(name)).to_pyarrow().as_py() == str(name)
    assert identified(pa.array(["b", "a", "b"]).dictionary_encode()) == ["b", "a", "b"]
    assert identified([None], pa.null()) == [None]


@pytest.mark.parametrize("value", [[1, 2], {"id": 3}], ids=["list", "record"])
def test_lists_and_records_identify_nothing(value):
    with pytest.raises(InputError, match=r"'id' holds lists or records.*column of its own"):
        identified([value])


edges = st.text(st.sampled_from(INVISIBLE), max_size=2)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(edges, texts | st.from_regex(r"-?[0-9]{1,3}\.0?", fullmatch=True), edges))
)
def test_a_single_id_takes_the_form_that_a_column_gives_it(parts):
    given = ["".join(part) for part in parts]
    assert identified(given, pa.string()) == [normal_id(text) or None for text in given]


@settings(max_examples=20, deadline=None)
@given(st.sets(st.integers(-(10**37), 10**37), max_size=20))
def test_no_two_numbers_become_one_id(numbers):
    given = [decimal.Decimal(number) for number in numbers]
    assert identified(given, pa.decimal128(38, 0)) == list(map(str, numbers))
