"""From a dataset to metrics, baselines and ``ranks.parquet``."""

import errno
import json
import logging

import numpy as np
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from recsys.data.dataset import Dataset
from recsys.errors import InputError
from recsys.evaluation import evaluate as room
from recsys.evaluation.comparison import Contender, compare
from recsys.evaluation.evaluate import (
    EvaluationConfig,
    choose_settings,
    evaluate,
    evaluate_baselines,
    read_ranks,
    write_ranks,
)
from recsys.evaluation.ranking import UNRANKED, RankedQueries
from tests.damage import truncate
from tests.datasets import with_context
from tests.evaluation.conftest import WriteDataset

CONFIG = EvaluationConfig(k=(1, 2), metric="ndcg@2", draws=100)


@pytest.fixture
def checkerboard(write_dataset: WriteDataset) -> Dataset:
    """Even users meet even items, odd users odd ones; one of their own is withheld."""
    log = []
    for user in range(16):
        own = list(range(user % 2, 8, 2))
        withheld, validated = own.pop(user // 2 % 4), own.pop(user // 8 % 3)
        log += [(user, item, "train", day) for day, item in enumerate(own)]
        log += [(user, validated, "validation", 20), (user, withheld, "test", 30)]
    return write_dataset(log, users=16, items=8)


def test_item_knn_solves_the_checkerboard(checkerboard: Dataset) -> None:
    found = evaluate_baselines(checkerboard, "test", "exclude", CONFIG, "validation")
    assert list(found) == ["popular", "recent_popular", "item_knn"]
    metrics, ranked = found["item_knn"]
    assert metrics["hit_rate@1"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert ranked.ranks.tolist() == [1] * 16
    assert found["popular"][0]["hit_rate@1"]["value"] < 1.0


def test_what_is_said_of_a_ranking(checkerboard: Dataset) -> None:
    _, ranked = evaluate_baselines(checkerboard, "test", "exclude", CONFIG, "train")["popular"]
    found = evaluate(ranked, checkerboard, CONFIG, "train")
    assert found["counts"] == {
        "queries": 16,
        "users": 16,
        "targets": 16,
        "unranked_targets": 0,
        "repeats_left_out": 0,
    }
    names = {name.split("@")[0] for name in found["metrics"]}
    assert names == {
        *("recall", "precision", "hit_rate", "ndcg", "map", "mrr"),
        *("coverage", "novelty", "popularity_bias"),
    }
    for value in found["metrics"].values():
        assert set(value) == {"value", "low", "high"}
    assert found["metrics"]["coverage@2"]["low"] is None
    assert found["slices"]["known_items"]["metrics"]["ndcg@2"] == found["metrics"]["ndcg@2"]
    cold = found["slices"]["cold_users"]
    assert (cold["queries"], cold["metrics"]) == (0, {})
    assert sum(found["popularity"]["recommended"]) == pytest.approx(1)
    json.dumps(found, allow_nan=False)


def test_settings_are_chosen_on_validation(write_dataset: WriteDataset, caplog) -> None:
    # Item 0 was popular long ago; lately, and in validation and test, it is item 1.
    log = [(user, 0, "train", day) for user, day in zip(range(6), range(6), strict=True)]
    log += [(user, 1, "train", 400) for user in range(6, 10)]
    log += [(user, 1, "validation", 401) for user in range(10, 14)]
    log += [(user, 1, "test", 402) for user in range(14, 18)]
    dataset = write_dataset(log, users=18, items=2)
    with caplog.at_level(logging.INFO):
        found = evaluate_baselines(dataset, "test", "exclude", CONFIG, "train")
    assert found["popular"][0]["hit_rate@1"]["value"] == 0.0
    assert found["recent_popular"][0]["hit_rate@1"]["value"] == 1.0
    assert "{'days': 1} chosen" in caplog.text


def test_settings_can_be_chosen_once(checkerboard: Dataset) -> None:
    settings = choose_settings(checkerboard, "exclude", CONFIG)
    assert list(settings) == ["popular", "recent_popular", "item_knn"]
    again = evaluate_baselines(checkerboard, "test", "exclude", CONFIG, "train", settings)
    chosen = evaluate_baselines(checkerboard, "test", "exclude", CONFIG, "train")
    for name in settings:
        assert again[name][0] == chosen[name][0]


def test_a_baseline_that_the_log_cannot_feed_is_left_out(
    write_dataset: WriteDataset, caplog
) -> None:
    log = [(user, item, "train", 0) for user in range(4) for item in range(2)]
    log += [(user, 2, "test", 0) for user in range(4)]
    dataset = write_dataset(log, users=4, items=3, has_time=False, has_order=False)
    found = evaluate_baselines(dataset, "test", "exclude", CONFIG, "train")
    assert list(found) == ["popular", "item_knn"]
    assert "recent_popular is left out" in caplog.text


def test_context_is_recommended_by_nobody(checkerboard: Dataset) -> None:
    """Items 0 and 1 are searches: read, but neither ranked nor counted among what there is."""
    dataset = with_context(checkerboard, [0, 1])
    names = ("popular", "recent_popular", "item_knn", "ease", "als", "markov")
    config = EvaluationConfig(k=(3,), metric="ndcg@3", baselines=names, draws=100)
    found = evaluate_baselines(dataset, "test", "exclude", config, "train")
    assert set(found) == set(names)
    for metrics, ranked in found.values():
        assert ranked.top_items.max() > 1 and not np.isin(ranked.top_items, [0, 1]).any()
        assert not np.isin(ranked.queries.target_items, [0, 1]).any()
        named = len(np.unique(ranked.top_items[ranked.top_items >= 0]))
        assert metrics["coverage@3"]["value"] == named / (dataset.items - 2)
    groups = evaluate(ranked, dataset, config, "train")["popularity"]
    assert sum(groups["consumed"]) == pytest.approx(1) == sum(groups["recommended"])


def test_no_test_events(write_dataset: WriteDataset) -> None:
    dataset = write_dataset([(0, 0, "train", 0), (1, 0, "train", 0)], users=2, items=1)
    with pytest.raises(InputError, match="no queries"):
        evaluate_baselines(dataset, "test", "exclude", CONFIG, "train")


def test_ranks_parquet(checkerboard: Dataset, tmp_path) -> None:
    queries = checkerboard.queries("test")
    ranks = np.arange(1, 17, dtype=np.int32)
    ranks[3] = UNRANKED
    ranked = RankedQueries(queries, ranks, np.full((16, 2), -1, np.int32), 0)
    write_ranks(ranked, checkerboard, tmp_path / "ranks.parquet")
    table = pq.read_table(tmp_path / "ranks.parquet")
    assert table.schema.names == ["user_id", "item_id", "rank", "event"]
    rows = table.to_pylist()
    assert rows[0] == {"user_id": "u0", "item_id": "i0", "rank": 1, "event": 3}
    assert rows[3]["rank"] is None
    assert len(rows) == 16


def test_ranks_are_read_back_for_comparing_runs(write_dataset: WriteDataset, tmp_path) -> None:
    # User 0 has one moment with two targets and one with a repeat, user 1 one moment.
    log = [(0, 0, "train", 0), (0, 1, "test", 5), (0, 2, "test", 5), (0, 1, "test", 6)]
    log += [(0, 3, "test", 6), (1, 2, "test", 7)]
    dataset = write_dataset(log, users=2, items=4)
    _, ranked = evaluate_baselines(dataset, "test", "exclude", CONFIG, "validation")["popular"]
    assert ranked.queries.target_offsets.tolist() == [0, 2, 3, 4]
    assert UNRANKED in ranked.ranks
    write_ranks(ranked, dataset, tmp_path / "ranks.parquet")
    again = read_ranks(tmp_path / "ranks.parquet", dataset)
    assert again.ranks.tolist() == ranked.ranks.tolist()
    (itself,) = compare([(Contender("a", ranked), Contender("b", again))], ["ndcg@2"])
    assert itself.difference == 0.0

    other = write_dataset([*log[:-1], (1, 3, "test", 7)], users=2, items=4, name="other")
    with pytest.raises(InputError, match="another dataset"):
        read_ranks(tmp_path / "ranks.parquet", other)
    truncate(tmp_path / "ranks.parquet")
    with pytest.raises(InputError, match=r"ranks\.parquet is damaged.*recsys evaluate"):
        read_ranks(tmp_path / "ranks.parquet", dataset)


def test_a_full_disk_leaves_nothing_half_written(
    checkerboard: Dataset, tmp_path, monkeypatch
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    queries = checkerboard.queries("test")
    ranks = np.ones(16, np.int32)
    ranked = RankedQueries(queries, ranks, np.full((16, 2), -1, np.int32), 0)

    def full(table, path):
        path.write_bytes(b"PAR1")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(room.pq, "write_table", full)
    with pytest.raises(OSError, match="No space left"):
        write_ranks(ranked, checkerboard, folder / "ranks.parquet")
    assert list(folder.iterdir()) == []


def test_choosing_thins_the_queries(checkerboard: Dataset) -> None:
    thinned = room.thinned(checkerboard.queries("test"), 4)
    assert thinned.users.tolist() == [0, 5, 10, 15]
    assert thinned.target_offsets.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k": [10, 0]}, "1 or more"),
        ({"k": []}, "at least 1 item"),
        ({"metric": "auc@10"}, "unknown metric"),
        ({"metric": "ndcg@7"}, "holds"),
        ({"baselines": ["popularity"]}, "recent_popular"),
        ({"kk": 3}, "Extra inputs"),
    ],
)
def test_settings_that_make_no_sense(settings, message) -> None:
    with pytest.raises(ValidationError, match=message):
        EvaluationConfig(**settings)


def test_k_is_sorted_once() -> None:
    assert EvaluationConfig(k=[20, 10, 20]).k == (10, 20)
