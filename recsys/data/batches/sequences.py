"""Users' events cut into the rows of training batches."""

from typing import NamedTuple

import numpy as np


class Rows(NamedTuple):
    """Rows of events: what is read, and which events it predicts.

    The events ``[begins, ends)`` of a row are read but for the last. The events
    ``[target_begins, target_ends)`` are predicted: those of the moments that begin
    among what the row reads and the row before does not predict. Of a moment that
    does not fit, the end is predicted but not read.

    Attributes:
        users: int64 [rows].
        begins, ends: int64 [rows], at most ``max_events`` + 1 apart.
        contexts: int64 [rows], the first events, which are history alone: the
            row before predicts them.
        target_begins, target_ends: int64 [rows].
    """

    users: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    contexts: np.ndarray
    target_begins: np.ndarray
    target_ends: np.ndarray


def cut_rows(
    begins: np.ndarray,
    ends: np.ndarray,
    moments: np.ndarray,
    max_events: int,
    stride: int,
) -> Rows:
    """Cuts users' events into rows that end ``stride`` events apart.

    The last row of a user is full (``max_events`` of history for its last
    moment), the first one takes what remains.

    Args:
        begins, ends: int64 [users], the events of each user.
        moments: int64 [events], where the moment of each event begins; never
            falls, and never leaves the user.
        max_events: events of history that a row holds, at most.
        stride: in [1, ``max_events``].

    Returns:
        Rows in which every event is predicted once.
    """
    # Events of one moment are predicted at its first, so that is where the user ends.
    last_moments = np.where(ends > begins, moments[np.maximum(ends - 1, 0)] + 1, begins)
    counts = last_moments - begins
    beyond_one_row = np.maximum(counts - max_events - 1, 0)
    rows_of_user = np.where(counts > 0, 1 + -(-beyond_one_row // stride), 0)
    users = np.repeat(np.arange(len(counts)), rows_of_user)
    first_row = np.repeat(np.cumsum(rows_of_user) - rows_of_user, rows_of_user)
    place = np.arange(len(users)) - first_row
    after = rows_of_user[users] - 1 - place
    row_ends = last_moments[users] - after * stride
    row_begins = np.maximum(row_ends - max_events - 1, begins[users])
    contexts = np.where(place > 0, row_ends - stride - row_begins, 0)
    target_begins = np.searchsorted(moments, row_begins + contexts)
    target_ends = np.searchsorted(moments, row_ends)
    # In the middle of a large moment no other begins, and nothing is predicted.
    kept = target_ends > target_begins
    return Rows(
        users=users[kept],
        begins=row_begins[kept],
        ends=np.minimum(target_ends, row_begins + max_events + 1)[kept],
        contexts=contexts[kept],
        target_begins=target_begins[kept],
        target_ends=target_ends[kept],
    )
