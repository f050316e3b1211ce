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
        # Of each event, itself and the known ones before it.
        counted_BE = tf.cumsum(tf.cast(known_BE, tf.int32), axis=1)
        known_B = tf.reduce_sum(tf.cast(known_BE, tf.int32), axis=1)
        self.length_B = tf.minimum(known_B, most)
        # Encoders read the last position of a history, so there is always one.
        width = tf.maximum(tf.reduce_max(self.length_B), 1)
        wanted_BW = (known_B - self.length_B)[:, tf.newaxis] + tf.range(1, width + 1)
        # Behind a history's end it is the place behind all events.
        counted_BE = tf.pad(counted_BE, [[0, 0], [0, 1]], constant_values=tf.int32.max)
        self._places_BW = tf.searchsorted(counted_BE, wanted_BW)

    def of(self, values_BE: tf.Tensor) -> tf.Tensor:
        """The values of the window's events, [B, W]; 0 behind a history's end."""
        return tf.gather(tf.pad(values_BE, [[0, 0], [0, 1]]), self._places_BW, batch_dims=1)
