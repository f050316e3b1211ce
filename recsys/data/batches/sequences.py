"""Users' events cut into the sequences of training batches."""

from typing import NamedTuple

import numpy as np


class Sequences(NamedTuple):
    """Sequences of events: what is read, and which events each predicts.

    The events ``[begins, ends)`` of a sequence are read but for the last. The events
    ``[target_begins, target_ends)`` are predicted: those of the timestamp groups that begin
    among what the sequence reads and the sequence before it does not predict. Of a group that
    does not fit, the end is predicted but not read.

    Attributes:
        users: int64 [sequences].
        begins, ends: int64 [sequences], at most ``max_events`` + 1 apart.
        contexts: int64 [sequences], how many of the first events are history alone: the
            sequence before predicts them.
        target_begins, target_ends: int64 [sequences].
    """

    users: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    contexts: np.ndarray
    target_begins: np.ndarray
    target_ends: np.ndarray


def cut_sequences(
    begins: np.ndarray,
    ends: np.ndarray,
    group_begins: np.ndarray,
    max_events: int,
    stride: int,
) -> Sequences:
    """Cuts users' events into sequences that end ``stride`` events apart.

    The last sequence of a user is full (``max_events`` of history for the last timestamp
    group), the first one takes what remains.

    Args:
        begins, ends: int64 [users], the events of each user.
        group_begins: int64 [events], where the timestamp group of each event begins; never
            falls, and never leaves the user.
        max_events: events of history that a sequence holds, at most.
        stride: in [1, ``max_events``].

    Returns:
        Sequences in which every event is predicted once.

    A user has the events 0 to 4, each at a time of its own, and a history holds two at most. The
    first sequence reads 0 and 1 and predicts 0 to 2; the second reads 2 and 3, the former as
    context, and predicts 3 and 4.

    >>> found = cut_sequences(np.array([0]), np.array([5]), np.arange(5), max_events=2, stride=2)
    >>> found.begins.tolist(), found.ends.tolist(), found.contexts.tolist()
    ([0, 2], [3, 5], [0, 1])
    >>> found.target_begins.tolist(), found.target_ends.tolist()
    ([0, 3], [3, 5])
    """
    # Events of one group are predicted at its first, so that is where the user ends.
    last_groups = np.where(ends > begins, group_begins[np.maximum(ends - 1, 0)] + 1, begins)
    counts = last_groups - begins
    beyond_one = np.maximum(counts - max_events - 1, 0)
    sequences_of_user = np.where(counts > 0, 1 + -(-beyond_one // stride), 0)
    users = np.repeat(np.arange(len(counts)), sequences_of_user)
    first = np.repeat(np.cumsum(sequences_of_user) - sequences_of_user, sequences_of_user)
    number = np.arange(len(users)) - first
    after = sequences_of_user[users] - 1 - number
    sequence_ends = last_groups[users] - after * stride
    sequence_begins = np.maximum(sequence_ends - max_events - 1, begins[users])
    contexts = np.where(number > 0, sequence_ends - stride - sequence_begins, 0)
    target_begins = np.searchsorted(group_begins, sequence_begins + contexts)
    target_ends = np.searchsorted(group_begins, sequence_ends)
    # In the middle of a large group no other begins, and nothing is predicted.
    kept = target_ends > target_begins
    return Sequences(
        users=users[kept],
        begins=sequence_begins[kept],
        ends=np.minimum(target_ends, sequence_begins + max_events + 1)[kept],
        contexts=contexts[kept],
        target_begins=target_begins[kept],
        target_ends=target_ends[kept],
    )


class OldEvents(NamedTuple):
    """The events that a model which training continues from was fitted on.

    Attributes:
        ends: int64 [users], where those of each user end; what follows is new.
        share: of the sequences that predict old events, how many are trained on once more.
    """

    ends: np.ndarray
    share: float


def without_old_targets(
    sequences: Sequences,
    group_begins: np.ndarray,
    old: OldEvents,
    generator: np.random.Generator,
) -> Sequences:
    """Sequences that predict every new event, and a random share of the old ones.

    What a sequence reads stays: of a new event it is the whole history.

    Args:
        sequences: what :func:`cut_sequences` made of all events.
        group_begins: as there.
        old: which events are old, and how many of their sequences are kept.
        generator: of the choice.

    The user of :func:`cut_sequences` has a new event, 4. The sequence that predicts it reads what
    it did.

    >>> all_events = cut_sequences(np.array([0]), np.array([5]), np.arange(5), 2, 2)
    >>> old = OldEvents(np.array([4]), share=0.0)
    >>> found = without_old_targets(all_events, np.arange(5), old, np.random.default_rng(1))
    >>> found.begins.tolist(), found.ends.tolist(), found.contexts.tolist()
    ([2], [5], [2])
    >>> found.target_begins.tolist(), found.target_ends.tolist()
    ([4], [5])
    """
    kept = generator.random(len(sequences.users)) < old.share
    # A group that has grown is new: its events are predicted together.
    ends = old.ends[sequences.users]
    begins_new = np.where(
        ends < sequences.target_ends,
        group_begins[np.minimum(ends, len(group_begins) - 1)] if len(group_begins) else ends,
        sequences.target_ends,
    )
    target_begins = np.maximum(sequences.target_begins, begins_new)
    target_begins = np.where(kept, sequences.target_begins, target_begins)
    # Where the first predicted event stands is where history alone ends.
    moved = target_begins > sequences.target_begins
    reads = np.minimum(target_begins, sequences.ends - 1) - sequences.begins
    found = sequences._replace(
        contexts=np.where(moved, reads, sequences.contexts), target_begins=target_begins
    )
    predicts = found.target_ends > found.target_begins
    return Sequences(*(each[predicts] for each in found))
