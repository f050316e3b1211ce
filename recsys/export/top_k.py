"""The highest scores of many, in TensorFlow.

Legend of shapes: B queries, N items, G items of a group, C items of the best groups, K answers.
"""

import tensorflow as tf

# Items of a group: as many as a CPU compares in a few instructions, and few to look at in the end.
GROUP = 32
# With fewer groups than so many for each answer, they are not worth looking at.
GROUPS_PER_ANSWER = 2


def filling(items: int, k: int) -> int:
    """How many items must be added to so many, that :func:`top_k` finds k of them in groups."""
    return -items % GROUP if _is_grouped(items, k) else 0


def top_k(scores_BN: tf.Tensor, k: int) -> tuple[tf.Tensor, tf.Tensor]:
    """What ``tf.math.top_k`` finds, of many items sooner.

    The k best items lie in the k groups with the highest maxima, and of equal ones those with the
    lowest numbers in the groups that come first. Maxima of neighbours are found at the speed of
    memory, and ``tf.math.top_k``, which works a heap, sees k groups and their k · G items instead
    of all.

    Args:
        scores_BN: the number of items is known, and needs no :func:`filling`.
        k: how many.

    Returns:
        Scores [B, K], descending, and their places, int32 [B, K]; of equal ones the first first.

    Example:

    >>> scores, places = top_k(tf.constant([[1.0, 3.0, 3.0]]), 2)
    >>> places.numpy().tolist()
    [[1, 2]]
    """
    items = scores_BN.shape[1]
    if not _is_grouped(items, k):
        return tf.math.top_k(scores_BN, k=k)
    queries = tf.shape(scores_BN)[0]
    grouped_BNG = tf.reshape(scores_BN, [queries, items // GROUP, GROUP])
    _, groups_BK = tf.math.top_k(tf.reduce_max(grouped_BNG, axis=2), k=k, sorted=False)
    # In their order: so of equal scores the first item comes first.
    groups_BK = tf.sort(groups_BK, axis=1)
    nearer_BC = tf.reshape(tf.gather(grouped_BNG, groups_BK, batch_dims=1), [queries, k * GROUP])
    score_BK, places_BK = tf.math.top_k(nearer_BC, k=k)
    group_BK = tf.gather(groups_BK, places_BK // GROUP, batch_dims=1)
    return score_BK, group_BK * GROUP + places_BK % GROUP


def _is_grouped(items: int, k: int) -> bool:
    return items >= GROUP * GROUPS_PER_ANSWER * k
