"""Asking the artefact, with titles."""

import subprocess
import sys

import numpy as np
import pytest

from recsys.errors import InputError
from recsys.export.recommend import Query, Recommender
from tests.export.conftest import EVENT_VALUES, EVENTS, TIMES, USER_VALUES


@pytest.fixture(scope="module")
def lstm(exports) -> Recommender:
    return Recommender(exports["lstm"].folder)


@pytest.fixture(scope="module")
def two_tower(exports) -> Recommender:
    return Recommender(exports["two_tower"].folder)


def test_asking_needs_no_keras():
    program = "import sys, recsys.export.recommend; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_rows_have_titles_and_falling_scores(lstm):
    rows = lstm.recommend(Query(["fig", " grape "], {}))
    assert {row.item_id for row in rows} == {
        "apple",
        "Apple",
        "crème brûlée",
        "日本茶",
        "17850",
        "hazel",
    }
    assert {row.item_id: row.title for row in rows}["apple"] == "An apple"
    assert {row.item_id: row.title for row in rows}["hazel"] == "hazel"
    scores = [row.score for row in rows]
    assert scores == sorted(scores, reverse=True)


def test_no_more_than_k_rows(lstm):
    assert len(lstm.recommend(Query([], {}), k=2)) == 2


def test_a_short_answer_says_why(lstm):
    catalogue = [row.item_id for row in lstm.recommend(Query([], {}), k=20)]
    had = [[], catalogue[:3], catalogue]
    answers = [len(lstm.recommend(Query(history, {}), k=20)) for history in had]
    size = len(catalogue)
    assert answers == [size, size - 3, 0]
    some, fewer, none = (
        lstm.why_so_few(Query(history, {}), found, 20)
        for history, found in zip(had, answers, strict=True)
    )
    assert some == f"only {size} of 20 items can be recommended: the catalogue holds {size} items"
    assert f"only {size - 3} of 20" in fewer and "of which the history has 3, and" in fewer
    assert "nothing can be recommended" in none and "the history has all" in none
    assert "seen: exclude" in none
    assert lstm.why_so_few(Query([], {}), 2, 2) == ""


@pytest.mark.parametrize("k", [0, 21])
def test_more_than_was_exported_is_refused(lstm, k):
    with pytest.raises(InputError, match="1 to 20"):
        lstm.recommend(Query([], {}), k=k)


def test_a_user_is_history_id_and_features(two_tower, dataset):
    query = two_tower.user_query(dataset, "böb")
    assert query.history == ["hazel"]
    assert query.further["user_id"].tolist() == ["böb"]
    assert query.further["city"].tolist() == ["Paris"]
    assert query.further["tags"].tolist() == [["c", ""]]
    assert query.further["bio"].tolist() == ["σίσυφοσ likes thé"]
    assert query.further["age"].tolist() == [44.0]
    assert query.further["taste"].tolist() == USER_VALUES["taste"][1:2].tolist()
    assert len(two_tower.recommend(query, k=3)) == 3


def test_a_history_alone_leaves_the_user_unknown(two_tower):
    assert len(two_tower.recommend(Query(["fig"], {}), k=3)) == 3


def test_a_user_of_a_model_without_features_is_a_history(lstm, dataset):
    query = lstm.user_query(dataset, "ann")
    assert query.history[:2] == ["apple", "Apple"] and len(query.history) == len(EVENTS["ann"])
    assert query.further == {}


def test_a_user_of_a_model_that_reads_times_has_them(exports, dataset):
    timed = Recommender(exports["timed"].folder)
    query = timed.user_query(dataset, "ann")
    assert query.further["history_time"].tolist() == [TIMES["ann"]]
    example = timed.input_example(dataset)
    assert example["history_time"] == [TIMES["ann"][-5:]] and len(example["history"][0]) == 5
    scores = [row.score for row in timed.recommend(query, k=1)]
    # Of a history alone, all is taken to have been at once.
    alone = Query(query.history, {})
    at_once = Query(query.history, {"history_time": np.full((1, 9), 5)})
    assert timed.recommend(alone, k=3) == timed.recommend(at_once, k=3)
    assert [row.score for row in timed.recommend(alone, k=1)] != scores


