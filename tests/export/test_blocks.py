"""Many queries at once are answered as one by one."""

import numpy as np
import pytest

from recsys.errors import InputError
from recsys.export import blocks
from recsys.export.recommend import Query, Recommender


@pytest.fixture(scope="module")
def recommender(exports) -> Recommender:
    return Recommender(exports["two_tower"].folder)


@pytest.fixture
def queries(recommender, dataset):
    histories = [["fig"], [], ["apple", "hazel", "17850"], ["nobody knows"], ["Apple"] * 9]
    users = [recommender.user_query(dataset, user) for user in dataset.user_ids]
    return [*(Query(history, {}) for history in histories), *users]


@pytest.mark.parametrize("most", [1, 2, 1024])
def test_blocks_answer_as_single_queries_do(recommender, queries, monkeypatch, most):
    monkeypatch.setattr(blocks, "QUERIES", most)
    together = list(blocks.recommend_many(recommender, queries, 3))
    for query, answer in zip(queries, together, strict=True):
        alone = recommender.recommend(query, 3)
        assert [row.item_id for row in answer] == [row.item_id for row in alone]
        assert [row.score for row in answer] == pytest.approx([row.score for row in alone], 1e-5)
    vectors = blocks.embed_many(recommender, queries)
    assert vectors.shape == (len(queries), 8) and vectors.dtype == np.float32
    first = recommender.embed_query(recommender.inputs(queries[0]))[0]
    assert vectors[0] == pytest.approx(first, 1e-5)


def test_a_thousand_queries_are_one_call(recommender, monkeypatch):
    calls = []
    call = recommender.call
    monkeypatch.setattr(recommender, "call", lambda *given: calls.append(1) or call(*given))
    answers = list(blocks.recommend_many(recommender, [Query(["fig"], {})] * 1000, 2))
    assert len(answers) == 1000 and len(calls) == 1


def test_a_block_is_bounded_by_its_longest_history(recommender, monkeypatch):
    monkeypatch.setattr(blocks, "EVENTS", 10)
    lengths = [1, 9, 5, 5, 1, 20, 0]
    rows = [len(block) for block in blocks.in_blocks(recommender, lengths, int)]
    assert rows == [1, 1, 2, 1, 1, 1]


def test_what_is_excluded_is_never_recommended(exports):
    recommender = Recommender(exports["lstm"].folder)
    queries = [Query(["fig"], {}), Query([], {})]
    first, second = blocks.recommend_many(recommender, queries, 8, [["hazel", " apple "], []])
    assert not {"hazel", "apple", "fig"} & {row.item_id for row in first}
    assert {"hazel", "apple", "fig"} <= {row.item_id for row in second}


def test_unknown_items_are_named_once(recommender):
    assert blocks.unknown_items(recommender, [["fig", "x"], ["x ", "y"]]) == ["x", "y"]
    assert blocks.unknown_items(recommender, []) == []


def test_nothing_asked_is_nothing_answered(recommender):
    assert list(blocks.recommend_many(recommender, [], 2)) == []
    assert blocks.embed_many(recommender, []).shape == (0, 8)
    with pytest.raises(InputError, match="returns 1 to 3"):
        list(blocks.recommend_many(recommender, [], 21))
