import numpy as np
import pytest

from recsys.batch import BatchSpec, check_batch
from recsys.data.batches.user_batches import UserBatches
from tests.datasets import write_dataset

SECRET = [1, 2, 3, 4]


def batches(dataset, batch_size=2, packed=False, secret=SECRET, **settings) -> UserBatches:
    spec = BatchSpec(max_events=3, packed=packed)
    return UserBatches(dataset, spec, "train", batch_size, secret, 1, **settings)


@pytest.fixture
def dataset(tmp_path):
    """User 0 has a sequence that is full, user 1 a short one, user 2 none, user 3 a long one."""
    users = [[0, 1, 2, 3], [4, 0], [], [5, 4, 3, 2, 1, 0]]
    return write_dataset(tmp_path / "dataset", [[train, [6], [7]] for train in users], 8)


@pytest.mark.parametrize("packed", [False, True])
def test_every_user_brings_one_sequence_of_their_last_events(dataset, packed):
    everybody = batches(dataset, batch_size=3, packed=packed)
    assert everybody.users_with_events == 3 and everybody.sampling_rate == 1
    sample = everybody.sample(0)
    (dispatch,) = everybody.dispatches(sample, 4)
    batch = everybody.batch(dispatch, 0, sample)
    check_batch(batch)
    found = {}
    for lane, user in enumerate(everybody.users(dispatch, 0)):
        read = batch["history"][lane, packed:]
        targets = batch["targets"][4 * lane : 4 * lane + 4]
        weights = batch["weights"][4 * lane : 4 * lane + 4]
        columns = batch["query_positions"][4 * lane : 4 * lane + 4] - 4 * lane
        found[int(user)] = [each.tolist() for each in (read, targets, weights, columns)]
    # As wide as the longest sequence: the start, and three events.
    assert found == {
        0: [[0, 1, 2], [0, 1, 2, 3], [1, 1, 1, 1], [0, 1, 2, 3]],
        1: [[4, 0, 0], [4, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0]],
        3: [[3, 2, 1], [3, 2, 1, 0], [1, 1, 1, 1], [0, 1, 2, 3]],
    }
    assert batch["weights"].sum() == 10  # lanes without a user predict nothing


def grouped(dataset):
    """The last three of user 0's events share a timestamp."""
    begins = np.array(dataset.history_ends)
    begins[1:4] = 1
    np.save(dataset.path / "history_ends.npy", begins)
    return type(dataset)(dataset.path)


def test_what_a_user_brings_does_not_depend_on_others(tmp_path):
    """A basket of six events has room for four, whoever else there is."""
    users = [[[1, 2, 3, 4, 5, 6], [], []], [[7, 6, 5, 4, 3], [], []]]
    found = []
    for name, some in (("alone", users[:1]), ("beside", users)):
        dataset = write_dataset(tmp_path / name, some, 8)
        begins = np.array(dataset.history_ends)
        begins[:6] = 0
        np.save(dataset.path / "history_ends.npy", begins)
        everybody = batches(type(dataset)(dataset.path), batch_size=len(some))
        sample = everybody.sample(0)
        (dispatch,) = everybody.dispatches(sample, 1)
        batch = everybody.batch(dispatch, 0, sample)
        lane = everybody.users(dispatch, 0).tolist().index(0)
        room = len(batch["targets"]) // dispatch.placement.lanes
        predicted = slice(lane * room, lane * room + room)
        found.append([batch["targets"][predicted].tolist(), batch["weights"][predicted].tolist()])
        assert everybody.left_out == 2
    assert found[0] == found[1] == [[1, 2, 3, 4], [1.0] * 4]


def test_a_timestamp_group_shares_a_query(dataset):
    everybody = batches(grouped(dataset), batch_size=3)
    sample = everybody.sample(0)
    (dispatch,) = everybody.dispatches(sample, 1)
    batch = everybody.batch(dispatch, 0, sample)
    check_batch(batch)
    lane = everybody.users(dispatch, 0).tolist().index(0)
    width = dispatch.placement.width
    room = len(batch["targets"]) // dispatch.placement.lanes
    predicted = slice(lane * room, lane * room + 4)
    asked = batch["query_positions"][batch["query_ids"][predicted]]
    assert batch["targets"][predicted].tolist() == [0, 1, 2, 3]
    assert (asked - lane * width).tolist() == [0, 1, 1, 1]


def test_steps_draw_each_user_apart_from_the_others(tmp_path):
    """Counts of steps and pairs are those of independent draws at the rate."""
    users = [[[1, 2], [], []] for _ in range(40)]
    some = batches(write_dataset(tmp_path / "dataset", users, 4), batch_size=10)
    assert some.sampling_rate == 0.25 and some.steps_per_epoch == 4
    drawn = np.zeros((2000, 40))
    step = 0
    for epoch in range(500):
        for dispatch in some.dispatches(some.sample(epoch), 4):
            for number in range(len(dispatch.placement.sequences)):
                drawn[step, some.users(dispatch, number)] += 1
                step += 1
    assert step == 2000 and drawn.max() == 1
    np.testing.assert_allclose(drawn.mean(axis=0), 0.25, atol=0.05)
    sizes = drawn.sum(axis=1)
    assert sizes.mean() == pytest.approx(10, abs=0.3)
    assert sizes.var() == pytest.approx(40 * 0.25 * 0.75, rel=0.15)
    pairs = drawn.T @ drawn / 2000
    assert pairs[0, 1:].mean() == pytest.approx(0.25**2, abs=0.01)


def test_nobody_who_was_drawn_is_left_out(tmp_path, monkeypatch):
    """A step with more users than there is room for has more room."""
    users = [[[1, 2], [], []] for _ in range(100)]
    some = batches(write_dataset(tmp_path / "dataset", users, 4), batch_size=20)
    monkeypatch.setattr(some, "_draw", lambda generator: np.arange(90))
    (dispatch, *_) = some.dispatches(some.sample(0), 1)
    assert some.users(dispatch, 0).tolist() == list(range(90))
    assert dispatch.placement.lanes == 96


def test_what_is_drawn_follows_from_the_secret_and_the_epoch(dataset):
    def drawn(epoch, **settings):
        one = batches(dataset, batch_size=1, **settings)
        found = one.dispatches(one.sample(epoch), 3)
        return np.concatenate([each.placement.sequences.ravel() for each in found]).tolist()

    epochs = range(20)
    assert [drawn(e) for e in epochs] == [drawn(e) for e in epochs]
    assert [drawn(e) for e in epochs] != [drawn(e, secret=[5, 6, 7, 8]) for e in epochs]
    assert drawn(0) != drawn(1) or drawn(1) != drawn(2)
