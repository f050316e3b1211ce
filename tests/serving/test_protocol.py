import base64
import json

import numpy as np
import pytest

from recsys.serving.errors import RequestError
from recsys.serving.protocol import Limits, parse_json, read_request, write_answer

IDS = {"dtype": "string", "shape": [None, None]}
SIGNATURES = {
    "serving_default": {
        "inputs": {
            "history": IDS,
            "history_time": {"dtype": "int64", "shape": [None, None]},
            "age": {"dtype": "float32", "shape": [None]},
            "taste": {"dtype": "float32", "shape": [None, 2]},
        }
    },
    "embed_query": {"inputs": {"history": IDS}},
    "embed_items": {"inputs": {"item_id": {"dtype": "string", "shape": [None]}}},
    "flags": {"inputs": {"in_stock": {"dtype": "bool", "shape": [None]}}},
    "small": {"inputs": {"count": {"dtype": "int32", "shape": [None]}}},
}
LIMITS = Limits(batch=4, values=5)
ROW = {"history": ["a", "b"], "history_time": [1, 2], "age": 31, "taste": [0.5, -1]}


def read(document, limits=LIMITS):
    return read_request(document, SIGNATURES, limits, ["history_time"])


def test_rows_and_columns_are_the_same_arrays():
    rows = read({"instances": [ROW, {**ROW, "history": ["ö", ""], "age": float("nan")}]})
    columns = read(
        {
            "inputs": {
                "history": [["a", "b"], ["ö", ""]],
                "history_time": [[1, 2], [1, 2]],
                "age": [31.0, float("nan")],
                "taste": [[0.5, -1], [0.5, -1.0]],
            }
        }
    )
    assert rows.is_row_format and not columns.is_row_format
    assert rows.signature == columns.signature == "serving_default"
    assert rows.rows == 2
    for name, value in rows.inputs.items():
        np.testing.assert_array_equal(value, columns.inputs[name], name)
    assert rows.inputs["history"].tolist() == [[b"a", b"b"], ["ö".encode(), b""]]
    assert rows.inputs["age"].dtype == np.float32
    assert rows.inputs["history_time"].dtype == np.int64


def test_the_name_of_a_single_input_may_be_left_out():
    wanted = read({"signature_name": "embed_items", "instances": [{"item_id": "a"}]})
    for given in ({"instances": ["a"]}, {"inputs": ["a"]}, {"inputs": {"item_id": ["a"]}}):
        found = read({"signature_name": "embed_items", **given})
        assert found.inputs["item_id"].tolist() == wanted.inputs["item_id"].tolist() == [b"a"]


def test_text_may_come_as_base64():
    given = [[{"b64": base64.b64encode("crème".encode()).decode()}]]
    found = read({"signature_name": "embed_query", "inputs": given})
    assert found.inputs["history"].tolist() == [["crème".encode()]]


