"""Every event once an epoch, with what preceded it, whatever the seed."""

from dataclasses import fields, replace

import numpy as np
import pytest

from recsys.batch import BatchSpec, check_batch
from recsys.data.batches.sequences import OldEvents
from recsys.data.batches.training_batches import TrainingBatches
from recsys.data.dataset import Dataset
from tests.datasets import write_dataset


@pytest.fixture
def dataset(tmp_path):
    """Users with 0, 1, 2, ... training events; items are numbered through, so each is unique."""
    users, item = [], 0
    for events in [0, 1, 2, 5, 6, 7, 8, 23, 40]:
        train = list(range(item, item + events))
        item += events
        users.append([train, [92], [93]])
    return write_dataset(tmp_path / "dataset", users, 94)


SPEC = BatchSpec(max_events=6, user=True)
READ = {field.name for field in fields(BatchSpec)}


def batches_of(dataset, **settings) -> TrainingBatches:
    read = {name: settings.pop(name) for name in READ & settings.keys()}
    return TrainingBatches(dataset, replace(SPEC, **read), **{"batch_size": 3} | settings)


def epoch(batches: TrainingBatches, number: int, steps_per_dispatch: int = 4):
    sample = batches.sample(number)
    for dispatch in batches.dispatches(sample, steps_per_dispatch):
        for step in range(len(dispatch.placement.sequences)):
            yield dispatch.first_step + step, batches.batch(dispatch, step, sample)


def predictions(batches, number=0):
    """(history, target) of every predicted event."""
    for _, batch in epoch(batches, number):
        packed = "segment_ids" in batch
        for index in np.flatnonzero(batch["weights"]):
            query = batch["query_ids"][index] if "query_ids" in batch else index
            cell = int(batch["query_positions"][query])
            lane, column = divmod(cell, batch["history"].shape[1] + (not packed))
            past = slice(0, column)
            if packed:
                past = slice(column - batch["position_ids"][lane, column] + 1, column + 1)
                row = batch["segment_ids"][lane, column]
                assert (batch["segment_ids"][lane, past] == row).all()
                assert batch["user"][row] >= 0
            yield batch["history"][lane, past].tolist(), int(batch["targets"][index])


def with_baskets(dataset, sizes):
    """The training events of each user as baskets of so many events, in turn."""
    ends = np.arange(dataset.events)
    for begin, end in zip(*dataset.part_range("train"), strict=True):
        starts = begin + np.cumsum([0, *sizes])
        while starts[-1] < end:
            starts = np.append(starts, starts[-1] + np.cumsum(sizes))
        events = np.arange(begin, end)
        ends[begin:end] = starts[np.searchsorted(starts, events, side="right") - 1]
    np.save(dataset.path / "history_ends.npy", ends)
    return Dataset(dataset.path)


def test_each_event_is_predicted_once_from_what_preceded_it(dataset):
    found = list(predictions(batches_of(dataset)))
    assert sorted(target for _, target in found) == list(range(92))
    starts = np.asarray(dataset.user_offsets)
    items = np.asarray(dataset.event_items)
    position_of = {item: np.flatnonzero(items == item)[-1] for _, item in found}
    for history, target in found:
        event = position_of[target]
        begin = starts[np.searchsorted(starts, event, side="right") - 1]
        preceding = items[begin:event].tolist()
        assert history == preceding[len(preceding) - len(history) :]
        assert len(history) >= min(len(preceding), 1)
        assert len(history) <= 6


def test_the_last_sequence_of_a_long_history_is_full(dataset):
    longest = max((h for h, t in predictions(batches_of(dataset)) if t == 91), key=len)
    assert longest == [85, 86, 87, 88, 89, 90]


@pytest.mark.parametrize("sizes", [(2,), (1, 3), (5, 1, 2), (9,)])
@pytest.mark.parametrize("settings", [{}, {"overlap": 0.5}, {"crop": 0.5}])
def test_a_basket_is_predicted_from_what_happened_before_it(dataset, sizes, settings):
    dataset = with_baskets(dataset, sizes)
    found = list(predictions(batches_of(dataset, **settings)))
    targets = [target for _, target in found]
    assert len(targets) == len(set(targets))
    if "crop" not in settings:
        assert sorted(targets) == list(range(92))
    items = np.asarray(dataset.event_items)
    starts = np.asarray(dataset.user_offsets)
    event_of = {item: np.flatnonzero(items == item)[-1] for item in targets}
    histories: dict[int, list[int]] = {}
    for history, target in found:
        history_end = dataset.history_ends[event_of[target]]
        begin = starts[np.searchsorted(starts, history_end, side="right") - 1]
        preceding = items[begin:history_end].tolist()
        assert history == preceding[len(preceding) - len(history) :]
        assert len(history) <= 6 and (history or not preceding or "crop" in settings)
        # One query answers for the whole basket.
        assert histories.setdefault(history_end, history) == history


