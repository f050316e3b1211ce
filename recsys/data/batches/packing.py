"""Where the sequences of an epoch lie in the batches of its steps.

A step's batch is a matrix: so many lanes of the same width. A lane holds one sequence,
padded to its width, or several sequences one after the other.
"""

from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Protocol

import numpy as np

SMALLEST_WIDTH = 4


@dataclass(frozen=True)
class Placement:
    """Steps of the same shape, and where their sequences lie.

    Attributes:
        width: positions of a lane.
        lanes: lanes of a step.
        sequences: int64 [steps, sequences], numbers of sequences; -1 fills a step up.
        sequence_lanes: int64 [steps, sequences], the lane of each sequence.
        columns: int64 [steps, sequences], where in its lane each sequence begins.
    """

    width: int
    lanes: int
    sequences: np.ndarray
    sequence_lanes: np.ndarray
    columns: np.ndarray

    def parts(self, steps: int) -> list["Placement"]:
        """Placements of at most so many steps, all of the same number but for the last."""
        whole = len(self.sequences)
        each = -(-whole // -(-whole // steps))
        cuts = [*range(0, whole, each), whole]
        return [
            replace(
                self,
                sequences=self.sequences[begin:end],
                sequence_lanes=self.sequence_lanes[begin:end],
                columns=self.columns[begin:end],
            )
            for begin, end in pairwise(cuts)
        ]


class Packing(Protocol):
    """Places an epoch's sequences."""

    steps_per_epoch: int

    def place(self, generator: np.random.Generator) -> list[Placement]:
        """Places every sequence once, in an order of the generator's."""
        ...


class LengthBuckets:
    """One sequence a lane, beside sequences of similar length.

    Each sequence is padded to the longest of its bucket, so little work is padding. A step of
    long sequences has fewer lanes than one of short ones: all steps have about equally many
    positions. Were they equally many sequences, a step of short histories would move the weights
    as far as one of long ones, and each event of a short history count many times as much as
    one of a long history: the loss of a step is a mean over its events.

    Args:
        lengths: int64 [sequences], positions of each sequence.
        batch_size: sequences a step, on average.
        shares: what the number of lanes can be divided by.
        most_widths: widths at most, each of which is a shape to compile; None: as many as keep
            padding to about a sixth, and more only where a few sequences join longer ones.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        batch_size: int,
        shares: int = 1,
        most_widths: int | None = None,
    ) -> None:
        self._shares = shares
        widths = np.array(_widths(int(lengths.max(initial=1))))
        bucket_of_sequence = np.searchsorted(widths, lengths)
        positions = np.bincount(bucket_of_sequence, weights=lengths, minlength=len(widths))
        counts = np.bincount(bucket_of_sequence, minlength=len(widths))
        of_step = batch_size * positions.sum() / max(len(lengths), 1)
        joined = _joined(positions, of_step)
        if most_widths is not None:
            joined = _fewer(joined, counts, widths, most_widths)
        self._buckets = []
        for first, last in pairwise([-1, *joined]):
            numbers = np.flatnonzero((first < bucket_of_sequence) & (bucket_of_sequence <= last))
            if len(numbers):
                steps = round(positions[first + 1 : last + 1].sum() / of_step)
                steps = min(max(steps, 1), len(numbers))  # none without a sequence
                self._buckets.append((int(widths[last]), numbers, steps))
        self.steps_per_epoch = sum(steps for _, _, steps in self._buckets)

    def place(self, generator: np.random.Generator) -> list[Placement]:
        placements = []
        for width, numbers, steps in self._buckets:
            # Divided evenly: a step of the few that are left over would count as much as any.
            each = -(-len(numbers) // steps)
            lanes = -(-each // self._shares) * self._shares
            counts = len(numbers) // steps + (np.arange(steps) < len(numbers) % steps)
            sequences = np.full((steps, lanes), -1)
            sequences[np.arange(lanes) < counts[:, None]] = generator.permutation(numbers)
            columns = np.zeros_like(sequences)
            lane_of_sequence = np.broadcast_to(np.arange(lanes), sequences.shape)
            placements.append(Placement(width, lanes, sequences, lane_of_sequence, columns))
        return placements


class PackedSequences:
    """Sequences one after the other in lanes as wide as the longest, with hardly any padding.

    Which lengths share a lane is decided once, by longest-pack-first on the
    histogram of lengths (Krell et al., "Efficient Sequence Packing without
    Cross-contamination", 2021), in time that depends on the width alone; which
    sequences of these lengths, and which lanes share a step, is drawn anew each epoch.

    Args:
        lengths: int64 [sequences], positions of each sequence.
        batch_size: sequences a step, on average.
        shares: what the number of lanes can be divided by.
    """

    def __init__(self, lengths: np.ndarray, batch_size: int, shares: int = 1) -> None:
        self._lengths = lengths
        self._width = int(lengths.max(initial=1))
        self._slot_lanes, self._slot_columns, self._lanes = _pack(lengths, self._width)
        lanes = batch_size * self._lanes / max(len(lengths), 1)
        self._lanes_per_step = max(1, round(lanes / shares)) * shares
        self.steps_per_epoch = -(-self._lanes // self._lanes_per_step)
        # Room for the sequences of any lanes that may meet: every epoch has the same shape.
        by_lane = np.sort(np.bincount(self._slot_lanes, minlength=self._lanes))
        self._sequences_per_step = int(by_lane[-self._lanes_per_step :].sum())

    def place(self, generator: np.random.Generator) -> list[Placement]:
        if not self._lanes:
            return []
        # Slots come sorted by length; so must the sequences that take them.
        numbers = np.lexsort((generator.random(len(self._lengths)), self._lengths))
        lanes = generator.permutation(self._lanes)[self._slot_lanes]
        steps, lanes = np.divmod(lanes, self._lanes_per_step)
        order = np.lexsort((self._slot_columns, lanes, steps))
        counts = np.bincount(steps, minlength=self.steps_per_epoch)
        there = np.arange(self._sequences_per_step) < counts[:, None]
        table = np.full((3, *there.shape), -1)
        table[:, there] = np.stack([numbers, lanes, self._slot_columns])[:, order]
        return [Placement(self._width, self._lanes_per_step, *table)]


def _pack(lengths: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray, int]:
    """The lane and the column of each slot, slots sorted by length; and how many lanes."""
    left = np.bincount(lengths, minlength=width + 1)
    slots = []
    lanes = 0
    while left.any():
        pattern = _longest_fitting(left.copy(), width)
        uses = np.bincount(pattern, minlength=width + 1)
        copies = int((left[uses > 0] // uses[uses > 0]).min())
        left -= copies * uses
        columns = np.cumsum([0, *pattern[:-1]])
        slots += [
            np.stack([np.full(copies, length), np.arange(lanes, lanes + copies), [column] * copies])
            for length, column in zip(pattern, columns, strict=True)
        ]
        lanes += copies
    table = np.concatenate(slots, axis=1) if slots else np.zeros((3, 0), dtype=np.int64)
    table = table[:, np.argsort(table[0], kind="stable")]
    return table[1], table[2], lanes


def _longest_fitting(left: np.ndarray, width: int) -> list[int]:
    """Lengths that fill a lane, the longest that fits first."""
    pattern: list[int] = []
    while True:
        fitting = np.flatnonzero(left[: width + 1])
        if not len(fitting):
            return pattern
        pattern.append(int(fitting[-1]))
        left[fitting[-1]] -= 1
        width -= pattern[-1]


def _joined(positions: np.ndarray, of_step: float) -> list[int]:
    """Of the buckets that share steps the widest; none has fewer positions than half a step.

    Args:
        positions: of each bucket's sequences, from the shortest to the longest.
        of_step: positions that a step should have.
    """
    widest: list[int] = []
    begun = of_step
    for bucket in reversed(range(len(positions))):
        if begun >= of_step and positions[bucket]:
            widest.append(bucket)
            begun = 0.0
        begun += positions[bucket]
    # The shortest, if they are too few, join the next longer ones.
    if len(widest) > 1 and begun < of_step / 2:
        widest.pop()
    return widest[::-1]


def _fewer(widest: list[int], counts: np.ndarray, widths: np.ndarray, most: int) -> list[int]:
    """So many of them at most: those with which sequences are padded least."""
    if len(widest) <= most:
        return widest

    def padded(chosen: tuple[int, ...]) -> int:
        buckets = np.array([*chosen, widest[-1]])
        return int(np.sum(counts * widths[buckets[np.searchsorted(buckets, range(len(counts)))]]))

    counts = counts[: widest[-1] + 1]
    return [*min(combinations(widest[:-1], most - 1), key=padded), widest[-1]]


def _widths(longest: int) -> list[int]:
    """Widths that grow by a factor of √2 (so a sixth of a lane is padding) up to the largest."""
    steps = np.arange(2 * np.log2(max(longest / SMALLEST_WIDTH, 1)))
    return sorted({*np.round(SMALLEST_WIDTH * 2 ** (steps / 2)).astype(int).tolist(), longest})
