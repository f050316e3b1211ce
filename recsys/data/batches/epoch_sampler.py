"""What is sampled anew for each epoch, a pure function of (seed, epoch)."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from recsys.data.batches.predictions import Predictions, predictions
from recsys.data.batches.sequences import Sequences
from recsys.data.dataset import Dataset
from recsys.data.queries import ranges


class EpochSample(NamedTuple):
    """What is fixed of an epoch before it begins.

    Attributes:
        epoch: its number, from 0.
        items: int32 [events], of each event, in the epoch's order.
        features: arrays [events] by the name of an event feature, likewise.
        group_begins: int64 [events], where what an event is predicted from ends.
        begins: int64 [sequences], where each sequence begins.
        predictions: what the sequences predict.
    """

    epoch: int
    items: np.ndarray
    features: Mapping[str, np.ndarray]
    group_begins: np.ndarray
    begins: np.ndarray
    predictions: Predictions


class EpochSampler:
    """Samples the order of sets, the splits of timestamp groups and the crops of sequences.

    Args:
        dataset: where the events are.
        sequences: see :func:`recsys.data.batches.sequences.cut_sequences`.
        group_begins: int64 [events], where the timestamp group of each event begins.
        fitted_ends: int64 [users], where the fitted events of each user end.
        features: of the events, by name.
        seed: of everything sampled.
        crop, split_timestamp_groups: see
            :class:`recsys.data.batches.training_batches.TrainingBatches`.
    """

    def __init__(
        self,
        dataset: Dataset,
        sequences: Sequences,
        group_begins: np.ndarray,
        fitted_ends: np.ndarray,
        features: Mapping[str, np.ndarray],
        seed: int,
        crop: float,
        split_timestamp_groups: float,
    ) -> None:
        self._dataset = dataset
        self._sequences = sequences
        self._group_begins = group_begins
        self._fitted_ends = fitted_ends
        self._features = features
        self._seed = seed
        self._crop = crop
        self._split_share = split_timestamp_groups
        # Of an epoch in which nothing is sampled but the order of sequences.
        self._unchanged: Predictions | None = None
        begins = np.flatnonzero(group_begins == np.arange(len(group_begins)))
        sizes = np.diff(np.append(begins, len(group_begins)))
        self._large_begins, self._large_sizes = begins[sizes > 1], sizes[sizes > 1]

    def sample(self, epoch: int) -> EpochSample:
        """Samples an epoch.

        Args:
            epoch: its number, from 0.
        """
        order, group_begins = None, self._group_begins
        if not self._dataset.manifest.has_order:
            order = self._shuffle(np.random.default_rng([self._seed, epoch, 1]))
        elif self._split_share and len(self._large_begins):
            order, group_begins = self._split(np.random.default_rng([self._seed, epoch, 4]))
        items, weights = self._dataset.event_items, self._dataset.event_weights
        features = self._features
        if order is not None:
            items, weights = items[order], weights[order]
            features = {name: values[order] for name, values in features.items()}
        begins, contexts = self._sequences.begins, self._sequences.contexts
        if self._crop:
            begins, contexts = self._cropped(np.random.default_rng([self._seed, epoch, 3]))
        changes = order is not None or self._crop
        found = None if changes else self._unchanged
        if found is None:
            found = predictions(self._sequences, items, weights, group_begins, begins, contexts)
        if not changes:
            self._unchanged = found
        return EpochSample(epoch, items, features, group_begins, begins, found)

    def _shuffle(self, generator: np.random.Generator) -> np.ndarray:
        """A new order of the events within each user."""
        counts = np.diff(self._dataset.user_offsets)
        keys = generator.random(self._dataset.events)
        # Parts stay apart: an event after the fitted parts must not move before their end.
        later = np.arange(self._dataset.events) >= np.repeat(self._fitted_ends, counts)
        users = np.repeat(np.arange(len(counts)), counts)
        return np.lexsort((keys, later, users))

    def _split(self, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Cuts some groups in two, at random: their order, and where the halves begin."""
        chosen = generator.random(len(self._large_begins)) < self._split_share
        begins, sizes = self._large_begins[chosen], self._large_sizes[chosen]
        events = ranges(begins, begins + sizes)
        order = np.arange(self._dataset.events)
        keys = generator.random(len(events))
        order[events] = events[np.lexsort((keys, self._group_begins[events]))]
        cuts = np.repeat(begins + generator.integers(1, sizes), sizes)
        group_begins = np.array(self._group_begins)
        group_begins[events] = np.where(events < cuts, group_begins[events], cuts)
        return order, group_begins

    def _cropped(self, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Where sequences begin, and how much of them is history alone, once some are cropped."""
        sequences = self._sequences
        chosen = generator.random(len(sequences.begins)) < self._crop
        # One event is left to read and one to predict (none, if they share a timestamp).
        longest = sequences.ends - sequences.begins - 2
        shifts = generator.integers(1, np.maximum(longest, 1), endpoint=True)
        shifts = np.where(chosen & (longest > 0), shifts, 0)
        shifted = np.maximum(sequences.contexts - shifts, 1)
        contexts = np.where(shifts > 0, shifted, sequences.contexts)
        return sequences.begins + shifts, contexts