def test_a_timestamp_group_is_one_query(dataset):
    dataset = with_baskets(dataset, (4,))
    batches = batches_of(dataset)
    asked = 0
    for _, batch in epoch(batches, 0):
        used = np.unique(batch["query_ids"][batch["weights"] > 0])
        assert used.tolist() == list(range(len(used)))
        asked += len(used)
    # 0, 1, 2, 5, 6, 7, 8, 23 and 40 events in baskets of four.
    assert asked == 0 + 1 + 1 + 2 + 2 + 2 + 2 + 6 + 10
    assert batches.events_per_epoch == 92


@pytest.mark.parametrize("size", [3, 9])
def test_a_split_basket_is_predicted_from_its_other_part(dataset, size):
    dataset = with_baskets(dataset, (size,))
    batches = batches_of(dataset, split_timestamp_groups=1.0)
    items = np.asarray(dataset.event_items)
    starts = np.asarray(dataset.user_offsets)
    seen_with: dict[int, set[int]] = {}
    for number in range(3):
        found = list(predictions(batches, number))
        assert sorted(target for _, target in found) == list(range(92))
        for history, target in found:
            (event,) = np.flatnonzero(items[: starts[-1]] == target)
            history_end = dataset.history_ends[event]
            basket = set(items[dataset.history_ends == history_end].tolist())
            own = [item for item in history if item in basket]
            earlier = [item for item in history if item not in basket]
            assert target not in history and len(history) <= 6
            # What came before, in its order but for other splits, then some of its own.
            assert history == earlier + own
            begin = starts[np.searchsorted(starts, history_end, side="right") - 1]
            assert set(earlier) <= set(items[begin:history_end].tolist())
            seen_with.setdefault(target, set()).update(own)
    # Baskets of three are cut after the first or the second, by chance.
    together = sum(bool(others) for others in seen_with.values())
    assert 40 < together <= 92
    assert list(predictions(batches, 0)) != list(predictions(batches, 1))


def test_half_of_the_baskets_are_split(dataset):
    dataset = with_baskets(dataset, (2,))
    alone, split = 0, 0
    for number in range(20):
        for _, batch in epoch(batches_of(dataset, split_timestamp_groups=0.5), number):
            counts = np.bincount(batch["query_ids"][batch["weights"] > 0])
            alone += np.sum(counts == 2)
            split += np.sum(counts == 1)
    # Of 44 pairs; four users have an odd event more, which is never split.
    pairs = (split - 20 * 4) / 2
    assert alone + pairs == 20 * 44
    assert 0.4 < pairs / (20 * 44) < 0.6


def test_the_last_basket_of_a_long_history_sees_it_all(dataset):
    found = predictions(batches_of(with_baskets(dataset, (4,))))
    assert max((h for h, t in found if t == 91), key=len) == [82, 83, 84, 85, 86, 87]


@pytest.mark.parametrize("overlap, least", [(0.0, 1), (0.4, 3), (0.99, 6)])
def test_overlap_gives_every_target_more_history(dataset, overlap, least):
    batches = batches_of(dataset, overlap=overlap)
    found = list(predictions(batches))
    assert sorted(target for _, target in found) == list(range(92))
    first_items = np.cumsum([0, 0, 1, 2, 5, 6, 7, 8, 23])  # of each user, by the fixture
    seen = {}
    for history, target in found:
        preceding = target - first_items[first_items <= target].max()
        seen[target] = (len(history), preceding)
    assert all(read >= min(preceding, least) for read, preceding in seen.values())
    assert any(read == least < preceding for read, preceding in seen.values())


