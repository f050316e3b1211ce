"""The events of a history that an encoder reads, in TensorFlow.

Legend of shapes: B queries, E events of a history, W of them that are read.
"""

import tensorflow as tf


class Window:
    """The last known events of each history, in order, right-padded.

    Args:
        known_BE: bool, which events are known.
        most: how many are read.

    Attributes:
        length_B: int32, how many each history has.

    Example:

    >>> window = Window(tf.constant([[True, False, True, True]]), most=2)
    >>> window.of(tf.constant([[5, 0, 6, 7]])).numpy().tolist(), window.length_B.numpy().tolist()
    ([[6, 7]], [2])
    """

    def __init__(self, known_BE: tf.Tensor, most: int) -> None:
        counted_BE = tf.cast(known_BE, tf.int32)
        # Of each event, itself and the known ones that follow.
        left_BE = tf.cumsum(counted_BE, axis=1, reverse=True)
        self.length_B = tf.minimum(tf.reduce_sum(counted_BE, axis=1), most)
        # Encoders read the last position of a history, so there is always one.
        self._width = tf.maximum(tf.reduce_max(self.length_B), 1)
        places_BE = self.length_B[:, tf.newaxis] - left_BE
        # All others are written behind the window.
        places_BE = tf.where(known_BE & (places_BE >= 0), places_BE, self._width)
        queries_BE = tf.zeros_like(places_BE) + tf.range(tf.shape(places_BE)[0])[:, tf.newaxis]
        self._places_BE2 = tf.stack([queries_BE, places_BE], axis=2)

    def of(self, values_BE: tf.Tensor) -> tf.Tensor:
        """The values of the window's events, [B, W]; 0 behind a history's end."""
        shape = [tf.shape(values_BE)[0], self._width + 1]
        return tf.scatter_nd(self._places_BE2, values_BE, shape)[:, :-1]
