"""What is allowed of the items' attributes, by TensorFlow alone and by the Recommender."""

import itertools
import json

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from recsys.errors import InputError
from recsys.export.blocks import recommend_many
from recsys.export.filter_probes import UNKNOWN_VALUE, allowed_items, filter_probes
from recsys.export.filters import FILE, check_names
from recsys.export.inputs import InputFeatures
from recsys.export.recommend import Query, Recommender
from tests.export.conftest import ATTRIBUTES, FEATURES, ITEMS, KNOWN_ITEMS

NAN = float("nan")
OPEN = {"category": [""], "genres": [""], "price": [NAN, NAN]}
COLUMNS = {
    name: pa.array(values, pa.float64() if name == "price" else pa.list_(pa.string()))
    for name, values in ATTRIBUTES.items()
}


@pytest.fixture(scope="module")
def two_tower(exports):
    """Filtered by all attributes, of a catalogue with items that have no events; k is 3."""
    return tf.saved_model.load(str(exports["two_tower"].folder))


@pytest.fixture(scope="module")
def context(exports):
    """Filtered by price and genres; the third and the seventh item are context."""
    return tf.saved_model.load(str(exports["context"].folder))


def ask(model, rows, history=(), exclude=(), signature="recommend_filtered"):
    """The answers' ids, and scores, of several filters at once for one history."""
    specs = model.signatures[signature].structured_input_signature[1]
    rows = [OPEN | row for row in rows]
    given = {"history": [history] * len(rows), "exclude": [exclude] * len(rows)}
    for name in OPEN:
        width = max(len(row[name]) for row in rows)
        given[name] = [[*row[name], *[""] * (width - len(row[name]))] for row in rows]
    inputs = {}
    for name, spec in specs.items():
        missing = np.full([len(rows), *[n or 0 for n in spec.shape[1:]]], "", object)
        if spec.dtype == tf.float32:
            missing = np.zeros(missing.shape)
        inputs[name] = tf.constant(given.get(name, missing), spec.dtype)
    answer = model.signatures[signature](**inputs)
    ids = [[item.decode() for item in row if item] for row in answer["item_id"].numpy()]
    return ids, answer["score"].numpy()


def ranking(model, **options) -> list[str]:
    """All items, best first, as they are without filters, three at a time."""
    found: list[str] = []
    while batch := ask(model, [{}], exclude=found or [""], **options)[0][0]:
        found += batch
    return found


def having(name, *values):
    return {
        item for item, has in zip(ITEMS, ATTRIBUTES[name], strict=True) if set(values) & set(has)
    }


def priced(least, largest):
    prices = zip(ITEMS, ATTRIBUTES["price"], strict=True)
    return {item for item, price in prices if price is not None and least <= price <= largest}


CASES = [
    ({}, set(ITEMS)),
    ({"category": ["tea"]}, having("category", "tea")),
    ({"category": ["17.0", " 夏"]}, having("category", "17", "夏")),
    ({"category": ["", "tea", "never"]}, having("category", "tea")),
    ({"category": ["never"]}, set()),
    ({"category": ["TEA"]}, set()),
    ({"genres": ["c"]}, having("genres", "c")),
    ({"genres": ["c", "a"]}, having("genres", "a", "c")),
    ({"price": [5, 20]}, priced(5, 20)),
    ({"price": [NAN, 5]}, priced(-np.inf, 5)),
    ({"price": [19.99, NAN]}, priced(19.99, np.inf)),
    ({"price": [6, 5]}, set()),
    ({"genres": ["a"], "price": [0, 4]}, having("genres", "a") & priced(0, 4)),
    (
        {"category": ["tea"], "genres": ["a", "b"], "price": [1, 20]},
        having("category", "tea") & having("genres", "a", "b") & priced(1, 20),
    ),
]


def test_the_best_of_what_is_allowed_is_the_answer(two_tower):
    """Of many filters at once, each in its row."""
    best_first = ranking(two_tower)
    assert sorted(best_first) == sorted(ITEMS)
    answers, scores = ask(two_tower, [case for case, _ in CASES])
    for (case, allowed), row, score in zip(CASES, answers, scores, strict=True):
        assert row == [item for item in best_first if item in allowed][:3], case
        assert np.isfinite(score[: len(row)]).all() and np.isneginf(score[len(row) :]).all()


def test_one_row_is_what_it_is_among_others(two_tower):
    together = ask(two_tower, [case for case, _ in CASES])[0]
    assert [ask(two_tower, [case])[0][0] for case, _ in CASES] == together


def test_filtering_by_nothing_changes_no_score(two_tower):
    plain = ask(two_tower, [{}], history=["fig"], signature="serving_default")
    excluding = ask(two_tower, [{}], history=["fig"], signature="recommend_excluding")
    filtered = ask(two_tower, [{}], history=["fig"])
    assert plain[0] == excluding[0] == filtered[0]
    np.testing.assert_allclose(filtered[1], plain[1], rtol=1e-5)


