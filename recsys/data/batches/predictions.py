"""What the sequences of an epoch predict, and from where."""

from typing import NamedTuple

import numpy as np

from recsys.data.batches.sequences import Sequences
from recsys.data.queries import ranges


class Predictions(NamedTuple):
    """The predicted events of an epoch, sequence after sequence, and the queries they answer.

    A query is a position of a sequence at which something is predicted: the events of a timestamp
    group share one.

    Attributes:
        offsets: int64 [sequences + 1], each sequence's slice of the predictions.
        items, weights: int32 and float32 [predictions], what is predicted.
        queries: int32 [predictions], which of its sequence's queries predicts it, from 0.
        query_offsets: int64 [sequences + 1], each sequence's slice of the queries.
        columns: int32 [queries], the position within the sequence.
    """

    offsets: np.ndarray
    items: np.ndarray
    weights: np.ndarray
    queries: np.ndarray
    query_offsets: np.ndarray
    columns: np.ndarray


def predictions(
    sequences: Sequences,
    items: np.ndarray,
    weights: np.ndarray,
    group_begins: np.ndarray,
    begins: np.ndarray,
    contexts: np.ndarray,
) -> Predictions:
    """Lists what an epoch predicts; arguments as the epoch's sample has them.

    Args:
        sequences: see :func:`recsys.data.batches.sequences.cut_sequences`.
        items, weights: of each event, in the epoch's order.
        group_begins: int64 [events], where what an event is predicted from ends.
        begins: int64 [sequences], where each sequence begins.
        contexts: int64 [sequences], how many of its first events are history alone.

    One user has the events 0 to 3, of which 1 and 2 share a timestamp; all are predicted.

    >>> sequences = Sequences(*(np.array([n]) for n in (0, 0, 4, 0, 0, 4)))
    >>> found = predictions(sequences, np.array([7, 8, 9, 5]), np.ones(4), np.array([0, 1, 1, 3]),
    ...                     sequences.begins, sequences.contexts)
    >>> found.items.tolist(), found.queries.tolist(), found.columns.tolist()
    ([7, 8, 9, 5], [0, 1, 1, 2], [0, 1, 3])
    """
    events = ranges(sequences.target_begins, sequences.target_ends)
    of_event = np.repeat(np.arange(len(begins)), sequences.target_ends - sequences.target_begins)
    # A cut beyond what the sequence reads is moved to its end.
    columns = np.minimum(group_begins[events], sequences.ends[of_event] - 1) - begins[of_event]
    predicted = columns >= contexts[of_event]
    events, of_event, columns = events[predicted], of_event[predicted], columns[predicted]
    begins_query = (np.diff(columns, prepend=-1) != 0) | (np.diff(of_event, prepend=-1) != 0)
    query_offsets = _offsets(of_event[begins_query], len(begins))
    queries = np.cumsum(begins_query) - 1 - query_offsets[of_event]
    return Predictions(
        offsets=_offsets(of_event, len(begins)),
        items=items[events],
        weights=weights[events],
        queries=queries.astype(np.int32),
        query_offsets=query_offsets,
        columns=columns[begins_query].astype(np.int32),
    )


def _offsets(of_sequence: np.ndarray, sequences: int) -> np.ndarray:
    """int64 [sequences + 1]: the slices of what is listed sequence after sequence."""
    counts = np.bincount(of_sequence, minlength=sequences)
    return np.concatenate(([0], np.cumsum(counts)))