def test_a_user_of_a_model_that_reads_what_events_were_has_it(exports, dataset):
    eventful = Recommender(exports["eventful"].folder)
    query = eventful.user_query(dataset, "ann")
    words, prices = ["", "view", "Käufe"], EVENT_VALUES["price"][:9] * 5 + 20
    assert query.further["what"].tolist() == [[words[code] for code in EVENT_VALUES["what"][:9]]]
    np.testing.assert_allclose(query.further["price"], [prices], rtol=1e-6)
    example = eventful.input_example(dataset)
    assert example["what"] == [query.further["what"][0, -5:].tolist()]
    scores = [row.score for row in eventful.recommend(query, k=1)]
    # Of a history alone, nothing is known of its events.
    alone = Query(query.history, {})
    missing = {"what": np.full((1, 9), "", object), "price": np.full((1, 9), np.nan)}
    assert eventful.recommend(alone, k=3) == eventful.recommend(Query(query.history, missing), k=3)
    assert [row.score for row in eventful.recommend(alone, k=1)] != scores
    both = [eventful.embed_query(eventful.inputs(each)) for each in (query, alone)]
    short = Query(["fig"], {"what": np.array([["view"]], object)})
    stacked = eventful.embed_query(eventful.stacked_inputs([query, short, alone]))
    np.testing.assert_allclose(stacked[[0, 2]], np.concatenate(both), rtol=1e-5, atol=1e-6)


def test_unknown_ids_are_told(lstm):
    assert lstm.unknown_ids(["fig", " Fig", "日本茶", "new"]) == ["Fig", "new"]
    assert lstm.unknown_ids(["fig\u200b", "17850.0", "\ufeff17850"]) == []
    assert lstm.unknown_ids([]) == []


@pytest.mark.parametrize("ask", ["unknown_ids", "recommend"])
def test_what_is_not_unicode_is_refused(lstm, ask):
    """As a terminal of another encoding passes it on."""
    history = ["fig", b"caf\xe9".decode(errors="surrogateescape")]
    with pytest.raises(InputError, match="is not UTF-8"):
        getattr(lstm, ask)(Query(history, {}) if ask == "recommend" else history)


def test_an_unknown_user_is_refused(lstm, dataset):
    with pytest.raises(InputError, match="no user 'eve'"):
        lstm.user_query(dataset, "eve")
    known = lstm.user_query(dataset, "\u00a0ann\u200b")
    assert known.history == lstm.user_query(dataset, "ann").history


def test_another_dataset_is_refused(lstm, dataset, monkeypatch):
    monkeypatch.setattr(dataset, "fingerprint", "other")
    with pytest.raises(InputError, match="not other"):
        lstm.user_query(dataset, "ann")


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="not an exported model"):
        Recommender(tmp_path)


def test_vectors_of_a_missing_value_are_zeros(two_tower):
    missing = two_tower.missing_values(0)
    assert np.isnan(missing["age"]).all() and missing["taste"].tolist() == [[0.0, 0.0]]
    assert missing["tags"].shape == (1, 0) and missing["city"].tolist() == [""]


def test_a_query_that_does_not_suit_the_model_is_refused(lstm, exports):
    with pytest.raises(InputError, match="no further input 'town'"):
        lstm.recommend(Query(["fig"], {"town": np.array(["Köln"])}))
    timed = Recommender(exports["timed"].folder)
    with pytest.raises(InputError, match="a value per event"):
        timed.recommend(Query(["fig"], {"history_time": np.array([[1, 2]])}), k=1)
    eventful = Recommender(exports["eventful"].folder)
    with pytest.raises(InputError, match=r"1 events came with what of the shape \[1, 2\]"):
        eventful.recommend(Query(["fig"], {"what": np.array([["view", "view"]])}), k=1)


def test_the_last_known_events_are_all_that_the_encoder_reads(exports):
    """What a caller may rely on who keeps no more of a user than the window."""
    timed = Recommender(exports["timed"].folder)
    history = ["fig", "apple", "?", "fig", "grape", "??", "hazel", "17850"]
    times = np.arange(8)[None] ** 3 * 3600
    known = [number for number, item in enumerate(history) if "?" not in item]
    last = known[-timed.manifest["model"]["max_events"] :]
    queries = [
        Query([history[number] for number in numbers], {"history_time": times[:, numbers]})
        for numbers in (range(len(history)), known, last)
    ]
    whole, *shorter = [timed.embed_query(timed.inputs(query)) for query in queries]
    for vector in shorter:
        np.testing.assert_array_equal(vector, whole)
    other = timed.embed_query(timed.inputs(Query(history[:-1], {"history_time": times[:, :-1]})))
    assert np.abs(other - whole).max() > 0.01