def test_crops_forget_the_beginning(dataset):
    whole = {target: history for history, target in predictions(batches_of(dataset))}
    cropped = batches_of(dataset, crop=1.0)
    found = {target: history for history, target in predictions(cropped)}
    assert len(found) < len(whole) and len(found) == len(list(predictions(cropped)))
    for target, history in found.items():
        assert whole[target][len(whole[target]) - len(history) :] == history
        # Sequences of a single prediction (users with one event) cannot be cropped.
        assert history or len(whole[target]) == 0
    assert dict(predictions_by_target(cropped, 1)) != found
    half = len(list(predictions(batches_of(dataset, crop=0.5))))
    assert len(found) < half < len(whole)


def test_a_crop_leaves_something_to_predict(tmp_path):
    dataset = write_dataset(tmp_path / "dataset", [[[0, 1, 2], [3], [4]]], 5)
    batches = batches_of(dataset, crop=1.0)
    assert all(list(predictions(batches, number)) == [([1], 2)] for number in range(10))


def predictions_by_target(batches, number):
    return [(target, history) for history, target in predictions(batches, number)]


@pytest.mark.parametrize(
    "settings",
    [{}, {"overlap": 0.5}, {"crop": 0.7}, {"split_timestamp_groups": 1.0}, {"batch_size": 100}],
)
def test_packing_changes_no_prediction(dataset, settings):
    with_baskets(dataset, (3, 1, 2))
    for log in (dataset, Dataset(dataset.path)):
        plain = sorted(predictions(batches_of(log, **settings)))
        assert plain
        assert sorted(predictions(batches_of(log, packed=True, **settings))) == plain


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("basket", [1, 3])
def test_epochs_have_the_same_shapes(tmp_path, packed, basket):
    """So that each is compiled once."""
    lengths = np.random.default_rng(0).geometric(0.1, size=500).clip(1, 60)
    users = [[np.arange(length).tolist(), [0], [1]] for length in lengths]
    dataset = with_baskets(write_dataset(tmp_path / "dataset", users, 60), (basket,))
    batches = batches_of(
        dataset, max_events=40, batch_size=16, split_timestamp_groups=0.5, packed=packed
    )
    shapes = [
        {
            tuple((name, *array.shape) for name, array in batch.items())
            for _, batch in epoch(batches, number)
        }
        for number in range(5)
    ]
    assert shapes == shapes[:1] * 5
    predicted = sum(batch["weights"].size for _, batch in epoch(batches, 0))
    assert predicted < 1.5 * batches.events_per_epoch


def test_packed_sequences_keep_their_times_and_users(tmp_path):
    users = [[list(range(n)), [9], [9]] for n in (2, 3, 4, 5)]
    dataset = write_dataset(tmp_path / "dataset", users, 10)
    times = np.arange(dataset.events) ** 2 * 10**6
    np.save(dataset.path / "event_times.npy", times)
    batches = batches_of(dataset, max_events=9, batch_size=4, times=True, packed=True)
    for _, batch in epoch(batches, 0):
        for number, user in enumerate(batch["user"]):
            if user < 0:
                continue
            begin = dataset.user_offsets[user]
            read = np.arange(begin, begin + len(users[user][0]) - 1)
            seconds = (times[read] - times[begin]) // 10**6
            own = batch["segment_ids"] == number
            assert batch["history_times"][own].tolist() == [0, *seconds]
            assert batch["position_ids"][own].tolist() == list(range(len(read) + 1))


def test_counts(dataset):
    batches = batches_of(dataset)
    assert batches.events_per_epoch == 92
    steps = [step for step, _ in epoch(batches, 0)]
    assert steps == list(range(batches.steps_per_epoch))


def test_validation_can_be_fitted_too(dataset):
    # Every user has one more event; the user without training events now has a sequence.
    assert batches_of(dataset, last_part="validation").events_per_epoch == 92 + 9


def test_an_epoch_is_a_function_of_seed_and_number(dataset):
    def drawn(seed, number):
        return [b["targets"].tolist() for _, b in epoch(batches_of(dataset, seed=seed), number)]

    assert drawn(1, 0) == drawn(1, 0)
    assert drawn(1, 0) != drawn(1, 1)
    assert drawn(1, 0) != drawn(2, 0)


