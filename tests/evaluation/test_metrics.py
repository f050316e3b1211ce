"""Metrics against numbers worked out by hand."""

from math import log2

import numpy as np
import pytest

from recsys.data.queries import Queries
from recsys.errors import InputError
from recsys.evaluation.metrics import (
    coverage,
    item_shares,
    list_metrics,
    parse_metric,
    popularity_groups,
    ranking_metrics,
)
from recsys.evaluation.ranking import UNRANKED, RankedQueries
from tests.evaluation.conftest import WriteDataset


def ranking(ranks: list[list[int]], top_items: list[list[int]] | None = None) -> RankedQueries:
    """One query a list of target ranks, each by a user of its own."""
    sizes = [len(each) for each in ranks]
    targets = sum(sizes)
    queries = Queries(
        users=np.arange(len(ranks), dtype=np.int32),
        history_ends=np.zeros(len(ranks), np.int64),
        target_offsets=np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        target_items=np.arange(targets, dtype=np.int32),
        target_events=np.arange(targets),
    )
    flat = np.array([rank for each in ranks for rank in each], np.int32)
    top = np.array(top_items if top_items else [[-1]] * len(ranks), np.int32)
    return RankedQueries(queries, flat, top, 0)


def test_one_target_each() -> None:
    values = ranking_metrics(ranking([[1], [3], [4], [UNRANKED]]), [3])
    assert values["recall@3"].tolist() == [1, 1, 0, 0]
    assert values["hit_rate@3"].tolist() == [1, 1, 0, 0]
    assert values["precision@3"] == pytest.approx([1 / 3, 1 / 3, 0, 0])
    assert values["ndcg@3"] == pytest.approx([1, 1 / log2(4), 0, 0])
    assert values["mrr@3"] == pytest.approx([1, 1 / 3, 0, 0])
    assert values["map@3"] == pytest.approx([1, 1 / 3, 0, 0])


def test_several_targets_are_a_set() -> None:
    # Targets at ranks 2, 5 and 9, given out of order, and one that cannot be returned.
    values = ranking_metrics(ranking([[5, UNRANKED, 2, 9]]), [1, 5, 10])
    assert values["recall@1"] == [0]
    assert values["recall@5"] == [0.5]
    assert values["recall@10"] == [0.75]
    assert values["precision@5"] == pytest.approx([2 / 5])
    ideal = 1 + 1 / log2(3) + 1 / log2(4) + 1 / log2(5)
    assert values["ndcg@5"] == pytest.approx([(1 / log2(3) + 1 / log2(6)) / ideal])
    assert values["map@5"] == pytest.approx([(1 / 2 + 2 / 5) / 4])
    assert values["map@10"] == pytest.approx([(1 / 2 + 2 / 5 + 3 / 9) / 4])
    assert values["mrr@5"] == [0.5]
    assert values["mrr@1"] == [0]


def test_a_perfect_list_reaches_one_at_every_k() -> None:
    values = ranking_metrics(ranking([[1, 2, 3]]), [1, 2, 3, 5])
    for k in (1, 2, 3, 5):
        assert values[f"ndcg@{k}"] == pytest.approx([1])
        assert values[f"map@{k}"] == pytest.approx([1])


def test_ties_count_against_the_targets() -> None:
    # Both targets tie for the first two places: the scorer gave each rank 2.
    values = ranking_metrics(ranking([[2, 2]]), [1, 2])
    assert values["hit_rate@1"] == [0]
    assert values["ndcg@2"] == pytest.approx([2 / log2(3) / (1 + 1 / log2(3))])
    assert values["map@2"] == pytest.approx([(1 / 2 + 2 / 2) / 2])
    assert values["mrr@2"] == [0.5]


def test_no_queries_is_an_error_and_never_zero() -> None:
    with pytest.raises(InputError, match="no queries"):
        ranking_metrics(ranking([]), [10])


def test_impossible_rankings_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one target"):
        ranking_metrics(ranking([[1], []]), [10])
    with pytest.raises(ValueError, match="ranks of 1 or more"):
        ranking_metrics(ranking([[0]]), [10])


def test_parse_metric() -> None:
    assert parse_metric("ndcg@10") == ("ndcg", 10)
    for wrong in ("ndcg", "ndcg@0", "auc@10", "ndcg@10 "):
        with pytest.raises(InputError, match="unknown metric"):
            parse_metric(wrong)


def test_lists(write_dataset: WriteDataset) -> None:
    # Item 0 has three training events, item 1 one, items 2 and 3 none: with one
    # added to each, shares of 4/8, 2/8, 1/8 and 1/8.
    dataset = write_dataset(
        [
            (0, 0, "train", 0),
            (0, 1, "train", 1),
            (1, 0, "train", 0),
            (2, 0, "train", 0),
            (0, 2, "test", 9),
            (1, 1, "test", 9),
        ],
        users=3,
        items=4,
    )
    assert item_shares(dataset, "train").tolist() == [0.5, 0.25, 0.125, 0.125]
    queries = dataset.queries("test")
    top = np.array([[2, 3], [1, -1]], np.int32)
    ranked = RankedQueries(queries, np.array([1, 1], np.int32), top, 0)

    found = list_metrics(ranked, [1, 2], dataset, "train")
    assert found["novelty@1"].value == pytest.approx((3 + 2) / 2)
    assert found["novelty@2"].value == pytest.approx((3 + 2) / 2)
    # Histories: {0, 1} with a mean share of .375, and {0} with .5.
    assert found["popularity_bias@2"].value == pytest.approx((0.125 + 0.25) / (0.375 + 0.5) - 1)
    assert coverage(ranked, 1, dataset.items) == 0.5
    assert coverage(ranked, 2, dataset.items) == 0.75
    with pytest.raises(ValueError, match="at least 3 recommendations"):
        coverage(ranked, 3, dataset.items)

    groups = popularity_groups(ranked, 2, dataset, "train", groups=4)
    assert groups["recommended"] == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3])
    assert groups["consumed"] == pytest.approx([2 / 3, 1 / 3, 0, 0])


def test_lists_without_history_or_recommendations(write_dataset: WriteDataset) -> None:
    dataset = write_dataset([(0, 0, "train", 0), (1, 0, "test", 9), (2, 0, "test", 9)], 3, 1)
    queries = dataset.queries("test")
    top = np.array([[-1], [0]], np.int32)
    ranked = RankedQueries(queries, np.array([1, 1], np.int32), top, 0)
    found = list_metrics(ranked, [1], dataset, "train")
    assert found["novelty@1"].denominators.tolist() == [0, 1]
    assert found["popularity_bias@1"].denominators.tolist() == [0, 0]
    assert np.isnan(found["popularity_bias@1"].value)
