"""What each position of a lane may look at, and how far back it is.

Legend of shapes: B lanes, L positions, Q of them that ask.
"""

from typing import Any, NamedTuple

from keras import ops

TIME_BUCKETS = 32
# Bucket b of the time between two events begins at 2^b - 1 seconds; the last one, 31, at 68 years.
_BUCKET_BEGINS = [2.0**bucket - 1.0 for bucket in range(1, TIME_BUCKETS)]


class Lanes(NamedTuple):
    """What lanes hold beside vectors.

    Attributes:
        segment_ids_BL: int32, the sequence that a position belongs to; None: each lane is one.
        times_BL: int32, seconds since the first event of the sequence; None: they are not read.
    """

    segment_ids_BL: Any = None
    times_BL: Any = None


class Past(NamedTuple):
    """Of some positions, the queries, what each may look at.

    Attributes:
        visible_BQL: bool [B or 1, Q, L], whether the second position is of the first's sequence
            and not later.
        distances_QL: int32, how many positions lie between them; 0 where the second is later.
        buckets_BQL: int32, the bucket of the time between them, see :func:`time_buckets`; None:
            times are not read.
    """

    visible_BQL: Any
    distances_QL: Any
    buckets_BQL: Any = None


def past_of(queries_Q, length: int, lanes: Lanes) -> Past:
    """The past of some positions.

    Args:
        queries_Q: int32, the positions.
        length: L.
        lanes: what the lanes hold.
    """
    steps_L = ops.arange(length)
    visible_BQL = (queries_Q[:, None] >= steps_L[None, :])[None]
    if lanes.segment_ids_BL is not None:
        of_queries_BQ = ops.take(lanes.segment_ids_BL, queries_Q, axis=1)
        same_BQL = of_queries_BQ[:, :, None] == lanes.segment_ids_BL[:, None, :]
        visible_BQL = ops.logical_and(visible_BQL, same_BQL)
    distances_QL = ops.maximum(queries_Q[:, None] - steps_L[None, :], 0)
    buckets_BQL = None
    if lanes.times_BL is not None:
        buckets_BQL = time_buckets(ops.take(lanes.times_BL, queries_Q, axis=1), lanes.times_BL)
    return Past(visible_BQL, distances_QL, buckets_BQL)


def time_buckets(times_BQ, times_BL):
    """``floor(log2(1 + seconds))`` from each event to each later one of its sequence.

    Args:
        times_BQ: int32, seconds from the first event of the sequence to those that ask.
        times_BL: int32, likewise to all.

    Returns:
        int32 [B, Q, L], 0 to 31: bucket of the time from the second position to
        the first; 0 where that one is not later.
    """
    passed_BQL = ops.maximum(times_BQ[:, :, None] - times_BL[:, None, :], 0)
    # A logarithm rounds differently from one backend to the next, a comparison does not.
    return ops.digitize(ops.cast(passed_BQL, "float32"), _BUCKET_BEGINS)
