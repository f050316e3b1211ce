"""Epoch order and batches, a pure function of (seed, epoch, step)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from recsys.data.dataset import Dataset, Part, ranges
from recsys.data.draws import Draw, Draws
from recsys.data.histories import elapsed, slices, whole_seconds
from recsys.data.rows import Rows, cut_rows

SMALLEST_WIDTH = 4
# Sizes between one power of two and the next, so that epochs share compiled shapes.
SIZES = 8


@dataclass(frozen=True)
class Run:
    """Consecutive steps whose batches have the same shape.

    Attributes:
        first_step: number of its first step in the epoch.
        rows: int64 [steps, batch_size], row numbers; -1 fills the last batch
            of a width up.
        width: events a row.
        queries: room for the positions of a batch that predict something.
        predictions: room for its predicted events.
    """

    first_step: int
    rows: np.ndarray
    width: int
    queries: int
    predictions: int


class TrainingBatches:
    """Every event of the fitted parts, once an epoch, with what preceded it.

    A user's events are cut into rows of at most ``max_events`` + 1 events. A
    row's events are its targets and, but for the last, its history: position 0
    (empty history) predicts the user's very first event; a row that continues
    a longer history repeats the last events before it, as history alone.

    Events of one moment, such as a basket, are predicted together from what
    happened before it, as they are when a model is evaluated: their order in the
    log says nothing. So that what is bought together is learned too, some moments
    are split in two at random, the second part after the first.

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
        split_moments: share of the moments of several events that are split, anew
            each epoch.
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
        split_moments: float = 0.0,
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
        # A set has no moments: its events are predicted one by one.
        apart = dataset.manifest.has_order and not whole_rows
        moments = np.asarray(dataset.history_ends) if apart else np.arange(dataset.events)
        stride = max_events - round(overlap * (max_events - 1))
        self._rows = cut_rows(begins, ends, moments, max_events, stride)
        self._draws = Draws(dataset, self._rows, moments, ends, seed, crop, split_moments)
        self._alone = bool((moments == np.arange(dataset.events)).all())
        self._history_end = None if whole_rows else -1
        self.max_width = max_events + 1
        self.widths = _widths(self.max_width)
        self._width_of_row = np.searchsorted(self.widths, self._rows.ends - self._rows.begins)
        self._predictions = self._rows.target_ends - self._rows.target_begins
        counts = np.bincount(self._width_of_row, minlength=len(self.widths))
        self.steps_per_epoch = int(np.sum(-(-counts // batch_size)))
        self.events_per_epoch = int(np.sum(self._predictions))

    def runs(self, epoch: int, steps_per_run: int, draw: Draw) -> Iterator[Run]:
        """The epoch's steps in order, grouped by shape.

        Args:
            epoch: number of the epoch, from 0.
            steps_per_run: steps of a run; what is left over of a width comes
                in runs of one step.
            draw: what :meth:`draw` returned for the epoch.
        """
        queries = self._queries(draw.moments)
        generator = np.random.default_rng([self.seed, epoch])
        runs: list[tuple[tuple[int, int, int], np.ndarray]] = []
        for index, width in enumerate(self.widths):
            rows = generator.permutation(np.flatnonzero(self._width_of_row == index))
            if not len(rows):
                continue
            missing = -len(rows) % self.batch_size
            batches = np.append(rows, np.full(missing, -1)).reshape(-1, self.batch_size)
            shape = (width, _fullest(queries, batches), _fullest(self._predictions, batches))
            whole = len(batches) // steps_per_run * steps_per_run
            grouped = batches[:whole].reshape(-1, steps_per_run, self.batch_size)
            runs += [(shape, run) for run in (*grouped, *batches[whole:, None])]
        step = 0
        for index in generator.permutation(len(runs)):
            shape, rows = runs[index]
            yield Run(step, rows, *shape)
            step += len(rows)

    def draw(self, epoch: int) -> Draw:
        """The epoch's order of events, splits of moments and crops.

        Args:
            epoch: number of the epoch, from 0.
        """
        return self._draws.draw(epoch)

    def _queries(self, moments: np.ndarray) -> np.ndarray:
        """Moments that each row predicts, at most."""
        begins_moment = moments == np.arange(len(moments))
        before = np.concatenate(([0], np.cumsum(begins_moment)))
        return before[self._rows.target_ends] - before[self._rows.target_begins]

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
            ``weights`` float32 [P], 0 beyond the last prediction; if events
            share moments, ``positions`` are those of the moments, int32 [Q], and
            ``moment`` int32 [P] says which of them predicts an event; ``user``
            int32 [batch], -1 for an empty row; ``user_feature.<name>``; and if
            asked for ``history_times`` int32 [batch, width - 1], seconds since
            the row's first event.
        """
        # An empty row, number -1, reads and predicts nothing.
        numbers, width = run.rows[step], run.width
        rows = Rows(*(np.where(numbers >= 0, each[numbers], 0) for each in self._rows))
        begins = np.where(numbers >= 0, draw.begins[numbers], 0)
        row_items, lengths = slices(draw.items, begins, rows.ends, width)
        history = row_items[:, : self._history_end]
        events = ranges(rows.target_begins, rows.target_ends)
        row_of_event = np.repeat(np.arange(len(numbers)), rows.target_ends - rows.target_begins)
        # A cut beyond what the row reads is moved to its end.
        last = rows.ends[row_of_event] - 1
        columns = np.minimum(draw.moments[events], last) - begins[row_of_event]
        predicted = columns >= draw.contexts[numbers][row_of_event]
        # There is one position more than events of history: the start.
        positions = (row_of_event * (history.shape[1] + 1) + columns)[predicted]
        missing = (0, run.predictions - len(positions))
        moments = {}
        if not self._alone:
            begins_moment = np.diff(positions, prepend=-1) > 0
            moments["moment"] = np.pad(np.cumsum(begins_moment, dtype=np.int32) - 1, missing)
            positions = positions[begins_moment]
        users = np.where(numbers >= 0, rows.users, -1).astype(np.int32)
        batch = {
            "history": history,
            "positions": np.pad(positions.astype(np.int32), (0, run.queries - len(positions))),
            **moments,
            "targets": np.pad(draw.items[events[predicted]], missing),
            "weights": np.pad(draw.weights[events[predicted]], missing),
            "user": users,
        }
        if self._history_end is None:
            batch["length"] = lengths
        for name, values in self._features.items():
            batch[f"user_feature.{name}"] = values[users]
        if self._times is not None:
            row_times, _ = slices(self._times, begins, rows.ends, width)
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


def _fullest(counts: np.ndarray, batches: np.ndarray) -> int:
    """Room for the fullest of the batches (row numbers, -1: none), rounded up."""
    fullest = int(np.where(batches >= 0, counts[batches], 0).sum(axis=1).max())
    grain = max(1, (1 << (fullest - 1).bit_length()) // (2 * SIZES))
    return -(-fullest // grain) * grain
