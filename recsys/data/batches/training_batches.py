"""The batches of an epoch and their order, a pure function of (seed, epoch, step)."""

import math
from collections.abc import Iterator
from functools import cached_property

import keras
import numpy as np

from recsys.batch import EVENT_FEATURE, USER_FEATURE, BatchSpec, NegativeSampler
from recsys.data.batches.dispatch import Dispatch
from recsys.data.batches.epoch_sampler import EpochSample, EpochSampler
from recsys.data.batches.histories import seconds_since, whole_seconds
from recsys.data.batches.negatives import Negatives
from recsys.data.batches.packing import LengthBuckets, PackedSequences, Packing, Placement
from recsys.data.batches.recipe import Recipe
from recsys.data.batches.recipes import Recipes
from recsys.data.batches.sequences import (
    OldEvents,
    Sequences,
    cut_sequences,
    without_old_targets,
)
from recsys.data.dataset import Dataset
from recsys.data.manifest import Part
from recsys.data.queries import ranges, slices

# Room is made for so many standard deviations above the mean: one step in millions needs more.
DEVIATIONS = 5
# Room is a multiple of what a vector instruction takes.
ALIGNMENT = 8


class TrainingBatches(keras.utils.PyDataset):
    """Every event of the fitted parts, once an epoch, with what preceded it.

    A user's events are cut into sequences of at most ``max_events`` + 1 events. A
    sequence's events are its targets and, but for the last, its history: position 0
    (empty history) predicts the user's very first event; a sequence that continues
    a longer history repeats the last events before it, as history alone.

    Events of one timestamp group, such as a basket, are predicted together from what
    happened before it, as they are when a model is evaluated: their order in the
    log means nothing. So that what is bought together is learned too, some groups
    are split in two at random, the second part after the first.

    Little of a batch is padding: sequences are packed one after the other, or share
    batches with sequences of similar length (see :mod:`recsys.data.batches.packing`). What a
    batch predicts is listed apart: losses see real events only.

    Logs without an order are shuffled within each user, anew each epoch.

    It is a Keras ``PyDataset`` of :class:`recsys.batch.TrainingBatch`: ``len`` is the steps of an
    epoch, an index is a step of the epoch that :attr:`epoch` names, and Keras's ``fit`` moves on
    to the next one. ``fit(batches, shuffle=False)`` keeps the order, which is random already.
    :func:`recsys.training.batches.training_batches` makes them for a model.

    Args:
        dataset: where the events are.
        spec: what the model reads (``retriever.batch_spec``).
        last_part: ``train``, or ``validation`` to fit on both.
        batch_size: sequences a batch, on average.
        seed: of everything drawn.
        overlap: share of ``max_events`` that a sequence repeats of the one before it,
            in [0, 1); at least one event. More gives targets more history, for
            more sequences.
        crop: share of sequences that, anew each epoch, begin at a random later event:
            their history is forgotten and what came before is not predicted.
        split_timestamp_groups: share of the groups of several events that are split, anew
            each epoch.
        sampler: draws the negatives, for a spec with them.
        shares: what the first size of every array of a batch, but for the sequences'
            own and the negatives, can be divided by.
        most_widths: widths of batches at most, where a lane is a sequence; None: as many as
            keep padding small. Each is a shape to compile.
        old: what a model that training continues from was fitted on: of the sequences that
            predict it a share is drawn, once. None: nothing. A user of a log without an order is
            new as a whole where there are new events.

    Attributes:
        epoch: the epoch that an index reads from, from 0.
        steps_per_epoch: batches of an epoch.
        events_per_epoch: events that an epoch predicts, if none is cropped.

    Raises:
        InputError: times are asked of a dataset without them.
        ValueError: the spec has negatives, and there is no sampler, or the other way round.
    """

    def __init__(
        self,
        dataset: Dataset,
        spec: BatchSpec,
        last_part: Part = "train",
        batch_size: int = 128,
        seed: int = 1,
        *,
        overlap: float = 0.0,
        crop: float = 0.0,
        split_timestamp_groups: float = 0.0,
        sampler: NegativeSampler | None = None,
        shares: int = 1,
        most_widths: int | None = None,
        old: OldEvents | None = None,
    ) -> None:
        super().__init__()
        if spec.negatives != (sampler is not None):
            raise ValueError(
                f"expected {'a' if spec.negatives else 'no'} sampler of negatives for a loss that "
                f"{'needs' if spec.negatives else 'needs no'} negatives, received {sampler!r}"
            )
        self.spec = spec
        self.seed = seed
        self.epoch = 0
        self._dataset = dataset
        self._negatives = None if sampler is None else Negatives(sampler, seed)
        self._features = {name: dataset.feature("user", name) for name in spec.user_features}
        # A log with times has an order: they are never shuffled.
        self._times = dataset.event_times if spec.times else None
        begins = np.asarray(dataset.user_offsets[:-1])
        _, ends = dataset.part_range(last_part)
        # A set has no timestamp groups: its events are predicted one by one.
        grouped = dataset.manifest.has_order and not spec.whole_sequences
        every = np.arange(dataset.events)
        group_begins = np.asarray(dataset.history_ends) if grouped else every
        stride = spec.max_events - round(overlap * (spec.max_events - 1))
        self._sequences = cut_sequences(begins, ends, group_begins, spec.max_events, stride)
        if old is not None:
            if not dataset.manifest.has_order:
                old = old._replace(ends=np.where(old.ends < ends, begins, ends))
            self._sequences = without_old_targets(
                self._sequences, group_begins, old, np.random.default_rng([seed, 5])
            )
        self._epoch_sampler = EpochSampler(
            dataset,
            self._sequences,
            group_begins,
            ends,
            {name: dataset.feature("event", name) for name in spec.event_features},
            seed,
            crop,
            split_timestamp_groups,
        )
        self._grouped = bool((group_begins != every).any())
        self._shares = shares
        self._predictions = self._sequences.target_ends - self._sequences.target_begins
        lengths = self._sequences.ends - self._sequences.begins + spec.whole_sequences
        self._packing: Packing = (
            PackedSequences(lengths, batch_size, shares)
            if spec.packed
            else LengthBuckets(lengths, batch_size, shares, most_widths)
        )
        self.steps_per_epoch = self._packing.steps_per_epoch
        self.events_per_epoch = int(np.sum(self._predictions))
        self._has_begun = self._is_read = False
        self._recipes = Recipes(
            self._sequences,
            self._times,
            self._features,
            self._negatives,
            self._grouped,
        )
        # Step by step: what the last epoch asked for by an index consists of.
        self._indexed: tuple[int, EpochSample, list[tuple[Dispatch, int]]] | None = None

    def __len__(self) -> int:
        return self.steps_per_epoch

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        """The batch of a step of :attr:`epoch`."""
        sample, steps = self._steps_of(self.epoch)
        batch = self.batch(*steps[index], sample)
        self._is_read = self._is_read or (self._has_begun and index == len(self) - 1)
        return batch

    def on_epoch_begin(self) -> None:
        """Called by Keras."""
        self._has_begun = True

    def on_epoch_end(self) -> None:
        """Called by Keras, which also ends epochs that have not begun, or reads a few batches."""
        if self._is_read:
            self.epoch += 1
        self._has_begun = self._is_read = False

    def _steps_of(self, epoch: int) -> tuple[EpochSample, list[tuple[Dispatch, int]]]:
        # Read once: Keras may ask from several threads.
        indexed = self._indexed
        if indexed is None or indexed[0] != epoch:
            sample = self.sample(epoch)
            steps = [(dispatch, 0) for dispatch in self.dispatches(sample, 1)]
            self._indexed = indexed = (epoch, sample, steps)
        return indexed[1:]

    def dispatches(self, sample: EpochSample, steps_per_dispatch: int) -> Iterator[Dispatch]:
        """The epoch's steps in order, grouped by shape.

        Args:
            sample: what :meth:`sample` returned for the epoch.
            steps_per_dispatch: steps of a dispatch, at most. Those of a shape are divided as
                evenly as can be, and have room for the same number, so that they are
                compiled once.
        """
        queries = self._queries(sample.group_begins)
        generator = self._generator(sample.epoch)
        found: list[tuple[Placement, int, int, int]] = []
        for placement in self._packing.place(generator):
            for_queries, for_predictions = self._usual_rooms[placement.width]
            for_queries = self._enough(for_queries, queries, placement)
            for_predictions = self._enough(for_predictions, self._predictions, placement)
            parts = placement.parts(steps_per_dispatch)
            room = len(parts[0].sequences)
            found += [(part, room, for_queries, for_predictions) for part in parts]
        step = 0
        for index in generator.permutation(len(found)):
            yield Dispatch(step, *found[index])
            step += len(found[index][0].sequences)

    def sample(self, epoch: int) -> EpochSample:
        """The epoch's order of events, splits of timestamp groups and crops.

        Args:
            epoch: number of the epoch, from 0.
        """
        return self._epoch_sampler.sample(epoch)

    def _queries(self, group_begins: np.ndarray) -> np.ndarray:
        """Timestamp groups that each sequence predicts, at most."""
        begins_group = group_begins == np.arange(len(group_begins))
        before = np.concatenate(([0], np.cumsum(begins_group)))
        return before[self._sequences.target_ends] - before[self._sequences.target_begins]

    @cached_property
    def _usual_rooms(self) -> dict[int, tuple[int, int]]:
        """By width, the room for queries and for predictions that nearly any step needs.

        It follows from the first epoch's sample, so that all epochs have the same shapes,
        compiled once.
        """
        queries = self._queries(self.sample(0).group_begins)
        return {
            placement.width: (
                self._room(queries, placement),
                self._room(self._predictions, placement),
            )
            for placement in self._packing.place(self._generator(0))
        }

    def _room(self, counts: np.ndarray, placement: Placement) -> int:
        by_lane = _by_lane(counts, placement)
        lanes = min(placement.lanes, len(by_lane))
        usual = by_lane.mean() * lanes + DEVIATIONS * by_lane.std() * lanes**0.5
        return min(self._aligned(usual), self._ample(_by_step(counts, placement), placement))

    def _enough(self, usual: int, counts: np.ndarray, placement: Placement) -> int:
        sums = _by_step(counts, placement)
        return usual if sums.max() <= usual else self._ample(sums, placement)

    def _ample(self, sums: np.ndarray, placement: Placement) -> int:
        """A place a cell; a sequence may predict more events than it has cells, of one group."""
        return max(placement.lanes * placement.width, self._aligned(sums.max()))

    def _aligned(self, room: float) -> int:
        grain = ALIGNMENT * self._shares
        return -(-math.ceil(room) // grain) * grain

    def _generator(self, epoch: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, epoch])

    def batch(self, dispatch: Dispatch, step: int, sample: EpochSample) -> dict[str, np.ndarray]:
        """Assembles one batch.

        Args:
            dispatch: where it belongs.
            step: which of the dispatch's steps it is, from 0.
            sample: what :meth:`sample` returned for the epoch.

        Returns:
            A :class:`recsys.batch.TrainingBatch` with the keys that the spec names, and
            ``query_ids`` if the log has timestamp groups of several events.
        """
        placement = dispatch.placement
        numbers = placement.sequences[step]
        # What fills the step up comes last, reads nothing and predicts nothing.
        numbers = numbers[numbers >= 0]
        sequences = Sequences(*(each[numbers] for each in self._sequences))
        begins = sample.begins[numbers]
        # The cell of the flattened lanes that each sequence begins in.
        origins = placement.sequence_lanes[step, : len(numbers)] * placement.width
        origins = origins + placement.columns[step, : len(numbers)]
        batch = histories(placement, sequences, begins, origins, sample, self.spec, self._times)
        found = sample.predictions
        predicted, counts = slices(found.offsets, numbers)
        queries, query_counts = slices(found.query_offsets, numbers)
        missing = (0, dispatch.predictions - len(predicted))
        if self._grouped:
            first_queries = np.cumsum(query_counts) - query_counts
            query_ids = np.repeat(first_queries, counts) + found.queries[predicted]
            batch["query_ids"] = np.pad(query_ids.astype(np.int32), missing)
        positions = np.repeat(origins, query_counts) + found.columns[queries]
        positions = positions.astype(np.int32)
        batch |= {
            "query_positions": np.pad(positions, (0, dispatch.queries - len(positions))),
            "targets": np.pad(found.items[predicted], missing),
            "weights": np.pad(found.weights[predicted], missing),
        }
        users = np.full(placement.sequences.shape[1], -1, dtype=np.int32)
        users[: len(numbers)] = sequences.users
        if self.spec.user:
            batch["user"] = users
        for name, values in self._features.items():
            batch[USER_FEATURE + name] = values[users]
        if self._negatives is not None:
            targets = batch["targets"][batch["weights"] > 0]
            batch |= self._negatives.draw(targets, sample.epoch, dispatch.first_step + step)
        return batch

    def users(self, dispatch: Dispatch, step: int) -> np.ndarray:
        """The user of each sequence of a batch, in order, int [sequences].

        Args:
            dispatch, step: see :meth:`batch`.
        """
        numbers = dispatch.placement.sequences[step]
        return self._sequences.users[numbers[numbers >= 0]]

    def data(self, sample: EpochSample) -> dict[str, np.ndarray] | None:
        """What a device gathers an epoch from (see :meth:`Recipes.data`)."""
        return self._recipes.data(sample)

    def recipe(self, dispatch: Dispatch, sample: EpochSample) -> Recipe:
        """A dispatch for a device that holds :meth:`data` (see :meth:`Recipes.recipe`)."""
        return self._recipes.recipe(dispatch, sample)

    def weights(self, dispatch: Dispatch, sample: EpochSample) -> tuple[np.ndarray, int]:
        """Each step's sum of weights, float64 [steps], and how many events all predict."""
        found = sample.predictions
        sums = [
            slices(found.offsets, numbers[numbers >= 0])[0]
            for numbers in dispatch.placement.sequences
        ]
        weights = [found.weights[predicted] for predicted in sums]
        events = sum(int(np.count_nonzero(each)) for each in weights)
        return np.array([each.sum(dtype=np.float64) for each in weights]), events


