"""From rankings to metrics, of baselines as of models."""

import json

import numpy as np
import pytest

from recsys.data.dataset import Dataset
from recsys.errors import InputError
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.evaluate import evaluate, evaluate_baselines
from tests.datasets import with_context
from tests.evaluation.conftest import WriteDataset

CONFIG = EvaluationConfig(k=(1, 2), metric="ndcg@2", bootstrap_samples=100)


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


def test_context_is_recommended_by_nobody(checkerboard: Dataset) -> None:
    """Items 0 and 1 are searches: read, but neither ranked nor counted among what there is."""
    dataset = with_context(checkerboard, [0, 1])
    names = ("popular", "recent_popular", "item_knn", "ease", "als", "markov")
    config = EvaluationConfig(k=(3,), metric="ndcg@3", baselines=names, bootstrap_samples=100)
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
