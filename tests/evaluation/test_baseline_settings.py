"""What baselines are set to is chosen on validation."""

import logging

from recsys.data.dataset import Dataset
from recsys.evaluation.baseline_settings import choose_settings
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.evaluate import evaluate_baselines
from tests.evaluation.conftest import WriteDataset

CONFIG = EvaluationConfig(k=(1, 2), metric="ndcg@2", bootstrap_samples=100)


def test_settings_are_chosen_on_validation(write_dataset: WriteDataset, caplog) -> None:
    # Item 0 was popular long ago; lately, and in validation and test, it is item 1.
    log = [(user, 0, "train", day) for user, day in zip(range(6), range(6), strict=True)]
    log += [(user, 1, "train", 400) for user in range(6, 10)]
    log += [(user, 1, "validation", 401) for user in range(10, 14)]
    log += [(user, 1, "test", 402) for user in range(14, 18)]
    dataset = write_dataset(log, users=18, items=2)
    with caplog.at_level(logging.DEBUG, logger="recsys"):
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