def histories(
    placement: Placement,
    sequences: Sequences,
    begins: np.ndarray,
    origins: np.ndarray,
    sample: EpochSample,
    spec: BatchSpec,
    times: np.ndarray | None,
) -> dict[str, np.ndarray]:
    """What the sequences of a batch read: of each the start, and the events but for the last.

    Args:
        placement: of the batch.
        sequences: of the batch alone.
        begins: int64 [sequences], where they begin in this epoch.
        origins: int64 [sequences], the cell of the flattened lanes that each begins in.
        sample: the epoch's.
        spec: what the model reads.
        times: int64 microseconds of every event, for a model that reads them.
    """
    shape = (placement.lanes, placement.width)
    whole = spec.whole_sequences
    counts = sequences.ends - begins + whole
    segment_of_position = np.repeat(np.arange(len(begins)), counts)
    position_ids = ranges(np.zeros_like(counts), counts)
    cells = origins[segment_of_position] + position_ids
    reads = position_ids > 0
    events = (begins[segment_of_position] + position_ids - 1)[reads]
    arrays = {"history": _filled(shape, 0, cells[reads], sample.items[events])}
    if times is not None:
        first = times[begins[segment_of_position[reads]]]
        passed = seconds_since(whole_seconds(first), whole_seconds(times[events]))
        arrays["history_times"] = _filled(shape, 0, cells[reads], passed)
    for name, values in sample.features.items():
        arrays[EVENT_FEATURE + name] = _filled(shape, 0, cells[reads], values[events])
    if spec.packed:
        return {
            **arrays,
            "segment_ids": _filled(shape, -1, cells, segment_of_position),
            "position_ids": _filled(shape, 0, cells, position_ids),
        }
    # A lane is a sequence, which always begins with the start.
    arrays = {name: array[:, 1:] for name, array in arrays.items()}
    if whole:
        arrays["length"] = np.zeros(placement.lanes, dtype=np.int32)
        arrays["length"][: len(counts)] = counts - 1
    return arrays


def _by_step(counts: np.ndarray, placement: Placement) -> np.ndarray:
    """The sums over the sequences of each step."""
    return np.where(placement.sequences >= 0, counts[placement.sequences], 0).sum(axis=1)


def _by_lane(counts: np.ndarray, placement: Placement) -> np.ndarray:
    """The sums over the sequences of each lane that holds any."""
    there = placement.sequences >= 0
    lanes = placement.sequence_lanes + placement.lanes * np.arange(len(there))[:, None]
    lanes = lanes[there]
    sequences = np.bincount(lanes)
    sums = np.bincount(lanes, weights=counts[placement.sequences[there]])
    return sums[sequences > 0]


def _filled(
    shape: tuple[int, int], value: int, cells: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """A matrix of one value but for some cells, counted line by line; of whole numbers int32."""
    dtype = np.float32 if values.dtype == np.float32 else np.int32
    matrix = np.full(shape, value, dtype=dtype)
    matrix.reshape(-1)[cells] = values
    return matrix
