"""Epoch order and batches, a pure function of (seed, epoch, step)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from recsys.data.dataset import Dataset, Part
from recsys.data.histories import slices

SMALLEST_WIDTH = 8


@dataclass(frozen=True)
class Run:
    """Consecutive steps whose batches have the same shape.

    Attributes:
        first_step: number of its first step in the epoch.
        rows: int64 [steps, batch_size], row numbers; -1 fills the last batch
            of a width up.
        width: events a row.
    """

    first_step: int
    rows: np.ndarray
    width: int


class TrainingBatches:
    """Every event of the fitted parts, once an epoch, with what preceded it.

    A user's events are cut into rows of at most ``max_events`` + 1 events. A
    row's events are its targets and, but for the last, its history: position 0
    (empty history) predicts the user's very first event; a row that continues
    a longer history repeats the event before it and predicts from position 1.

    Rows of similar length share batches: each is padded to the next of a few
    widths (powers of two), so little work is padding and few shapes are compiled.

    Logs without an order are shuffled within each user, anew each epoch.

    Args:
        dataset: where the events are.
        last_part: ``train``, or ``validation`` to fit on both.
        max_events: events of history that the query tower reads.
        batch_size: rows a batch.
        seed: of everything drawn.
        user_features: names of the user features to add.
    """

    def __init__(
        self,
        dataset: Dataset,
        last_part: Part,
        max_events: int,
        batch_size: int,
        seed: int,
        user_features: tuple[str, ...] = (),
    ) -> None:
        self.batch_size = batch_size
        self.seed = seed
        self._dataset = dataset
        self._features = {name: dataset.feature("user", name) for name in user_features}
        begins = np.asarray(dataset.user_offsets[:-1])
        _, ends = dataset.part_range(last_part)
        self._users, self._begins, self._ends, self._continues = _cut(begins, ends, max_events)
        self._first_events = begins
        self.max_width = max_events + 1
        self.widths = _widths(self.max_width)
        lengths = self._ends - self._begins
        self._width_of_row = np.searchsorted(self.widths, lengths)
        counts = np.bincount(self._width_of_row, minlength=len(self.widths))
        self.steps_per_epoch = int(np.sum(-(-counts // batch_size)))
        self.events_per_epoch = int(np.sum(lengths - self._continues))

    def runs(self, epoch: int, steps_per_run: int) -> Iterator[Run]:
        """The epoch's steps in order, grouped by shape.

        Args:
            epoch: number of the epoch, from 0.
            steps_per_run: steps of a run; what is left over of a width comes
                in runs of one step.
        """
        generator = np.random.default_rng([self.seed, epoch])
        runs: list[tuple[int, np.ndarray]] = []
        for index, width in enumerate(self.widths):
            rows = generator.permutation(np.flatnonzero(self._width_of_row == index))
            if not len(rows):
                continue
            missing = -len(rows) % self.batch_size
            batches = np.append(rows, np.full(missing, -1)).reshape(-1, self.batch_size)
            whole = len(batches) // steps_per_run * steps_per_run
            runs += [
                (width, run) for run in batches[:whole].reshape(-1, steps_per_run, self.batch_size)
            ]
            runs += [(width, batch[None]) for batch in batches[whole:]]
        step = 0
        for index in generator.permutation(len(runs)):
            width, rows = runs[index]
            yield Run(step, rows, width)
            step += len(rows)

    def epoch_events(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Item (int32) and weight (float32) of each event, in the epoch's order."""
        items, weights = self._dataset.event_items, self._dataset.event_weights
        if self._dataset.manifest.has_order:
            return items, weights
        generator = np.random.default_rng([self.seed, epoch, 1])
        counts = np.diff(np.append(self._first_events, self._dataset.events))
        keys = generator.random(self._dataset.events)
        # Parts stay apart: an event after the fitted parts must not move before their end.
        later = np.arange(self._dataset.events) >= np.repeat(self._fitted_ends(), counts)
        users = np.repeat(np.arange(len(counts)), counts)
        order = np.lexsort((keys, later, users))
        return items[order], weights[order]

    def _fitted_ends(self) -> np.ndarray:
        ends = np.array(self._first_events)
        np.maximum.at(ends, self._users, self._ends)
        return ends

    def batch(
        self, rows: np.ndarray, width: int, events: tuple[np.ndarray, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Assembles one batch.

        Args:
            rows: int64 [batch_size], row numbers, -1 for an empty row.
            width: events a row.
            events: what :meth:`epoch_events` returned.

        Returns:
            ``history`` int32 [batch, width - 1], ``targets`` int32 and
            ``weights`` float32 [batch, width], 0 where nothing is predicted,
            ``user`` int32 [batch], -1 for an empty row, ``user_feature.<name>``.
        """
        items, event_weights = events
        real = rows >= 0
        begins = np.where(real, self._begins[rows], 0)
        ends = np.where(real, self._ends[rows], 0)
        targets, _ = slices(items, begins, ends, width)
        weights, _ = slices(event_weights, begins, ends, width)
        weights[self._continues[rows] & real, 0] = 0.0
        users = np.where(real, self._users[rows], -1).astype(np.int32)
        batch = {"history": targets[:, :-1], "targets": targets, "weights": weights, "user": users}
        for name, values in self._features.items():
            batch[f"user_feature.{name}"] = values[users]
        return batch


def _widths(largest: int) -> list[int]:
    """Powers of two below the largest width, and that."""
    widths = []
    width = SMALLEST_WIDTH
    while width < largest:
        widths.append(width)
        width *= 2
    return [*widths, largest]


def _cut(
    begins: np.ndarray, ends: np.ndarray, max_events: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Cuts users' events into rows.

    The last row of a user is full (``max_events`` of history for its last
    target), the first one takes what remains.

    Returns:
        user, begin, end and "continues an earlier row" of every row.
    """
    counts = ends - begins
    # A first row predicts up to max_events + 1 events, every later one max_events.
    rows_of_user = np.where(counts > 0, 1 + np.maximum(counts - 2, 0) // max_events, 0)
    users = np.repeat(np.arange(len(counts)), rows_of_user)
    first_row = np.repeat(np.cumsum(rows_of_user) - rows_of_user, rows_of_user)
    after = rows_of_user[users] - 1 - (np.arange(len(users)) - first_row)
    row_ends = ends[users] - after * max_events
    row_begins = np.maximum(row_ends - max_events - 1, begins[users])
    continues = np.arange(len(users)) > first_row
    return users, row_begins, row_ends, continues
