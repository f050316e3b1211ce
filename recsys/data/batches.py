"""Epoch order and batches, a pure function of (seed, epoch, step)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from recsys.data.dataset import Dataset, Part
from recsys.data.histories import elapsed, slices, whole_seconds

SMALLEST_WIDTH = 4
# Shapes of a width's predictions, at most.
PREDICTION_GRAINS = 16


@dataclass(frozen=True)
class Run:
    """Consecutive steps whose batches have the same shape.

    Attributes:
        first_step: number of its first step in the epoch.
        rows: int64 [steps, batch_size], row numbers; -1 fills the last batch
            of a width up.
        width: events a row.
        predictions: room for the predicted events of a batch.
    """

    first_step: int
    rows: np.ndarray
    width: int
    predictions: int


class Draw(NamedTuple):
    """What one epoch draws before it begins.

    Attributes:
        items, weights: of each event, in the epoch's order; int32 and float32.
        begins: int64 [rows], where each row begins.
        contexts: int64 [rows], its first events, which are history alone.
    """

    items: np.ndarray
    weights: np.ndarray
    begins: np.ndarray
    contexts: np.ndarray


class TrainingBatches:
    """Every event of the fitted parts, once an epoch, with what preceded it.

    A user's events are cut into rows of at most ``max_events`` + 1 events. A
    row's events are its targets and, but for the last, its history: position 0
    (empty history) predicts the user's very first event; a row that continues
    a longer history repeats the last events before it, as history alone.

    Rows of similar length share batches: each is padded to the next of a few
    widths, so little work is padding and few shapes are compiled. What a batch
    predicts is listed apart from its padding: losses see real events only.

    Logs without an order are shuffled within each user, anew each epoch.

    Args:
        dataset: where the events are.
        last_part: ``train``, or ``validation`` to fit on both.
        max_events: events of history that the query tower reads.
        batch_size: rows a batch.
        seed: of everything drawn.
        user_features: names of the user features to add.
        overlap: share of ``max_events`` that a row repeats of the one before it,
            in [0, 1); at least one event. More gives targets more history, for
            more rows.
        crop: share of rows that, anew each epoch, begin at a random later event:
            their history is forgotten and what came before is not predicted.
        times: whether to add the times of the events.
        whole_rows: whether the history holds the row's last event too, for an
            encoder that predicts an event from all the others.

    Raises:
        InputError: times are asked of a dataset without them.
    """

    def __init__(
        self,
        dataset: Dataset,
        last_part: Part,
        max_events: int,
        batch_size: int,
        seed: int,
        *,
        user_features: tuple[str, ...] = (),
        overlap: float = 0.0,
        crop: float = 0.0,
        times: bool = False,
        whole_rows: bool = False,
    ) -> None:
        self.batch_size = batch_size
        self.seed = seed
        self._dataset = dataset
        self._features = {name: dataset.feature("user", name) for name in user_features}
        # A log with times has an order: they are never shuffled.
        self._times = dataset.event_times if times else None
        begins = np.asarray(dataset.user_offsets[:-1])
        _, ends = dataset.part_range(last_part)
        stride = max_events - round(overlap * (max_events - 1))
        cut = _cut(begins, ends, max_events, stride)
        self._users, self._begins, self._ends, self._contexts = cut
        self._crop = crop
        self._history_end = None if whole_rows else -1
        self._first_events = begins
        self.max_width = max_events + 1
        self.widths = _widths(self.max_width)
        lengths = self._ends - self._begins
        self._width_of_row = np.searchsorted(self.widths, lengths)
        self._predictions = lengths - self._contexts
        counts = np.bincount(self._width_of_row, minlength=len(self.widths))
        self.steps_per_epoch = int(np.sum(-(-counts // batch_size)))
        self.events_per_epoch = int(np.sum(self._predictions))

    def runs(self, epoch: int, steps_per_run: int) -> Iterator[Run]:
        """The epoch's steps in order, grouped by shape.

        Args:
            epoch: number of the epoch, from 0.
            steps_per_run: steps of a run; what is left over of a width comes
                in runs of one step.
        """
        generator = np.random.default_rng([self.seed, epoch])
        runs: list[tuple[int, int, np.ndarray]] = []
        for index, width in enumerate(self.widths):
            rows = generator.permutation(np.flatnonzero(self._width_of_row == index))
            if not len(rows):
                continue
            missing = -len(rows) % self.batch_size
            batches = np.append(rows, np.full(missing, -1)).reshape(-1, self.batch_size)
            room = self._room(batches, width)
            whole = len(batches) // steps_per_run * steps_per_run
            grouped = batches[:whole].reshape(-1, steps_per_run, self.batch_size)
            runs += [(width, room, run) for run in (*grouped, *batches[whole:, None])]
        step = 0
        for index in generator.permutation(len(runs)):
            width, room, rows = runs[index]
            yield Run(step, rows, width, room)
            step += len(rows)

    def _room(self, batches: np.ndarray, width: int) -> int:
        """Predictions of the fullest batch, rounded up so that epochs share compiled shapes."""
        fullest = int(np.where(batches >= 0, self._predictions[batches], 0).sum(axis=1).max())
        grain = max(1, self.batch_size * width // PREDICTION_GRAINS)
        return -(-fullest // grain) * grain

    def draw(self, epoch: int) -> Draw:
        """The epoch's order of events and its crops.

        Args:
            epoch: number of the epoch, from 0.
        """
        items, weights = self._events(epoch)
        if not self._crop:
            return Draw(items, weights, self._begins, self._contexts)
        generator = np.random.default_rng([self.seed, epoch, 3])
        cropped = generator.random(len(self._begins)) < self._crop
        # At least one event is left to predict, and one before it.
        longest = np.maximum(self._predictions - 2, 0)
        shifts = np.where(cropped, generator.integers(0, longest, endpoint=True) + 1, 0)
        shifts[self._predictions < 2] = 0
        contexts = np.where(shifts > 0, np.maximum(self._contexts - shifts, 1), self._contexts)
        return Draw(items, weights, self._begins + shifts, contexts)

    def _events(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
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

    def batch(self, run: Run, step: int, draw: Draw) -> dict[str, np.ndarray]:
        """Assembles one batch of P predictions.

        Args:
            run: where it belongs.
            step: which of the run's steps it is, from 0.
            draw: what :meth:`draw` returned for the epoch.

        Returns:
            ``history`` int32 [batch, width - 1], or of whole rows [batch, width]
            and their ``length`` int32 [batch], right-padded with 0; ``positions``
            int32 [P], where in the flattened positions, one more than events of
            history, each prediction is made; ``targets`` int32 [P] and
            ``weights`` float32 [P], 0 beyond the last prediction; ``user``
            int32 [batch], -1 for an empty row; ``user_feature.<name>``; and if
            asked for ``history_times`` int32 [batch, width - 1], seconds since
            the row's first event.
        """
        rows, width = run.rows[step], run.width
        real = rows >= 0
        begins = np.where(real, draw.begins[rows], 0)
        ends = np.where(real, self._ends[rows], 0)
        row_items, lengths = slices(draw.items, begins, ends, width)
        row_weights, _ = slices(draw.weights, begins, ends, width)
        columns = np.arange(width)
        predicted = (columns < lengths[:, None]) & (columns >= draw.contexts[rows][:, None])
        history = row_items[:, : self._history_end]
        # There is one position more than events of history: the start.
        grid = np.zeros((len(rows), history.shape[1] + 1), dtype=bool)
        grid[:, :width] = predicted
        positions = np.flatnonzero(grid)
        missing = (0, run.predictions - len(positions))
        users = np.where(real, self._users[rows], -1).astype(np.int32)
        batch = {
            "history": history,
            "positions": np.pad(positions.astype(np.int32), missing),
            "targets": np.pad(row_items[predicted], missing),
            "weights": np.pad(row_weights[predicted], missing),
            "user": users,
        }
        if self._history_end is None:
            batch["length"] = lengths
        for name, values in self._features.items():
            batch[f"user_feature.{name}"] = values[users]
        if self._times is not None:
            row_times, _ = slices(self._times, begins, ends, width)
            batch["history_times"] = elapsed(whole_seconds(row_times), lengths)[
                :, : self._history_end
            ]
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
    begins: np.ndarray, ends: np.ndarray, max_events: int, stride: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Cuts users' events into rows that end ``stride`` events apart.

    The last row of a user is full (``max_events`` of history for its last
    target), the first one takes what remains.

    Returns:
        user, begin, end, and events that the row before it predicts, of every row.
    """
    counts = ends - begins
    beyond_one_row = np.maximum(counts - max_events - 1, 0)
    rows_of_user = np.where(counts > 0, 1 + -(-beyond_one_row // stride), 0)
    users = np.repeat(np.arange(len(counts)), rows_of_user)
    first_row = np.repeat(np.cumsum(rows_of_user) - rows_of_user, rows_of_user)
    place = np.arange(len(users)) - first_row
    after = rows_of_user[users] - 1 - place
    row_ends = ends[users] - after * stride
    row_begins = np.maximum(row_ends - max_events - 1, begins[users])
    contexts = np.where(place > 0, row_ends - stride - row_begins, 0)
    return users, row_begins, row_ends, contexts
