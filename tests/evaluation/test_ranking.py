"""Full ranking by hand: ties, seen items, unknown items, several targets."""

import numpy as np
import pytest

from recsys.evaluation import ranking
from recsys.evaluation.block_ranker import BlockRanker
from recsys.evaluation.ranking import UNRANKED, Ranker, RetrieverEmbedder, rank
from recsys.models.query_model import QueryModel
from recsys.models.retriever import ModelConfig
from recsys.training.build import build_retriever
from tests.datasets import checkerboard, write_dataset


class Fixed:
    """Scores every query alike."""

    def __init__(self, scores: list[float]) -> None:
        self.scores = np.array(scores, dtype=np.float32)
        self.catalogue_items = len(scores)

    def score(self, queries, block):
        return np.tile(self.scores, (len(queries.users[block]), 1))


@pytest.fixture
def dataset(tmp_path):
    users = [[[0], [], [1, 2]], [[3], [], [0]], [[2], [], [2]], [[4], [], []]]
    return write_dataset(tmp_path / "dataset", users, 5)


def ranks(dataset, scores, seen="exclude", **settings):
    return rank(Fixed(scores), dataset, dataset.queries("test"), seen, 3, **settings)


def test_ranks_by_hand(dataset):
    found = ranks(dataset, [5, 4, 3, 2, 1])
    # User 0 asks for 1 (after 0), then for 2 (after 0 and 1); user 1 for 0 (after 3).
    assert found.ranks.tolist() == [1, 1, 1]
    assert found.top_items.tolist() == [[1, 2, 3], [2, 3, 4], [0, 1, 2]]


def test_repeats_are_left_out_and_counted(dataset):
    found = ranks(dataset, [5, 4, 3, 2, 1])
    assert found.repeats_left_out == 1
    assert found.queries.users.tolist() == [0, 0, 1]


def test_under_allow_nothing_is_left_out(dataset):
    found = ranks(dataset, [5, 4, 3, 2, 1], seen="allow")
    assert found.repeats_left_out == 0
    assert found.ranks.tolist() == [2, 3, 1, 3]
    assert found.top_items[0].tolist() == [0, 1, 2]


def test_ties_count_against_the_target(dataset):
    assert ranks(dataset, [1, 1, 1, 1, 1]).ranks.tolist() == [4, 3, 4]
    assert ranks(dataset, [1, 1, 0, 1, 1], seen="allow").ranks.tolist() == [4, 5, 4, 5]


def test_seen_items_come_back_nowhere_even_with_negative_scores(dataset):
    """Seen items are at −∞, not at 0."""
    found = ranks(dataset, [-5, -4, -3, -2, -1])
    assert found.ranks.tolist() == [4, 3, 4]
    assert 0 not in found.top_items[0]


def test_items_beyond_the_catalogue_are_unranked(dataset):
    found = ranks(dataset, [2, 1])
    assert found.ranks.tolist() == [1, UNRANKED, 1]
    assert found.top_items.tolist() == [[1, -1, -1], [-1, -1, -1], [0, 1, -1]]


def test_what_is_no_candidate_is_not_ranked(dataset):
    """Nor does it count against those that are; a target that is none is unranked."""
    candidates = np.array([True, False, True, False, True])
    found = ranks(dataset, [2, 5, 1, 4, 3], candidates=candidates)
    # User 0 asks for 1, then for 2; user 1 for 0.
    assert found.ranks.tolist() == [UNRANKED, 2, 2]
    assert found.top_items.tolist() == [[4, 2, -1], [4, 2, -1], [4, 0, 2]]
    best = ranks(dataset, [2, 5, 1, 4, 3], candidates=candidates, every_rank=False)
    np.testing.assert_array_equal(best.ranks, found.ranks)


def test_blocks_change_nothing(dataset):
    scores = [0.3, 0.1, 0.3, 0.2, 0.3]
    whole, parts = ranks(dataset, scores), ranks(dataset, scores, block_size=1)
    np.testing.assert_array_equal(whole.ranks, parts.ranks)
    np.testing.assert_array_equal(whole.top_items, parts.top_items)


def test_ranks_beyond_k_may_be_left_uncounted(dataset):
    found = ranks(dataset, [1, 1, 1, 1, 1], every_rank=False)
    assert found.ranks.tolist() == [UNRANKED, 3, UNRANKED]
    full = ranks(dataset, [1, 1, 1, 1, 1])
    np.testing.assert_array_equal(found.top_items, full.top_items)


def test_not_a_number_is_refused(dataset):
    with pytest.raises(FloatingPointError, match="NaN"):
        ranks(dataset, [1, np.nan, 0, 0, 0])


def test_a_retriever_is_ranked_by_its_dot_products(tmp_path):
    dataset = checkerboard(tmp_path / "dataset")
    retriever = build_retriever(ModelConfig(dim=8, max_events=4), dataset, "train", seed=1)
    queries = dataset.queries("test")
    scorer = RetrieverEmbedder(retriever, dataset)
    found = rank(scorer, dataset, queries, "exclude", 3, block_size=7)
    even = np.arange(dataset.items) % 2 == 0
    among = rank(scorer, dataset, queries, "exclude", 3, block_size=7, candidates=even)
    vectors = np.asarray(retriever.item_vectors())
    start = np.asarray(retriever.start)
    for query, (user, end) in enumerate(zip(queries.users, queries.history_ends, strict=True)):
        history = dataset.event_items[dataset.user_offsets[user] : end]
        window = history[-4:]
        vector = (start + vectors[window].sum(axis=0)) / (len(window) + 1)
        scores = vectors @ vector
        scores[history] = -np.inf
        target = scores[queries.target_items[query]]
        (found_vector,) = scorer.embed(queries, slice(query, query + 1))
        np.testing.assert_allclose(
            scorer.item_vectors[queries.target_items[query]] @ found_vector, target, rtol=1e-4
        )
        assert found.ranks[query] == np.count_nonzero(scores >= target)
        is_ranked = even[queries.target_items[query]]
        rest = np.count_nonzero(scores[even] >= target) if is_ranked else UNRANKED
        assert among.ranks[query] == rest
        assert even[among.top_items[query][among.top_items[query] >= 0]].all()