def test_the_number_of_steps_per_dispatch_changes_nothing_but_the_grouping(dataset):
    batches = batches_of(dataset, batch_size=1)
    together = []
    for steps in (1, 3):
        found = list(batches.dispatches(batches.sample(0), steps))
        together.append({tuple(row) for each in found for row in each.placement.sequences})
        by_width: dict[int, list[tuple[int, int]]] = {}
        for each in found:
            taken = len(each.placement.sequences)
            by_width.setdefault(each.placement.width, []).append((taken, each.room))
        for dispatches in by_width.values():
            # One shape, divided evenly: no more than a step is missing in each.
            (room,) = {room for _, room in dispatches}
            assert max(taken for taken, _ in dispatches) == room <= steps
            missing = sum(room - taken for taken, room in dispatches)
            assert missing < len(dispatches)
    assert together[0] == together[1]


@pytest.mark.parametrize(("packed", "least"), [(False, 0.6), (True, 0.9)])
def test_little_is_padding(tmp_path, packed, least):
    generator = np.random.default_rng(0)
    users = [[[0] * int(n), [], []] for n in generator.geometric(0.1, size=3000).clip(1, 50)]
    batches = batches_of(
        write_dataset(tmp_path / "dataset", users, 1),
        max_events=50,
        batch_size=64,
        packed=packed,
    )
    cells = sum(batch["history"].size for _, batch in epoch(batches, 0))
    scored = sum(batch["weights"].size for _, batch in epoch(batches, 0))
    assert batches.events_per_epoch / cells > least
    assert batches.events_per_epoch / scored > 0.75


def test_a_log_without_order_is_shuffled_within_users(tmp_path):
    users = [[list(range(20)), [20], [21]], [list(range(22, 40)), [40], [41]]]
    dataset = write_dataset(tmp_path / "dataset", users, 42, has_order=False)
    batches = batches_of(dataset, max_events=30)
    first, second = (
        [b["targets"].tolist() for _, b in epoch(batches, number)] for number in (0, 1)
    )
    assert first != second
    assert sorted(target for _, target in predictions(batches)) == [
        *range(20),
        *range(22, 40),
    ]


def test_times_are_whole_seconds_since_the_sequence_began(tmp_path):
    dataset = write_dataset(tmp_path / "dataset", [[[0, 1, 2, 3, 4], [5], [6]]], 7)
    times = np.array([10.9, 11.0, 12.0, 20.5, 50.0, 60.0, 70.0]) * 10**6
    np.save(dataset.path / "event_times.npy", times.astype(np.int64))
    ((_, batch),) = epoch(batches_of(dataset, max_events=8, batch_size=1, times=True), 0)
    assert batch["history_times"][0].tolist() == [0, 1, 2, 10]
    # Two events of history a sequence: the second begins at item 2.
    cut = [b for _, b in epoch(batches_of(dataset, max_events=2, batch_size=1, times=True), 0)]
    assert sorted(b["history_times"][0].tolist() for b in cut) == [[0, 1], [0, 8]]
    # A crop begins its own count.
    cropped = batches_of(dataset, max_events=8, batch_size=1, times=True, crop=1.0)
    ((_, batch),) = epoch(cropped, 0)
    first = batch["history"][0, 0]
    read = np.floor(times / 10**6).astype(int)[first:4]
    assert first > 0
    assert batch["history_times"][0, : len(read)].tolist() == (read - read[0]).tolist()


def test_whole_sequences_hold_the_last_event_too(tmp_path):
    users = [[list(range(5)), [20], [21]], [[7], [20], [21]]]
    dataset = write_dataset(tmp_path / "dataset", users, 22, has_order=False)
    predicted = []
    for _, batch in epoch(batches_of(dataset, max_events=30, whole_sequences=True), 0):
        width = batch["history"].shape[1] + 1
        for index in np.flatnonzero(batch["weights"]):
            row, position = divmod(int(batch["query_positions"][index]), width)
            assert position < batch["length"][row]
            assert batch["history"][row, position] == batch["targets"][index]
            predicted.append(int(batch["targets"][index]))
    assert sorted(predicted) == [0, 1, 2, 3, 4, 7]


def test_weights_follow_their_events_through_the_shuffle(tmp_path):
    users = [[list(range(20)), [20], [21]], [list(range(22, 40)), [40], [41]]]
    dataset = write_dataset(tmp_path / "dataset", users, 42, has_order=False)
    np.save(dataset.path / "event_weights.npy", (np.arange(42) % 2).astype(np.float32))
    targets = [target for _, target in predictions(batches_of(dataset, max_events=30))]
    assert sorted(targets) == [item for item in [*range(20), *range(22, 40)] if item % 2]


