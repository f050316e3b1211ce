"""Training goes on from an earlier model: what is carried over, what is new, what is refused."""

import json

import numpy as np
import pytest

from recsys.errors import InputError
from recsys.training.config import TrainingConfig
from recsys.training.continuation import Earlier
from tests.datasets import write_dataset
from tests.processes import run_python

pytestmark = pytest.mark.slow


@pytest.fixture(
    scope="module", params=[pytest.param("tensorflow", marks=pytest.mark.nightly), "jax"]
)
def checked(request, tmp_path_factory):
    """What continuation_check.py printed on a backend."""
    folder = tmp_path_factory.mktemp("continuation")
    done = run_python(request.param, "-m", "tests.training.continuation_check", str(folder))
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_with_its_slots_an_optimizer_goes_on_as_if_it_had_not_been_stopped(checked):
    for name, found in checked["resumed"].items():
        assert found["with"] < 1e-6, name
        assert found["without"] > 1e-4, name


def test_vectors_and_slots_are_carried_over_by_id(checked):
    carried = checked["carried"]
    for name in ("items", "values", "users", "slots"):
        assert carried[name] == 0, name


def test_new_rows_begin_with_the_mean_and_users_with_nothing(checked):
    carried = checked["carried"]
    for name in ("new_item", "new_value", "new_slot"):
        assert carried[name] < 1e-6, name
    assert carried["new_users"] == 0
    assert checked["counts"] == {
        "carried_items": 3,
        "new_items": 1,
        "dropped_items": 1,
        "carried_users": 3,
        "new_users": 2,
        "dropped_users": 0,
    }


def test_a_killed_continuation_ends_as_if_it_had_not_been(checked):
    assert checked["killed"] == 0


def earlier(dataset, part="train"):
    return Earlier(None, dataset, part, "", None, share=0.0)


@pytest.fixture
def logs(tmp_path):
    """User 0 has two new training events, user 1 none, and user 2 is new."""
    before = write_dataset(tmp_path / "before", [[[0, 1], [2], [3]], [[1, 2], [0], [1]]], 4)
    users = [[[0, 1, 2, 3], [1], [2]], [[1, 2], [0], [1]], [[3, 1], [0], [2]]]
    return before, write_dataset(tmp_path / "now", users, 4)


def by_number(*datasets):
    for dataset in datasets:
        dataset.manifest = dataset.manifest.model_copy(update={"has_time": False})


def test_what_is_old_is_told_by_the_number_of_events_where_there_are_no_times(logs):
    by_number(*logs)
    assert earlier(logs[0]).old_events(logs[1], "train").ends.tolist() == [2, 8, 10]


def test_what_is_old_is_told_by_time_where_there_are_times(logs):
    before, now = logs
    # An event that came in late: it is as old as those that were fitted on.
    now.event_times = np.array([0, 1, 1, 3, 4, 5, 0, 1, 6, 7, 5, 6, 7, 8]) * 10**6
    before.event_times = np.array([0, 1, 4, 5, 0, 1, 6, 7]) * 10**6
    assert earlier(before).old_events(now, "train").ends.tolist() == [3, 8, 10]


def test_what_was_fitted_on_is_not_tested_on(logs):
    before, now = logs
    by_number(before, now)
    now.part_ends = now.part_ends - np.array([[3, 3], [0, 0], [0, 0]])
    with pytest.raises(InputError, match="1 user that are now to be validated or tested on"):
        earlier(before).old_events(now, "train")


def test_a_log_without_news_is_refused(logs):
    before, _ = logs
    by_number(before)
    with pytest.raises(InputError, match="nothing new to train on"):
        earlier(before).old_events(before, "train")


def test_the_course_of_the_rate_is_the_sections_own():
    training = TrainingConfig.model_validate(
        {
            "epochs": 30,
            "patience": 5,
            "optimizer": {"learning_rate": 0.01, "warmup_steps": 100, "decay": "plateau"},
            "continue_from": {"run": "runs/a", "epochs": 3, "learning_rate": 0.2},
        }
    ).continued()
    assert training.epochs == 3
    assert training.optimizer.learning_rate == pytest.approx(0.002)
    assert (training.optimizer.warmup_steps, training.optimizer.decay) == (0, "linear")
