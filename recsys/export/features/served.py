"""What a feature kind is to the served model: an input, and its encoding in TensorFlow.

Legend of shapes: B queries, V values of each.
"""

from collections.abc import Sequence
from typing import Protocol

import tensorflow as tf

from recsys.data.feature import Feature


class ServedFeature(Protocol):
    """A feature of users or events that callers send, of one kind. Nothing else here asks which.

    Of events, the values of all events of all queries come one after the other, a row each.

    Args:
        feature: describes the array.
        vocabulary: its values, from index 1 on; empty: it has none.

    Attributes:
        table: of the vocabulary, to be saved with the graph; None: the kind has none.
        spec: of the input, a row per query.
    """

    def __init__(self, feature: Feature, vocabulary: Sequence[str]) -> None: ...

    @property
    def table(self) -> tf.lookup.StaticHashTable | None: ...

    @property
    def spec(self) -> tf.TensorSpec: ...

    def encode(self, values: tf.Tensor) -> tf.Tensor:
        """Rows of the array, as the kind's ``encode`` in ``recsys/data/prepare/features`` has them.

        Args:
            values: as ``spec`` has them.
        """
        ...


class BaseServedFeature:
    """What kinds without a vocabulary say of themselves; see :class:`ServedFeature`."""

    table: tf.lookup.StaticHashTable | None = None

    def __init__(self, feature: Feature, vocabulary: Sequence[str]) -> None:
        self.feature = feature
