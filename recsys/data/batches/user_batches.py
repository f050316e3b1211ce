"""Batches of users drawn at random, each with one sequence: for training under privacy."""

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from recsys.batch import USER_FEATURE, BatchSpec, NegativeSampler
from recsys.data.batches.dispatch import Dispatch
from recsys.data.batches.epoch_sampler import EpochSample, EpochSampler
from recsys.data.batches.negatives import Negatives
from recsys.data.batches.packing import Placement
from recsys.data.batches.sequences import Sequences, cut_sequences
from recsys.data.batches.training_batches import DEVIATIONS, histories
from recsys.data.dataset import Dataset
from recsys.data.manifest import Part
from recsys.data.queries import slices

# Lanes are a multiple of it, and a step takes that many users at a time, or a power of 2 below.
USERS_AT_ONCE = 16


class UserBatches:
    """Steps that draw each user with the same probability, apart from all others.

    This is Poisson sampling, which is what accountants of differential privacy assume: a step has
    few users or many, and a user may be in several steps of an epoch, or in none. All that a user
    brings is one sequence, the last ``max_events`` + 1 events, of which each is predicted.

    No user who was drawn is left out: a step has room for five standard deviations more users than
    are expected, and where that is too little, it has twice the room, and is compiled once more.

    A batch is a :class:`recsys.batch.TrainingBatch` of one sequence a lane, in which every lane
    has room for as many queries and predictions as any other, one lane's after the other's.

    Args:
        dataset: where the events are.
        spec: what the model reads (``retriever.batch_spec``).
        last_part: ``train``, or ``validation`` to fit on both.
        batch_size: users a step, on average.
        secret: that all that is drawn but for negatives follows from.
        seed: of the negatives, which tell nothing of users.
        crop, split_timestamp_groups: see
            :class:`recsys.data.batches.training_batches.TrainingBatches`.
        sampler: draws the negatives, for a spec with them; must not look at users.

    Attributes:
        users_with_events: who may be drawn.
        sampling_rate: probability with which a step draws each.
        steps_per_epoch: in which every user is drawn once, on average.
        left_out: predictions of an epoch for which a lane has no room: of a timestamp group that
            has more events than a sequence.
    """

    def __init__(
        self,
        dataset: Dataset,
        spec: BatchSpec,
        last_part: Part,
        batch_size: int,
        secret: Sequence[int],
        seed: int,
        *,
        crop: float = 0.0,
        split_timestamp_groups: float = 0.0,
        sampler: NegativeSampler | None = None,
    ) -> None:
        self.spec = spec
        self._secret = secret
        self._negatives = None if sampler is None else Negatives(sampler, seed)
        self._features = {name: dataset.feature("user", name) for name in spec.user_features}
        self._times = dataset.event_times if spec.times else None
        _, ends = dataset.part_range(last_part)
        grouped = dataset.manifest.has_order and not spec.whole_sequences
        every = np.arange(dataset.events)
        group_begins = np.asarray(dataset.history_ends) if grouped else every
        self._grouped = bool((group_begins != every).any())
        self._sequences = last_sequences(
            np.asarray(dataset.user_offsets[:-1]), ends, group_begins, spec.max_events
        )
        self._epoch_sampler = EpochSampler(
            dataset,
            self._sequences,
            group_begins,
            ends,
            {name: dataset.feature("event", name) for name in spec.event_features},
            # Where a user is, all that is drawn after shifts: it must not be known.
            int(np.random.SeedSequence([*secret, 1]).generate_state(1, np.uint64)[0]),
            crop,
            split_timestamp_groups,
        )
        # By the spec alone: how much of a user there is room for must not depend on another.
        longest = spec.max_events + 1
        self._width = longest + spec.whole_sequences
        predicted = self._sequences.target_ends - self._sequences.target_begins
        self._predictions = int(min(predicted.max(initial=1), longest))
        self.left_out = int(np.maximum(predicted - self._predictions, 0).sum())
        self.users_with_events = len(self._sequences.users)
        self.sampling_rate = min(batch_size / max(self.users_with_events, 1), 1.0)
        self.steps_per_epoch = -(-self.users_with_events // batch_size)

    @cached_property
    def _room(self) -> int:
        expected = self.users_with_events * self.sampling_rate
        most = expected + DEVIATIONS * (expected * (1 - self.sampling_rate)) ** 0.5
        return _aligned(min(int(np.ceil(most)), self.users_with_events))

    def sample(self, epoch: int) -> EpochSample:
        """The epoch's order of events, splits of timestamp groups and crops.

        Args:
            epoch: number of the epoch, from 0.
        """
        return self._epoch_sampler.sample(epoch)

    def dispatches(self, sample: EpochSample, steps_per_dispatch: int) -> Iterator[Dispatch]:
        """The epoch's steps in order.

        Args:
            sample: what :meth:`sample` returned for the epoch.
            steps_per_dispatch: steps of a dispatch, at most; what fills the last one up is not
                taken.
        """
        generator = np.random.default_rng([*self._secret, 2, sample.epoch])
        room = min(steps_per_dispatch, self.steps_per_epoch)
        drawn = [self._draw(generator) for _ in range(self.steps_per_epoch)]
        for first in range(0, self.steps_per_epoch, room):
            steps = drawn[first : first + room]
            lanes = self._room
            while lanes < max(len(numbers) for numbers in steps):
                lanes *= 2
            sequences = np.full((len(steps), lanes), -1)
            for step, numbers in enumerate(steps):
                sequences[step, : len(numbers)] = numbers
            lane_of_sequence = np.broadcast_to(np.arange(lanes), sequences.shape)
            placement = Placement(
                self._width, lanes, sequences, lane_of_sequence, np.zeros_like(sequences)
            )
            of_all = lanes * self._width, lanes * self._predictions
            yield Dispatch(first, placement, room, *of_all)

    def _draw(self, generator: np.random.Generator) -> np.ndarray:
        """The users of a step: how many, and then which, is the same as asking each of them."""
        drawn = generator.binomial(self.users_with_events, self.sampling_rate)
        return generator.choice(self.users_with_events, drawn, replace=False)

    def batch(self, dispatch: Dispatch, step: int, sample: EpochSample) -> dict[str, np.ndarray]:
        """Assembles one batch.

        Args:
            dispatch: where it belongs.
            step: which of the dispatch's steps it is, from 0.
            sample: what :meth:`sample` returned for the epoch.
        """
        placement = dispatch.placement
        numbers = placement.sequences[step]
        numbers = numbers[numbers >= 0]
        sequences = Sequences(*(each[numbers] for each in self._sequences))
        origins = np.arange(len(numbers)) * placement.width
        begins = sample.begins[numbers]
        batch = histories(placement, sequences, begins, origins, sample, self.spec, self._times)
        found = sample.predictions
        queries, query_counts = slices(found.query_offsets, numbers)
        predicted, counts = slices(found.offsets, numbers)
        place = np.arange(len(predicted)) - np.repeat(np.cumsum(counts) - counts, counts)
        has_room = place < self._predictions
        lanes = np.repeat(np.arange(len(numbers)), counts)[has_room]
        cells = lanes * self._predictions + place[has_room]
        predicted = predicted[has_room]
        query_place = np.arange(len(queries)) - np.repeat(
            np.cumsum(query_counts) - query_counts, query_counts
        )
        query_lanes = np.repeat(np.arange(len(numbers)), query_counts)
        if self._grouped:
            # Every lane has as many queries as it is wide.
            batch["query_ids"] = np.repeat(
                np.arange(placement.lanes, dtype=np.int32) * placement.width, self._predictions
            )
            batch["query_ids"][cells] += found.queries[predicted]
            room, query_cells = placement.width, query_lanes * placement.width + query_place
        else:
            # A query predicts one event.
            fits = query_place < self._predictions
            queries, query_lanes, query_place = (
                each[fits] for each in (queries, query_lanes, query_place)
            )
            room, query_cells = (
                self._predictions,
                query_lanes * self._predictions + query_place,
            )
        positions = np.repeat(np.arange(placement.lanes) * placement.width, room)
        positions[query_cells] += found.columns[queries]
        targets = np.zeros(placement.lanes * self._predictions, dtype=np.int32)
        weights = np.zeros(len(targets), dtype=np.float32)
        targets[cells], weights[cells] = found.items[predicted], found.weights[predicted]
        batch |= {
            "query_positions": positions.astype(np.int32),
            "targets": targets,
            "weights": weights,
        }
        users = np.full(placement.lanes, -1, dtype=np.int32)
        users[: len(numbers)] = sequences.users
        for name, values in self._features.items():
            batch[USER_FEATURE + name] = values[users]
        if self._negatives is not None:
            # Drawn whatever the targets are, also where there are none.
            any_target = np.zeros(1, dtype=np.int32)
            batch |= self._negatives.draw(any_target, sample.epoch, dispatch.first_step + step)
        return batch

    def users(self, dispatch: Dispatch, step: int) -> np.ndarray:
        """The user of each sequence of a batch, in order, int [sequences].

        Args:
            dispatch, step: see :meth:`batch`.
        """
        numbers = dispatch.placement.sequences[step]
        return self._sequences.users[numbers[numbers >= 0]]


def last_sequences(
    begins: np.ndarray, ends: np.ndarray, group_begins: np.ndarray, max_events: int
) -> Sequences:
    """One sequence of each user with events: the last ones.

    Args:
        begins, ends: int64 [users], the events of each user.
        group_begins: int64 [events], where the timestamp group of each event begins.
        max_events: events of history that a sequence holds, at most.

    >>> found = last_sequences(np.array([0]), np.array([5]), np.arange(5), max_events=2)
    >>> found.begins.tolist(), found.ends.tolist(), found.contexts.tolist()
    ([2], [5], [0])
    """
    last_groups = np.where(ends > begins, group_begins[np.maximum(ends - 1, 0)] + 1, begins)
    begins = np.maximum(begins, last_groups - max_events - 1)
    return cut_sequences(begins, ends, group_begins, max_events, max_events)


def _aligned(lanes: int) -> int:
    return -(-max(lanes, 1) // USERS_AT_ONCE) * USERS_AT_ONCE
