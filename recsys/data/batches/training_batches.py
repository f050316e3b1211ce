"""Epoch order and batches, a pure function of (seed, epoch, step)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recsys.data.batches.epoch_sampler import Draw, Draws
from recsys.data.batches.histories import seconds_since, whole_seconds
from recsys.data.batches.packing import Buckets, Layout, Layouts, PackedLanes
from recsys.data.batches.sequences import Rows, cut_rows
from recsys.data.dataset import Dataset, Part
from recsys.data.queries import ranges

# Room is made for so many standard deviations above the mean: one step in millions needs more.
DEVIATIONS = 5
# Room is a multiple of what a vector instruction takes.
ALIGNMENT = 8


@dataclass(frozen=True)
class Run:
    """Consecutive steps whose batches have the same shape.

    Attributes:
        first_step: number of its first step in the epoch.
        layout: where the rows of its steps lie.
        queries: room for the positions of a batch that predict something.
        predictions: room for its predicted events.
    """

    first_step: int
    layout: Layout
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

    Little of a batch is padding: rows are packed one after the other, or share
    batches with rows of similar length (see :mod:`recsys.data.batches.packing`). What a
    batch predicts is listed apart: losses see real events only.

    Logs without an order are shuffled within each user, anew each epoch.

    Args:
        dataset: where the events are.
        last_part: ``train``, or ``validation`` to fit on both.
        max_events: events of history that the query tower reads.
        batch_size: rows a batch; on average, if they are packed.
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
        packed: whether a lane of a batch may hold several rows, for an encoder that
            keeps them apart.
        shares: what the first size of every array of a batch, but for the rows'
            own and the negatives, can be divided by.

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
        packed: bool = False,
        shares: int = 1,
    ) -> None:
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
        self._whole_rows = whole_rows
        self._packed = packed
        self._shares = shares
        self._predictions = self._rows.target_ends - self._rows.target_begins
        lengths = self._rows.ends - self._rows.begins + whole_rows
        self._layouts: Layouts = (PackedLanes if packed else Buckets)(lengths, batch_size, shares)
        self.steps_per_epoch = self._layouts.steps_per_epoch
        self.events_per_epoch = int(np.sum(self._predictions))

    def runs(self, draw: Draw, steps_per_run: int) -> Iterator[Run]:
        """The epoch's steps in order, grouped by shape.

        Args:
            draw: what :meth:`draw` returned for the epoch.
            steps_per_run: steps of a run; what is left over of a shape comes
                in runs of one step.
        """
        queries = self._queries(draw.moments)
        generator = self._generator(draw.epoch)
        runs: list[tuple[Layout, int, int]] = []
        for layout in self._layouts.draw(generator):
            for_queries, for_predictions = self._usual_rooms[layout.width]
            for_queries = self._enough(for_queries, queries, layout)
            for_predictions = self._enough(for_predictions, self._predictions, layout)
            runs += [(part, for_queries, for_predictions) for part in layout.parts(steps_per_run)]
        step = 0
        for index in generator.permutation(len(runs)):
            yield Run(step, *runs[index])
            step += len(runs[index][0].rows)

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

    @cached_property
    def _usual_rooms(self) -> dict[int, tuple[int, int]]:
        """By a layout's width, the room for queries and for predictions that nearly any step needs.

        It follows from the first epoch's draw, so that all epochs have the same shapes, compiled
        once.
        """
        queries = self._queries(self.draw(0).moments)
        return {
            layout.width: (self._room(queries, layout), self._room(self._predictions, layout))
            for layout in self._layouts.draw(self._generator(0))
        }

    def _room(self, counts: np.ndarray, layout: Layout) -> int:
        by_lane = _by_lane(counts, layout)
        lanes = min(layout.lanes, len(by_lane))
        usual = by_lane.mean() * lanes + DEVIATIONS * by_lane.std() * lanes**0.5
        return min(self._aligned(usual), self._ample(_by_step(counts, layout), layout))

    def _enough(self, usual: int, counts: np.ndarray, layout: Layout) -> int:
        sums = _by_step(counts, layout)
        return usual if sums.max() <= usual else self._ample(sums, layout)

    def _ample(self, sums: np.ndarray, layout: Layout) -> int:
        """A place a cell; a row may predict more events than it has cells, all of one moment."""
        return max(layout.lanes * layout.width, self._aligned(sums.max()))

    def _aligned(self, room: float) -> int:
        grain = ALIGNMENT * self._shares
        return -(-math.ceil(room) // grain) * grain

    def _generator(self, epoch: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, epoch])

    def batch(self, run: Run, step: int, draw: Draw) -> dict[str, np.ndarray]:
        """Assembles one batch of P predictions.

        Args:
            run: where it belongs.
            step: which of the run's steps it is, from 0.
            draw: what :meth:`draw` returned for the epoch.

        Returns:
            ``history`` int32 [lanes, width - 1], right-padded with 0, and of whole
            rows their ``length`` int32 [lanes]; if asked for ``history_times`` of
            the same shape, seconds since the row's first event.

            Of packed rows both are [lanes, width], with 0 before the first event of
            each row, ``row`` int32 says whose each position is (-1: nobody's) and
            ``place`` int32 how many events of the row are before it.

            ``positions`` int32 [P], where in the flattened positions of all lanes
            (without packing, one more than events of history) each prediction is
            made; ``targets`` int32 [P] and ``weights`` float32 [P], 0 beyond the
            last prediction; if events share moments, ``positions`` are those of the
            moments, int32 [Q], and ``moment`` int32 [P] says which of them predicts
            an event; ``user`` int32 [rows], -1 for an empty row; and
            ``user_feature.<name>``.
        """
        layout = run.layout
        numbers = layout.rows[step]
        # What fills the step up comes last, reads nothing and predicts nothing.
        numbers = numbers[numbers >= 0]
        rows = Rows(*(each[numbers] for each in self._rows))
        begins = draw.begins[numbers]
        # The cell of the flattened lanes that each row begins in.
        origins = layout.row_lanes[step, : len(numbers)] * layout.width
        origins = origins + layout.columns[step, : len(numbers)]
        batch = self._histories(layout, rows, begins, origins, draw)
        events = ranges(rows.target_begins, rows.target_ends)
        row_of_event = np.repeat(np.arange(len(numbers)), rows.target_ends - rows.target_begins)
        # A cut beyond what the row reads is moved to its end.
        last = rows.ends[row_of_event] - 1
        columns = np.minimum(draw.moments[events], last) - begins[row_of_event]
        predicted = columns >= draw.contexts[numbers][row_of_event]
        positions = (origins[row_of_event] + columns)[predicted]
        missing = (0, run.predictions - len(positions))
        if not self._alone:
            begins_moment = np.diff(positions, prepend=-1) != 0
            batch["moment"] = np.pad(np.cumsum(begins_moment, dtype=np.int32) - 1, missing)
            positions = positions[begins_moment]
        users = np.full(layout.rows.shape[1], -1, dtype=np.int32)
        users[: len(numbers)] = rows.users
        batch |= {
            "positions": np.pad(positions.astype(np.int32), (0, run.queries - len(positions))),
            "targets": np.pad(draw.items[events[predicted]], missing),
            "weights": np.pad(draw.weights[events[predicted]], missing),
            "user": users,
        }
        for name, values in self._features.items():
            batch[f"user_feature.{name}"] = values[users]
        return batch

    def _histories(
        self, layout: Layout, rows: Rows, begins: np.ndarray, origins: np.ndarray, draw: Draw
    ) -> dict[str, np.ndarray]:
        """What the rows read: of each the start, and the events but for the last."""
        shape = (layout.lanes, layout.width)
        counts = rows.ends - begins + self._whole_rows
        row_of_position = np.repeat(np.arange(len(begins)), counts)
        places = ranges(np.zeros_like(counts), counts)
        cells = origins[row_of_position] + places
        reads = places > 0
        events = (begins[row_of_position] + places - 1)[reads]
        arrays = {"history": _filled(shape, 0, cells[reads], draw.items[events])}
        if self._times is not None:
            first = self._times[begins[row_of_position[reads]]]
            passed = seconds_since(whole_seconds(first), whole_seconds(self._times[events]))
            arrays["history_times"] = _filled(shape, 0, cells[reads], passed)
        if self._packed:
            return {
                **arrays,
                "row": _filled(shape, -1, cells, row_of_position),
                "place": _filled(shape, 0, cells, places),
            }
        # A lane is a row, which always begins with the start.
        arrays = {name: array[:, 1:] for name, array in arrays.items()}
        if self._whole_rows:
            arrays["length"] = np.zeros(layout.lanes, dtype=np.int32)
            arrays["length"][: len(counts)] = counts - 1
        return arrays


def _by_step(counts: np.ndarray, layout: Layout) -> np.ndarray:
    """The sums over the rows of each step."""
    return np.where(layout.rows >= 0, counts[layout.rows], 0).sum(axis=1)


def _by_lane(counts: np.ndarray, layout: Layout) -> np.ndarray:
    """The sums over the rows of each lane that holds any."""
    there = layout.rows >= 0
    lanes = (layout.row_lanes + layout.lanes * np.arange(len(there))[:, None])[there]
    rows = np.bincount(lanes)
    return np.bincount(lanes, weights=counts[layout.rows[there]])[rows > 0]


def _filled(
    shape: tuple[int, int], value: int, cells: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """int32 matrix of one value but for some cells, counted row by row."""
    matrix = np.full(shape, value, dtype=np.int32)
    matrix.reshape(-1)[cells] = values
    return matrix