def test_the_worst_items_are_found_behind_all_that_is_forbidden(two_tower):
    """Each item alone by its price, though the search looks at few."""
    for item, price in zip(ITEMS, ATTRIBUTES["price"], strict=True):
        if price is not None:
            rows = ask(two_tower, [{"price": [price, price]}])[0]
            assert item in rows[0]


def test_what_was_had_is_excluded_and_context_is_left_out(context):
    allowed = having("genres", "a", "b", "c") - {ITEMS[2], ITEMS[6]}
    allowed &= set(ITEMS[:KNOWN_ITEMS])
    (row,), _ = ask(context, [{"genres": ["a", "b", "c"]}], history=["apple"], exclude=["hazel"])
    assert set(row) == allowed - {"apple", "hazel"} and len(row) == 2


def test_without_filters_there_is_no_such_signature(exports):
    assert "recommend_filtered" not in exports["lstm"].manifest["signatures"]
    assert exports["lstm"].manifest["filters"] == {}
    with pytest.raises(InputError, match="exported without filters, so it cannot be asked by 'x'"):
        Recommender(exports["lstm"].folder).recommend(Query([], {}), where={"x": ["a"]})


def test_the_manifest_says_what_there_is_of_what_can_be_recommended(exports):
    manifest = exports["two_tower"].manifest
    assert manifest["filters"] == {
        "category": {"kind": "values", "values": 4, "share": 0.9},
        "genres": {"kind": "values", "values": 4, "share": 0.8},
        "price": {"kind": "range", "values": 7, "share": 0.8, "least": 0.0, "largest": 20.0},
    }
    inputs = manifest["signatures"]["recommend_filtered"]["inputs"]
    assert inputs["category"] == {"dtype": "string", "shape": [None, None]}
    assert inputs["price"] == {"dtype": "float32", "shape": [None, 2]}
    # Context, and items that no model knows, are not among it.
    filters = exports["context"].manifest["filters"]
    assert filters["price"] == {
        "kind": "range", "values": 4, "share": 5 / 6, "least": 1.0, "largest": 20.0,
    }  # fmt: skip
    found = json.loads((exports["two_tower"].folder / FILE).read_text())
    assert found["category"] == ["tea", "17", "new", "夏"]


@pytest.fixture(scope="module")
def recommender(exports):
    return Recommender(exports["two_tower"].folder)


def test_a_recommender_is_asked_by_attribute(recommender):
    everything = [row.item_id for row in recommender.recommend(Query([], {}), k=3)]
    where = {"category": ["tea"], "price": (5, NAN)}
    rows = recommender.recommend(Query([], {}), k=3, where=where)
    allowed = having("category", "tea") & priced(5, np.inf)
    assert {row.item_id for row in rows} == allowed
    assert everything == [row.item_id for row in recommender.recommend(Query([], {}), 3, {})]

    def many(exclude):
        answers = recommend_many(recommender, [Query([], {})] * 2, 3, exclude, where)
        return [[row.item_id for row in answer] for answer in answers]

    assert many(None) == [[row.item_id for row in rows]] * 2
    assert [set(row) for row in many([["hazel"], ["fig"]])] == [allowed - {"hazel"}, allowed]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"categry": ["tea"]}, "no filter 'categry' .did you mean 'category'"),
        ({"category": ["teas", "tea"]}, r"has category 'teas' .did you mean 'tea'"),
        ({"category": []}, "category allows no value"),
        ({"price": (1,)}, r"give its least and its largest value, such as \(0.0, 20.0\)"),
        ({"price": (5, 1)}, "price begins at 5 and ends at 1"),
        ({"price": (NAN, NAN)}, "price is open at both ends"),
    ],
)
def test_what_the_model_does_not_know_is_said(recommender, where, message):
    with pytest.raises(InputError, match=message):
        recommender.recommend(Query([], {}), k=3, where=where)


def test_too_few_are_explained(recommender):
    query = Query([], {})
    assert "`where` allows no more" in recommender.why_so_few(query, 1, 3, filtered=True)


def test_probes_take_all_forms_and_know_what_they_allow():
    probes = filter_probes(COLUMNS, 64)
    found = [frozenset(np.flatnonzero(allowed_items(COLUMNS, where))) for where in probes]
    assert len({repr(where) for where in probes}) > 50 and len(set(found)) > 15
    assert sum(0 < len(each) < len(ITEMS) for each in found) > 32
    for case, allowed in CASES:
        plain = {name: values for name, values in case.items() if UNKNOWN_VALUE not in values}
        if not any(value in ("17.0", " 夏") for value in case.get("category", [])):
            of_them = allowed_items(COLUMNS, plain)
            assert set(itertools.compress(ITEMS, of_them)) == allowed


def test_an_attribute_that_has_the_name_of_an_input_is_refused():
    features = InputFeatures((FEATURES["city"][0],), ())
    check_names(["category"], features)
    for name in ("city", "exclude"):
        with pytest.raises(InputError, match=f"attribute '{name}' has the name of another input"):
            check_names([name], features)
