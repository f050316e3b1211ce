"""Ids and histories, however a notebook holds them."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from recsys.api.ids import (
    category_of,
    excluded_of,
    first,
    histories_of,
    id_of,
    ids_of,
    number_of,
)
from recsys.errors import InputError

COLUMNS = {"user": "customer", "item": "sku", "time": "at"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" 17850 ", "17850"),
        (17850.0, "17850"),
        (np.float32(3.0), "3"),
        (np.int64(7), "7"),
        (2**63, str(2**63)),
        ("A", "A"),
        (Decimal("17850.00"), "17850"),
    ],
)
def test_an_id_is_the_text_that_it_is_in_a_log(value, expected):
    assert id_of(value, "users") == expected


@pytest.mark.parametrize(
    "value",
    [
        *(None, float("nan"), 1.5, True, np.bool_(True), 2.0**60, b"a", []),
        *(Decimal("NaN"), Decimal("Infinity"), Decimal("1.5"), "x\ud800"),
    ],
)
def test_what_is_not_exactly_an_id_is_refused(value):
    with pytest.raises(InputError, match=r"users: .* is not an id"):
        id_of(value, "users")


def test_a_single_text_is_one_id_and_not_its_letters():
    assert ids_of("42", "users") == ["42"]
    assert ids_of(pd.Series([1, 2]), "users") == ids_of(np.array([1, 2]), "users") == ["1", "2"]
    for given in (7, b"ab", {"a": 1}):
        with pytest.raises(InputError, match="expected a list of ids"):
            ids_of(given, "users")


class TestHistories:
    def test_lists_are_numbered(self):
        found = histories_of([["a", 1], [], np.array([2, 3])], COLUMNS)
        assert found.users == [0, 1, 2] and found.items == [["a", "1"], [], ["2", "3"]]
        assert found.times is None

    def test_a_mapping_has_names(self):
        found = histories_of({"ann": ["a"], 7: []}, COLUMNS)
        assert found.users == ["ann", "7"] and found.items == [["a"], []]
        with pytest.raises(InputError, match=r"histories: 1 and '1\.0' are one user, '1'"):
            histories_of({1: ["a"], "1.0": ["b"]}, COLUMNS)

    @pytest.mark.parametrize("given", ["ab", 3, ["a", "b"], [{"a": 1}], [3]])
    def test_what_is_no_list_of_lists_is_refused(self, given):
        with pytest.raises(InputError, match="expected a list of histories"):
            histories_of(given, COLUMNS)

    @pytest.mark.parametrize("kind", [pd.DataFrame, lambda frame: pa.table(frame)])
    @pytest.mark.parametrize("names", [("customer", "sku", "at"), ("user", "item", "time")])
    def test_a_frame_is_put_in_order_of_time(self, kind, names):
        columns = {
            names[0]: ["bo", "ann", "bo", "ann"],
            names[1]: [1, 2, 3, 4],
            names[2]: pd.to_datetime(["2026-01-02", "2026-01-01", "2026-01-01", "2026-01-03"]),
        }
        found = histories_of(kind(pd.DataFrame(columns)), COLUMNS)
        assert found.users == ["bo", "ann"] and found.items == [["3", "1"], ["2", "4"]]
        day = 24 * 60 * 60
        assert [(times - times[0]).tolist() for times in found.times] == [[0, day], [0, 2 * day]]

    def test_times_with_a_zone_are_instants(self):
        times = pd.to_datetime(["1970-01-01 01:00", "1970-01-01 02:00"]).tz_localize("Europe/Paris")
        frame = pd.DataFrame({"user": "a", "item": ["x", "y"], "time": times})
        assert histories_of(frame, COLUMNS).times[0].tolist() == [0, 3600]

    def test_numbers_of_an_unknown_unit_are_for_the_order_alone(self):
        frame = pd.DataFrame({"user": "a", "item": ["x", "y"], "time": [2_000, 1_000]})
        found = histories_of(frame, COLUMNS)
        assert found.items == [["y", "x"]] and found.times is None

    def test_what_the_events_were_stays_with_them(self):
        frame = pd.DataFrame(
            {
                "user": ["bo", "ann", "bo"],
                "item": ["x", "y", "z"],
                "time": pd.to_datetime(["2026-01-02", "2026-01-01", "2026-01-01"]),
                "action": ["view", None, "buy"],
                "price": [1.5, 2.5, np.nan],
            }
        )
        features = {"what": "action", "price": "paid", "absent": "absent"}
        found = histories_of(frame, COLUMNS, features)
        assert found.items == [["z", "x"], ["y"]]
        assert found.features == {
            "what": [["buy", "view"], [None]],
            "price": [[None, 1.5], [2.5]],
        }
        assert histories_of([["x"]], COLUMNS, features).features == {}

    def test_without_times_the_frame_is_in_order(self):
        found = histories_of(pd.DataFrame({"user": [1, 1], "item": ["x", "y"]}), COLUMNS)
        assert found.users == ["1"] and found.items == [["x", "y"]]

    @pytest.mark.parametrize(
        ("columns", "message"),
        [
            ({"item": ["x"]}, "no column 'customer' .*it has 'item'"),
            ({"user": ["a"], "item": [None]}, "'None' is not an id"),
            ({"user": ["a"], "item": ["x"], "time": ["today"]}, "times are of type"),
            (
                {"user": ["a"], "item": ["x"], "time": [pd.NaT]},
                "the frame has 1 event without a time",
            ),
            ({"user": ["a", "b"], "item": ["x", 3]}, "cannot be read"),
        ],
    )
    def test_a_frame_that_does_not_say_enough_is_refused(self, columns, message):
        with pytest.raises(InputError, match=message):
            histories_of(pd.DataFrame(columns), COLUMNS)


TWO = ["u1", "u2"]


def test_what_is_excluded_is_for_all_or_for_each():
    assert excluded_of(None, TWO) is None
    assert excluded_of(["a", 3], TWO) == [["a", "3"]] * 2
    assert excluded_of("ab", TWO) == [["ab"]] * 2
    assert excluded_of([["a"], []], TWO) == [["a"], []]
    assert excluded_of([], TWO) == [[], []]
    with pytest.raises(InputError, match=r"or 2 lists.*received 1"):
        excluded_of([["a"]], TWO)


def test_the_first_of_many_are_named():
    assert first(["a", "b"]) == "a, b" and first(list("abcdefg")).endswith("e and 2 more")


def test_what_is_excluded_by_user_is_for_that_user():
    assert excluded_of({"u2": ["a", 3]}, TWO) == [[], ["a", "3"]]
    assert excluded_of({7: "a"}, [7, 8]) == [["a"], []]
    with pytest.raises(InputError, match="users that are not asked about: 'u3'"):
        excluded_of({"u3": ["a"]}, TWO)
    with pytest.raises(InputError, match="exclude: 7 and '7' are one user, '7'"):
        excluded_of({7: ["a"], "7": ["b"]}, [7, 8])


@pytest.mark.parametrize("given", [pd.DataFrame({"item": [12]}), 7, b"ab"])
def test_what_cannot_be_excluded_is_refused(given):
    with pytest.raises(InputError, match="expected a list of item ids for everybody"):
        excluded_of(given, TWO)


def test_a_series_of_histories_keeps_its_users():
    found = histories_of(pd.Series({"ann": [1, 2], "bob": [3]}), {})
    assert (found.users, found.items) == (["ann", "bob"], [["1", "2"], ["3"]])
    assert histories_of(pd.Series([["a"], ["b"]]), {}).users == [0, 1]
    with pytest.raises(InputError, match=r"are one user, .*: join them into one entry"):
        histories_of(pd.Series([["a"], ["b"]], index=["ann", "ann"]), {})


def test_a_frame_is_no_list_of_ids():
    with pytest.raises(InputError, match="received a frame; give its column"):
        ids_of(pd.DataFrame({"user": ["a"]}), "users")


@pytest.mark.parametrize(
    ("given", "expected"),
    [("view", "view"), (" 17850.0", "17850"), (3.0, "3"), (0.5, "0.5"), (np.int64(4), "4"),
     (None, ""), (np.nan, ""), (False, "false"), (Decimal("7"), "7"), (Decimal("2.55"), "2.55"),
     (np.float32(0.1), "0.1"), (datetime.date(2026, 11, 28), "2026-11-28")],
)  # fmt: skip
def test_categories_are_written_as_in_a_dataset(given, expected):
    assert category_of(given, "what") == expected


def test_small_floats_of_a_frame_keep_their_precision():
    """As the log spells them: in 64 bits 0.1 of 32 bits is 0.10000000149."""
    frame = pd.DataFrame({"user": ["u"], "item": ["a"], "size": np.array([0.1], np.float32)})
    found = histories_of(frame, {"user": "user", "item": "item"}, {"size": "size"})
    assert [category_of(value, "size") for value in found.features["size"][0]] == ["0.1"]


def test_numbers_are_numbers():
    assert number_of(Decimal("1.5"), "price") == 1.5 and np.isnan(number_of(None, "price"))
    with pytest.raises(InputError, match="histories, price: '1,5' is not a number"):
        number_of("1,5", "histories, price")