def test_refreshing_takes_up_new_weights(tmp_path):
    dataset = checkerboard(tmp_path / "dataset")
    retriever = build_retriever(ModelConfig(dim=8), dataset, "train", 1, "mixed_bfloat16")
    scorer = RetrieverEmbedder(retriever, dataset)
    queries = dataset.queries("test")
    before = scorer.embed(queries, slice(0, 4)) @ scorer.item_vectors.T
    retriever.set_weights([weight * 2 for weight in retriever.get_weights()])
    scorer.refresh()
    after = scorer.embed(queries, slice(0, 4)) @ scorer.item_vectors.T
    np.testing.assert_allclose(after, before * 4, rtol=1e-3)


def test_an_accelerator_ranks_validation_and_test_with_one_shape(tmp_path, monkeypatch):
    users = [
        [list(range(length)), [length % 20], [(length + 1) % 20, (length + 7) % 20]]
        for length in [3] * 20 + [9] * 10 + [19]
    ]
    dataset = write_dataset(tmp_path / "dataset", users, 20)
    retriever = build_retriever(ModelConfig(dim=8, max_events=12), dataset, "train", seed=1)
    shapes = set()
    ranked = BlockRanker.predict_on_batch
    embedded = QueryModel.predict_on_batch

    def seen(predict):
        def noted(self, inputs):
            shapes.add(tuple(sorted((name, *np.shape(each)) for name, each in inputs.items())))
            return predict(self, inputs)

        return noted

    monkeypatch.setattr(BlockRanker, "predict_on_batch", seen(ranked))
    monkeypatch.setattr(QueryModel, "predict_on_batch", seen(embedded))

    def both():
        scorer = RetrieverEmbedder(retriever, dataset)
        return [
            rank(
                scorer, dataset, dataset.queries(part), "exclude", 3, block_size=8, every_rank=every
            )
            for part, every in (("validation", False), ("test", True))
        ]

    plain = both()
    monkeypatch.setattr("recsys.evaluation.ranking.on_accelerator", lambda: True)
    monkeypatch.setattr("recsys.evaluation.ranking.SEEN_OF_A_QUERY", 4)
    shapes.clear()
    found = both()
    # Embedding and ranking.
    assert len(shapes) == 2
    for one, other in zip(found, plain, strict=True):
        np.testing.assert_array_equal(one.ranks, other.ranks)
        np.testing.assert_array_equal(one.top_items, other.top_items)
    # The longest history needs more room than a block of eight has.
    monkeypatch.setattr("recsys.evaluation.ranking.SEEN_OF_A_QUERY", 2)
    np.testing.assert_array_equal(both()[1].ranks, plain[1].ranks)


@pytest.mark.parametrize("kept_bytes", [2**28, 0])
@pytest.mark.parametrize("seen", ["exclude", "allow"])
def test_the_same_queries_again_are_ranked_with_other_scores(
    dataset, monkeypatch, kept_bytes, seen
):
    monkeypatch.setattr(ranking, "LARGEST_PLAN", kept_bytes)
    scorer = Fixed([5, 4, 3, 2, 1])
    ranker = Ranker(scorer, dataset, seen, 3, block_size=2)
    for part, scores in [
        ("test", [5, 4, 3, 2, 1]),
        ("test", [1, 2, 3, 4, 5]),
        ("validation", [1, 2, 3, 4, 5]),
        ("test", [3, 1, 5, 1, 4]),
    ]:
        scorer.scores = np.array(scores, dtype=np.float32)
        queries = dataset.queries(part)
        alone = rank(Fixed(scores), dataset, dataset.queries(part), seen, 3)
        for _ in range(2):
            found = ranker.rank(queries)
            np.testing.assert_array_equal(found.ranks, alone.ranks)
            np.testing.assert_array_equal(found.top_items, alone.top_items)
            assert found.repeats_left_out == alone.repeats_left_out


def test_what_is_asked_again_is_worked_out_once(dataset, monkeypatch):
    asked = []
    plain = ranking.without_repeats

    def counted(dataset, queries):
        asked.append(queries)
        return plain(dataset, queries)

    monkeypatch.setattr(ranking, "without_repeats", counted)
    ranker = Ranker(Fixed([5, 4, 3, 2, 1]), dataset, "exclude", 3)
    queries = dataset.queries("test")
    for _ in range(3):
        ranker.rank(queries)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("items", "max_events", "queries"),
    [
        (100, 10, 4096),  # small: as many as a call takes
        (3_416, 200, 1024),  # histories of 200 events
        (1_000_000, 50, 128),  # scores of a million items each
        (10**9, 50, 1),
    ],
)
def test_an_accelerator_ranks_as_many_queries_as_scores_and_histories_allow(
    items, max_events, queries
):
    class Vectors:
        catalogue_items = items
        item_vectors = np.zeros((0, 8))

        def embed(self, queries, block, rows=0): ...

    scorer = Vectors()
    scorer.max_events = max_events
    assert ranking._block_size(scorer, on_accelerator=True) == queries
    assert ranking._block_size(scorer, on_accelerator=False) == 512