def test_other_types():
    assert read({"signature_name": "flags", "inputs": [True]}).inputs["in_stock"].tolist() == [True]
    assert read({"signature_name": "small", "inputs": [-3]}).inputs["count"].dtype == np.int32


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b"{", "not JSON.*line 1"),
        (b"[1]", "a list: a JSON object"),
        (b"null", "null: a JSON object"),
        (b'{"a": 1, "a": 2}', "a key twice"),
        (b'{"a": "\xff"}', "not UTF-8.*byte 7"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "number is too long"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_what_is_not_a_json_object_is_refused(body, said):
    with pytest.raises(RequestError, match=said) as raised:
        parse_json(body)
    assert raised.value.status == 400


def changed(**values):
    return {"instances": [{**ROW, **values}]}


@pytest.mark.parametrize(
    ("document", "status", "said"),
    [
        ({}, 400, "expected are `instances`"),
        ({"instances": [ROW], "inputs": {}}, 400, "expected are `instances`"),
        ({"instances": [ROW], "signature": "x"}, 400, "'signature' is not known"),
        ({"instances": [ROW], "signature_name": "nope"}, 400, "no signature 'nope'"),
        ({"instances": [ROW], "signature_name": 7}, 400, "signature_name is a number"),
        ({"instances": []}, 400, "an empty list"),
        ({"instances": {"history": []}}, 400, "instances is an object"),
        ({"instances": ["a"]}, 400, r"instances\[0\] is text"),
        ({"inputs": ["a"]}, 400, "inputs is a list"),
        ({"instances": [{"history": ["a"]}]}, 400, "has no history_time, age, taste"),
        (changed(user="u"), 400, "'user', which is not an input"),
        (changed(history="a"), 400, "history has text where a list"),
        (changed(history=[["a", "b"]]), 400, "history has a list"),
        (changed(history=["a", 7]), 400, "history has a number: it is of type string"),
        (changed(history=["a", None]), 400, "history has null"),
        (changed(history=["a", "\ud800"]), 400, "half a character"),
        (changed(history=["a", {"b64": "%"}]), 400, "not base64"),
        (changed(history_time=[1, 2.5]), 400, "history_time has a number"),
        (changed(history_time=[1, 2**63]), 400, "beyond the range of int64"),
        (changed(history_time=[1, True]), 400, "history_time has true or false"),
        (changed(history_time=[1]), 400, "give a value per event"),
        (changed(age="31"), 400, "age has text"),
        (changed(age=True), 400, "age has true or false"),
        (changed(age=1e39), 400, "beyond the range of float32"),
        (changed(age=2**24 + 1), 400, "cannot hold exactly"),
        (changed(taste=[0.5]), 400, "taste has 1 values in a row: 2"),
        ({"instances": [ROW, {**ROW, "history": ["a"]}]}, 400, 'row 1: .*one length, pad .*""'),
        ({"instances": [ROW] * 5}, 413, "5 rows were sent: at most 4"),
        (changed(history=["a"] * 6), 413, "history has 6 values in a row: at most 5"),
        ({"signature_name": "embed_items", "inputs": ["a"] * 5}, 413, "5 rows"),
        (
            {"inputs": {"history": [["a"]], "history_time": [[1]], "age": [1, 2],
                        "taste": [[0, 0]]}},
            400, "different numbers of rows: history 1, history_time 1, age 2, taste 1",
        ),
    ],
)  # fmt: skip
def test_what_does_not_suit_the_signature_is_refused(document, status, said):
    with pytest.raises(RequestError, match=said) as raised:
        read(document)
    assert raised.value.status == status


def test_a_refusal_does_not_repeat_values():
    for document in (changed(history="secret-user"), changed(age="secret-user")):
        with pytest.raises(RequestError) as raised:
            read(document)
        assert "secret" not in raised.value.message


def test_answers_are_those_of_tensorflow_serving():
    outputs = {
        "item_id": np.array([["ö".encode(), b""], [b"b", b"c"]], object),
        "score": np.array([[0.1, -np.inf], [1e-7, 2]], np.float32),
    }
    rows = write_answer(outputs, True).decode()
    assert rows == (
        '{"predictions": [{"item_id": ["ö", ""], "score": [0.1, -Infinity]}, '
        '{"item_id": ["b", "c"], "score": [1e-07, 2.0]}]}'
    )
    columns = json.loads(write_answer(outputs, False))
    assert columns == {
        "outputs": {
            "item_id": [["ö", ""], ["b", "c"]],
            "score": [[0.1, -float("inf")], [1e-7, 2.0]],
        }
    }
    single = {"embedding": np.array([[0.5, 1.25]], np.float32)}
    assert json.loads(write_answer(single, True)) == {"predictions": [[0.5, 1.25]]}
    assert json.loads(write_answer(single, False)) == {"outputs": [[0.5, 1.25]]}
    raw = {"raw_bytes": np.array([b"\xff"], object)}
    assert json.loads(write_answer(raw, True)) == {"predictions": [{"b64": "/w=="}]}


def test_a_float_is_written_with_the_digits_that_give_it_again():
    values = np.random.default_rng(0).normal(size=500).astype(np.float32)
    found = json.loads(write_answer({"x": values}, False))["outputs"]
    np.testing.assert_array_equal(np.array(found, np.float32), values)
    assert max(len(str(each)) for each in found) <= 14
