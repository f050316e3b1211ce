"""What is drawn anew for each epoch, a pure function of (seed, epoch)."""

from typing import NamedTuple

import numpy as np

from recsys.data.batches.sequences import Rows
from recsys.data.dataset import Dataset
from recsys.data.queries import ranges


class Draw(NamedTuple):
    """What one epoch draws before it begins.

    Attributes:
        epoch: its number.
        items, weights: of each event, in the epoch's order; int32 and float32.
        moments: int64 [events], where what an event is predicted from ends.
        begins: int64 [rows], where each row begins.
        contexts: int64 [rows], its first events, which are history alone.
    """

    epoch: int
    items: np.ndarray
    weights: np.ndarray
    moments: np.ndarray
    begins: np.ndarray
    contexts: np.ndarray


class Draws:
    """Draws the order of sets, the splits of moments and the crops of rows.

    Args:
        dataset: where the events are.
        rows: see :func:`recsys.data.batches.sequences.cut_rows`.
        moments: int64 [events], where the moment of each event begins.
        fitted_ends: int64 [users], where the fitted events of each user end.
        seed: of everything drawn.
        crop, split_moments: see :class:`recsys.data.batches.training_batches.TrainingBatches`.
    """

    def __init__(
        self,
        dataset: Dataset,
        rows: Rows,
        moments: np.ndarray,
        fitted_ends: np.ndarray,
        seed: int,
        crop: float,
        split_moments: float,
    ) -> None:
        self._dataset = dataset
        self._rows = rows
        self._moments = moments
        self._fitted_ends = fitted_ends
        self._seed = seed
        self._crop = crop
        self._split_moments = split_moments
        begins = np.flatnonzero(moments == np.arange(len(moments)))
        sizes = np.diff(np.append(begins, len(moments)))
        self._large_begins, self._large_sizes = begins[sizes > 1], sizes[sizes > 1]

    def draw(self, epoch: int) -> Draw:
        """Draws an epoch.

        Args:
            epoch: its number, from 0.
        """
        order, moments = None, self._moments
        if not self._dataset.manifest.has_order:
            order = self._shuffle(np.random.default_rng([self._seed, epoch, 1]))
        elif self._split_moments and len(self._large_begins):
            order, moments = self._split(np.random.default_rng([self._seed, epoch, 4]))
        items, weights = self._dataset.event_items, self._dataset.event_weights
        if order is not None:
            items, weights = items[order], weights[order]
        begins, contexts = self._rows.begins, self._rows.contexts
        if self._crop:
            begins, contexts = self._cropped(np.random.default_rng([self._seed, epoch, 3]))
        return Draw(epoch, items, weights, moments, begins, contexts)

    def _shuffle(self, generator: np.random.Generator) -> np.ndarray:
        """A new order of the events within each user."""
        counts = np.diff(self._dataset.user_offsets)
        keys = generator.random(self._dataset.events)
        # Parts stay apart: an event after the fitted parts must not move before their end.
        later = np.arange(self._dataset.events) >= np.repeat(self._fitted_ends, counts)
        users = np.repeat(np.arange(len(counts)), counts)
        return np.lexsort((keys, later, users))

    def _split(self, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Cuts some moments in two, at random: their order, and where the halves begin."""
        chosen = generator.random(len(self._large_begins)) < self._split_moments
        begins, sizes = self._large_begins[chosen], self._large_sizes[chosen]
        events = ranges(begins, begins + sizes)
        order = np.arange(self._dataset.events)
        order[events] = events[np.lexsort((generator.random(len(events)), self._moments[events]))]
        cuts = np.repeat(begins + generator.integers(1, sizes), sizes)
        moments = np.array(self._moments)
        moments[events] = np.where(events < cuts, moments[events], cuts)
        return order, moments

    def _cropped(self, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Where rows begin, and how much of them is history alone, once some are cropped."""
        rows = self._rows
        chosen = generator.random(len(rows.begins)) < self._crop
        # One event is left to read and one to predict (none, if they share a moment).
        longest = rows.ends - rows.begins - 2
        shifts = generator.integers(1, np.maximum(longest, 1), endpoint=True)
        shifts = np.where(chosen & (longest > 0), shifts, 0)
        contexts = np.where(shifts > 0, np.maximum(rows.contexts - shifts, 1), rows.contexts)
        return rows.begins + shifts, contexts
