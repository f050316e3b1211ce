"""Ids and other texts as numbers, in TensorFlow."""

from collections.abc import Sequence

import tensorflow as tf

from recsys.data.sources.text import EDGES, WHOLE
from recsys.export.inputs import UNKNOWN


def lookup_table(
    keys: Sequence[str], first: int = 0, missing: int = UNKNOWN
) -> tf.lookup.StaticHashTable:
    """A table from text to consecutive int32 numbers."""
    numbers = tf.range(first, first + len(keys), dtype=tf.int32)
    initializer = tf.lookup.KeyValueTensorInitializer(tf.constant(keys, tf.string), numbers)
    return tf.lookup.StaticHashTable(initializer, default_value=missing)


def look_up(table: tf.lookup.StaticHashTable, ids: tf.Tensor, missing: int = UNKNOWN) -> tf.Tensor:
    """Numbers of ids, as :func:`recsys.data.sources.text.normal_id` has them where needed."""
    found = table.lookup(ids)
    is_stranger = (found == missing) & (ids != "")

    def normalised() -> tf.Tensor:
        # Of the strangers alone: the expressions cost a batch of histories tens of milliseconds.
        places = tf.where(is_stranger)
        strangers = _normal(tf.gather_nd(ids, places))
        return tf.tensor_scatter_nd_update(found, places, table.lookup(strangers))

    return tf.cond(tf.reduce_any(is_stranger), normalised, lambda: found)


def _normal(ids: tf.Tensor) -> tf.Tensor:
    trimmed = tf.strings.regex_replace(ids, EDGES, "")
    return tf.strings.regex_replace(trimmed, WHOLE, r"\1")
