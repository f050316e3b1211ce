"""The dataset folder, as its readers see it."""

import json

import numpy as np
import pytest

from recsys.data.dataset import Dataset
from recsys.errors import InputError
from tests.datasets import with_context, write_dataset


@pytest.fixture
def dataset(tmp_path):
    return write_dataset(tmp_path / "dataset", [[[0, 1], [2], [1, 3, 3]], [[2], [], [0]]], 4)


def rewrite(dataset: Dataset, name: str, values: list) -> Dataset:
    np.save(
        dataset.path / f"{name}.npy",
        np.array(values, dtype=np.load(dataset.path / f"{name}.npy").dtype),
    )
    return Dataset(dataset.path)


def test_each_event_is_a_query_of_what_preceded_it(dataset):
    queries = dataset.queries("test")
    assert queries.users.tolist() == [0, 0, 0, 1]
    assert queries.history_ends.tolist() == [3, 4, 5, 7]
    assert queries.target_items.tolist() == [1, 3, 3, 0]
    assert queries.target_queries.tolist() == [0, 1, 2, 3]
    assert dataset.queries("validation").users.tolist() == [0]


def test_events_of_one_timestamp_group_are_targets_of_one_query(dataset):
    dataset = rewrite(dataset, "history_ends", [0, 1, 2, 3, 3, 3, 6, 7])
    queries = dataset.queries("test")
    assert queries.users.tolist() == [0, 1]
    assert queries.history_ends.tolist() == [3, 7]
    assert queries.target_offsets.tolist() == [0, 2, 3]
    assert queries.target_items.tolist() == [1, 3, 0]  # item 3 twice is one target


def test_weightless_events_are_no_targets(dataset):
    dataset = rewrite(dataset, "event_weights", [1, 1, 1, 0, 1, 1, 1, 0])
    assert dataset.queries("test").target_items.tolist() == [3, 3]


def test_the_last_event_of_each_user_alone(dataset):
    queries = dataset.queries("test", last_only=True)
    assert queries.users.tolist() == [0, 1]
    assert queries.target_items.tolist() == [3, 0]
    assert queries.history_ends.tolist() == [5, 7]


def test_the_last_basket_of_each_user_alone(dataset):
    """All of it, whichever event stands last in the log."""
    dataset = rewrite(dataset, "history_ends", [0, 1, 2, 3, 4, 4, 6, 7])
    dataset = rewrite(dataset, "event_items", [0, 1, 2, 1, 3, 2, 2, 0])
    queries = dataset.queries("test", last_only=True)
    assert queries.users.tolist() == [0, 1]
    assert queries.target_offsets.tolist() == [0, 2, 3]
    assert queries.target_items.tolist() == [3, 2, 0]


def test_what_may_be_recommended(tmp_path):
    """Item 1 is met first as context, 3 as context alone, 4 late and 5 in the item table only."""
    users = [[[0, 1, 3], [1], [4]], [[0, 2], [3], [2]]]
    dataset = write_dataset(tmp_path / "dataset", users, 6)
    assert dataset.recommendable("train").tolist() == [True] * 6
    dataset = with_context(with_context(dataset, [3]), [1], part="train")
    assert dataset.recommendable("train").tolist() == [True, False, True, False, True, True]
    assert dataset.recommendable("validation").tolist() == [True, True, True, False, True, True]
    assert dataset.queries("validation").target_items.tolist() == [1]


def test_a_part_without_events_has_no_queries(tmp_path):
    dataset = write_dataset(tmp_path / "empty", [[[0], [], []]], 1)
    assert len(dataset.queries("test")) == 0
    assert len(dataset.queries("test", last_only=True)) == 0


def test_a_half_written_folder_is_refused(dataset):
    (dataset.path / "manifest.json").unlink()
    with pytest.raises(InputError, match="half written"):
        Dataset(dataset.path)


def test_another_format_is_refused(dataset):
    manifest = dataset.path / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": 99}))
    with pytest.raises(InputError, match="format 99"):
        Dataset(dataset.path)


def test_fitted_events(dataset):
    assert dataset.fitted_events("train").tolist() == [0, 1, 6]
    assert dataset.fitted_events("validation").tolist() == [0, 1, 2, 6]