def test_nobody_owns_what_fills_a_batch_up(dataset):
    for _, batch in epoch(batches_of(dataset), 0):
        width = batch["history"].shape[1] + 1
        predicting = np.unique(batch["query_positions"][batch["weights"] > 0] // width)
        np.testing.assert_array_equal(np.flatnonzero(batch["user"] >= 0), predicting)


@pytest.mark.parametrize("read", [{}, {"packed": True}, {"times": True, "whole_sequences": True}])
def test_batches_are_what_their_keys_promise(dataset, read):
    batches = batches_of(dataset, **read)
    assert len(batches) == batches.steps_per_epoch
    for number in range(len(batches)):
        check_batch(batches[number])
        assert set(batches[number]) == set(batches.spec.training_keys)


def test_an_index_is_a_step_and_keras_moves_on_to_the_next_epoch(dataset):
    batches = batches_of(dataset, split_timestamp_groups=0.5)
    for number in range(2):
        steps = [batch["targets"].tolist() for _, batch in epoch(batches, number, 1)]
        batches.on_epoch_begin()
        assert [batches[step]["targets"].tolist() for step in range(len(batches))] == steps
        batches.on_epoch_end()
    # Keras looks at the first batches before it begins, and ends what has not begun.
    assert batches[0] and batches.epoch == 2
    batches.on_epoch_end()
    assert batches.epoch == 2


class Counting:
    """Draws any items and remembers for which targets."""

    count = 3

    def draw(self, generator, targets):
        self.targets = targets.tolist()
        return generator.integers(0, 90, 3).astype(np.int32), np.zeros(3, np.float32)


def test_negatives_are_drawn_anew_for_each_step_of_each_epoch(dataset):
    sampler = Counting()
    batches = batches_of(dataset, negatives=True, sampler=sampler)
    drawn = []
    for number in (0, 1):
        for _, batch in epoch(batches, number):
            check_batch(batch)
            assert sampler.targets == batch["targets"][batch["weights"] > 0].tolist()
            drawn.append(tuple(batch["negatives"].tolist()))
    assert len(set(drawn)) == len(drawn) == 2 * len(batches)
    again = batches_of(dataset, negatives=True, sampler=sampler)
    assert [tuple(b["negatives"].tolist()) for _, b in epoch(again, 0)] == drawn[: len(batches)]
    with pytest.raises(ValueError, match="expected a sampler"):
        batches_of(dataset, negatives=True)


@pytest.mark.parametrize("packed", [True, False])
def test_new_events_are_predicted_once_from_all_that_preceded_them(dataset, packed):
    """Of the last user 2 events are new, of the one before all; the others are old."""
    ends = dataset.part_range("train")[1].copy()
    ends[-1] -= 2
    ends[-2] = dataset.user_offsets[-3]
    usual = dict(sorted((target, past) for past, target in predictions(batches_of(dataset))))
    batches = batches_of(dataset, packed=packed, old=OldEvents(ends, 0.0))
    found = sorted((target, past) for past, target in predictions(batches))
    assert [target for target, _ in found] == [*range(29, 52), 90, 91]
    assert batches.events_per_epoch == 25
    # Two sequences begin at another event than usual, at most.
    assert [past for target, past in found if past != usual[target]] == []


def test_a_share_of_old_events_is_predicted_again(dataset):
    ends = dataset.part_range("train")[1]
    whole = batches_of(dataset, old=OldEvents(ends, 1.0))
    assert sorted(predictions(whole)) == sorted(predictions(batches_of(dataset)))
    some = batches_of(dataset, old=OldEvents(ends, 0.5)).events_per_epoch
    assert 0 < some < whole.events_per_epoch


def test_a_user_of_a_set_with_new_events_is_new_as_a_whole(tmp_path):
    users = [[[0, 1, 2], [3], [4]], [[3, 4], [0], [1]]]
    unordered = write_dataset(tmp_path / "sets", users, 5, has_order=False)
    batches = batches_of(unordered, old=OldEvents(np.array([2, 7]), 0.0))
    assert sorted(target for _, target in predictions(batches)) == [0, 1, 2]
